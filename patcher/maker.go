package patcher

import (
	"os"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/planner"
)

// Options say what patches to make of a plan.
type Options struct {
	ID          string
	BuildID     string            // overrides the rebuilt binary's, "" if not
	Shipped     []planner.Shipped // the binaries that the rebuilt ones are proved to be
	Description string
	CVEs        []string                   // what these fix; nil takes what the patches and the description name
	Bases       []string                   // ids of patches whose changes these have too
	BuildTime   uint64                     // seconds since 1970; the same input gives the same file
	Keep        func(name string) bool     // which changed functions to take; nil takes all
	Identity    func(name string) bool     // which unchanged ones to take as well, as they are; may be nil
	Allow       func(code fault.Code) bool // which refusals the user overrides
	NoRestore   bool                       // compare without the compile with the old line numbers
	Dirs        planner.Dirs
}

// cves returns what the patches fix: what the user says, else what source patches and description name.
func (o *Options) cves(named []string) []string {
	if len(o.CVEs) > 0 {
		return kpname.CVEs(o.CVEs...)
	}
	return kpname.CVEs(append(slices.Clone(named), o.Description)...)
}

// maker makes the products of a plan.
type maker struct {
	store   *buildtree.Store
	o       Options
	plan    *planner.Plan
	sources *sources
	marks   diffasm.Marks // what the source patch says by macros of gocare.h, in all units
	// typeMarks are those of them that are about types.
	typeMarks []typeMark
}

// noPatch adds to an error what it leaves.
func noPatch(err error) error { return fault.Leaves(err, "no patch written") }

// source reads the source of a unit if it is still what the original was compiled from, or as the patches leave it.
func (m *maker) source(u *planner.Unit) []byte {
	path := u.Source
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.o.Dirs.Source, path)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(buildtree.DigestOf(data)) != u.SHA256 {
		return nil
	}
	return data
}
