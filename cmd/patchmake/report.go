package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/kpatch"
	"gocare/ld"
)

// check refuses a run that made nothing, and a --buildid that cannot mean one binary.
func (made products) check(f *filter, o options) error {
	patches := made.withPatch()
	if len(patches) == 0 {
		return made.nothing(f)
	}
	if o.BuildID != "" && len(patches) > 1 {
		names := make([]string, len(patches))
		for i, m := range patches {
			names[i] = m.Target.Path
		}
		return fault.Refuse("buildid-ambiguous", "", "--buildid names one binary, but the patch changes %d: %s", len(patches), strings.Join(names, ", ")).
			WithState("no patch written").WithHint("narrow the patch with --functions, or leave --buildid out")
	}
	return nil
}

func (made products) nothing(f *filter) error {
	if left := made.leftOut(); len(left) > 0 {
		return fault.Refuse("filter-empty", f.Source, "the filter leaves nothing: all changed functions are left out: %s", strings.Join(left, ", ")).
			WithState("no patch written").WithHint("list the functions to patch in the filter")
	}
	return fault.Refuse("nothing-changed", "", "nothing changed in the code of the installed binaries").
		WithState("no patch written").WithHint("the source patch has no effect on what the compiler writes for them; patchmake explain lists the functions that were compared")
}

// leftOut names the changed functions that the filter left out.
func (made products) leftOut() []string {
	var names []string
	for _, m := range made {
		for _, u := range m.Units {
			for _, name := range u.LeftOut {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// reportChoices says which filter was used, what was left out, and what is not proved.
func (w *workspace) reportChoices(f *filter, made products) {
	if f.active() {
		w.u.Info("function filter: %s; left out: %s", f.Source, orNone(strings.Join(made.leftOut(), ", ")))
	} else {
		w.u.Info("function filter: none")
	}
	for _, e := range made.overridden(w.overridden) {
		w.u.Warn("overridden with --allow %s: %v", e.Code, e)
	}
	for _, m := range made {
		for _, s := range m.Skipped {
			w.u.Info("%s: %s: %s: not in the patch: %s", m.Target.Path, s.Unit, s.Function, s.Reason)
		}
		if w.o.BuildID != "" && w.o.BuildID != m.Target.BuildID && m.Data != nil {
			w.u.Warn("%s has BuildID %s: that its addresses are those of the binary with BuildID %s is unproved",
				m.Target.Path, orNone(m.Target.BuildID), w.o.BuildID)
		}
	}
}

// overridden returns the refusals that --allow overrode, after those of the comparison as a whole.
func (made products) overridden(first []*fault.Error) []*fault.Error {
	all := slices.Clone(first)
	for _, m := range made {
		for _, u := range m.Units {
			all = append(all, u.overridden...)
		}
	}
	return all
}

// report is the JSON document of a making run.
type report struct {
	Patches    []patchReport    `json:"patches"`
	Filter     string           `json:"filter,omitempty"`
	LeftOut    []string         `json:"left_out,omitempty"`
	Overridden []overrideReport `json:"overridden,omitempty"`
	DryRun     bool             `json:"dry_run,omitempty"`
	Took       effort           `json:"took"`
}

// overrideReport is a refusal that --allow overrode.
type overrideReport struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type patchReport struct {
	Target    string   `json:"target"`
	BuildID   string   `json:"build_id"`
	ID        string   `json:"id"`
	File      string   `json:"file"`
	Bytes     int      `json:"bytes"`
	Functions []string `json:"functions"`
}

func (w *workspace) report(made products, f *filter, took effort) report {
	r := report{Patches: []patchReport{}, Filter: f.Source, LeftOut: made.leftOut(), DryRun: w.o.DryRun, Took: took}
	for _, m := range made.withPatch() {
		r.Patches = append(r.Patches, patchReport{
			Target: m.Target.Path, BuildID: m.BuildID, ID: w.o.ID, File: w.patchPath(m), Bytes: len(m.Data), Functions: functionNames(m.Patch),
		})
	}
	for _, e := range made.overridden(w.overridden) {
		r.Overridden = append(r.Overridden, overrideReport{e.Code, e.Error()})
	}
	return r
}

func functionNames(p *kpatch.Patch) []string {
	names := []string{}
	for _, fn := range p.Functions {
		names = append(names, fn.Name)
	}
	return names
}

// lastRun is what explain reads: the decisions of the last run in a tree.
type lastRun struct {
	Targets []lastTarget `json:"targets"`
	Same    []string     `json:"same"` // sources compiled to the same object
}

type lastTarget struct {
	Path    string       `json:"path"`
	Units   []unitResult `json:"units"`
	Skipped []ld.Skipped `json:"skipped,omitempty"` // not in the patch though chosen
}

const runFile = "run.json"

func (w *workspace) saveRun(p *plan, made products) error {
	run := lastRun{Same: p.Same}
	for _, m := range made {
		units := slices.DeleteFunc(slices.Clone(m.Units), func(u unitResult) bool { return u.Source == "" }) // not reached: one was refused
		run.Targets = append(run.Targets, lastTarget{Path: m.Target.Path, Units: units, Skipped: m.Skipped})
	}
	data, err := json.Marshal(run)
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(w.store.Dir(), runFile), data, 0o644)
}

func loadRun(store string) (*lastRun, error) {
	data, err := os.ReadFile(filepath.Join(store, runFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Refused, store, "no run of patchmake is recorded here").WithHint("run patchmake in this tree first")
	}
	if err != nil {
		return nil, err
	}
	run := &lastRun{}
	return run, json.Unmarshal(data, run)
}

// explanation says what became of a function: "t_zset.c: zaddGenericCommand: changed (edit, t_zset.c:1834)". For a changed
// one, the first instruction that differs follows, as it was and as it is.
func explanation(u unitResult, f diffasm.Function) []string {
	line := fmt.Sprintf("%s: %s: %s", u.Source, f.Name, f.Status)
	why := f.Reason
	switch {
	case f.Status == diffasm.LineOnly:
		line = fmt.Sprintf("%s: %s: %s", u.Source, f.Name, diffasm.Same)
	case f.Status != diffasm.Same && f.Line > 0 && why == "header":
		why += fmt.Sprintf(" %s:%d", filepath.Base(f.File), f.Line)
	case f.Status != diffasm.Same && f.Line > 0:
		why += fmt.Sprintf(", %s:%d", filepath.Base(f.File), f.Line)
	}
	if why != "" {
		line += " (" + why + ")"
	}
	if slices.Contains(u.LeftOut, f.Name) {
		line += ", left out by the filter"
	}
	lines := []string{line}
	if f.Status == diffasm.Changed {
		at := ""
		if f.At != "" {
			at = "  (" + filepath.Base(f.At) + ")"
		}
		lines = append(lines, "  was: "+orNone(f.Before), "  now: "+orNone(f.After)+at)
	}
	return lines
}
