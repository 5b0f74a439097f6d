package patcher

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/version"
	"gocare/kpatch"
	"gocare/ld"
)

// Options say what patches to make of a plan.
type Options struct {
	ID          string
	BuildID     string    // overrides the rebuilt binary's, "" if not
	Shipped     []Shipped // the binaries that the rebuilt ones are proved to be
	Description string
	BuildTime   uint64                     // seconds since 1970; the same input gives the same file
	Keep        func(name string) bool     // which changed functions to take; nil takes all
	Identity    func(name string) bool     // which unchanged ones to take as well, as they are; may be nil
	Allow       func(code fault.Code) bool // which refusals the user overrides
	NoRestore   bool                       // compare without the compile with the old line numbers
	Dirs        Dirs
}

// Product is what making a target gave: a patch, or none because no function of it changed.
type Product struct {
	Target     Target
	BuildID    string // of the header and the file name
	Patch      *kpatch.Patch
	Data       []byte // the file; nil if nothing changed
	Units      []UnitReport
	Skipped    []ld.Skipped   // functions that are not in the patch though chosen, with the reason
	Overridden []*fault.Error // refusals that the user overrode
}

// Make turns every target of the plan into a patch, in memory. With an error come the products up to the one that failed, of which
// what is known.
func Make(ctx context.Context, store *buildtree.Store, p *Plan, o Options) ([]Product, error) {
	src, err := loadSources(store, p.Files, o.Dirs)
	if err != nil {
		return nil, err
	}
	m := &maker{store: store, o: o, plan: p, sources: src}
	var made []Product
	for i := range p.Targets {
		product, err := m.product(ctx, &p.Targets[i])
		made = append(made, product)
		if err != nil {
			return made, noPatch(err)
		}
	}
	return made, nil
}

// maker makes the products of a plan.
type maker struct {
	store   *buildtree.Store
	o       Options
	plan    *Plan
	sources *sources
}

// product makes one target: its units by themselves, then what the rules of the link say, then the patch.
func (m *maker) product(ctx context.Context, t *Target) (Product, error) {
	units, err := m.units(ctx, t)
	if err != nil {
		return describe(t, &link{units: units}), err
	}
	l, err := m.openLink(t, units)
	if err != nil {
		return describe(t, &link{units: units}), err
	}
	l, err = m.settle(ctx, l)
	if err != nil {
		return describe(t, l), err
	}
	if !slices.ContainsFunc(l.indexes(), l.takesEffect) {
		return describe(t, l), l.checkAdditions()
	}
	if t.BuildID == "" {
		return describe(t, l), fault.Refuse(fault.NoBuildID, t.Path, "the binary has no BuildID").
			WithState("no patch written").WithHint("link it with -Wl,--build-id")
	}
	return m.patch(ctx, t, l)
}

// units takes the units of a target all the way, each by itself. The refusal of the first one that is refused counts; those behind it are
// still in the result.
func (m *maker) units(ctx context.Context, t *Target) ([]assembledUnit, error) {
	units, errs := make([]assembledUnit, len(t.Units)), make([]error, len(t.Units))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i := range t.Units {
		g.Go(func() error {
			units[i], errs[i] = m.unit(ctx, &t.Units[i])
			return nil
		})
	}
	_ = g.Wait() // errs hold the failures
	for _, err := range errs {
		if err != nil {
			return units, err
		}
	}
	return units, nil
}

// describe is the product of a link as far as it is known, without a patch.
func describe(t *Target, l *link) Product {
	p := Product{Target: *t, BuildID: t.BuildID}
	for i := range l.units {
		u := &l.units[i]
		p.Units = append(p.Units, u.report)
		p.Overridden = append(p.Overridden, u.overridden...)
		for _, e := range l.overridden {
			if e.unit == i {
				p.Overridden = append(p.Overridden, e.Error)
			}
		}
	}
	return p
}

// headerID returns the BuildID of the binary that a patch for the target is for.
func (m *maker) headerID(t *Target) (string, error) {
	if m.o.BuildID != "" {
		return m.o.BuildID, nil
	}
	if len(m.o.Shipped) == 0 {
		return t.BuildID, nil
	}
	rebuilt, err := loadObject(m.store, t.Binary)
	if err != nil {
		return "", err
	}
	return matchShipped(t.Path, rebuilt, m.o.Shipped)
}

// meta is what the patch says of itself.
func (m *maker) meta(t *Target, l *link, carried []string) kpatch.Meta {
	meta := kpatch.Meta{
		Tool: "gocare " + version.String, Description: m.o.Description, Compiler: m.plan.Compiler,
		Sources: m.plan.Patches, Unproved: m.o.BuildID != "" && m.o.BuildID != t.BuildID,
	}
	if rel, err := filepath.Rel(m.o.Dirs.Installed, t.Path); err == nil {
		meta.Target = rel
	}
	for i, u := range t.Units {
		if l.units[i].object != nil {
			meta.Units = append(meta.Units, kpatch.UnitInfo{Source: u.Source, SHA256: u.SHA256})
		}
	}
	for _, name := range carried {
		meta.Units = append(meta.Units, kpatch.UnitInfo{Source: name})
	}
	slices.SortFunc(meta.Units, func(a, b kpatch.UnitInfo) int { return strings.Compare(a.Source, b.Source) })
	return meta
}

// noPatch adds to an error what it leaves.
func noPatch(err error) error { return fault.Leaves(err, "no patch written") }

// source reads the source of a unit if it is still what the original was compiled from, or as the patches leave it.
func (m *maker) source(u *Unit) []byte {
	path := u.Source
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.o.Dirs.Source, path)
	}
	data, err := os.ReadFile(path)
	if err != nil || digest(data) != u.SHA256 {
		return nil
	}
	return data
}
