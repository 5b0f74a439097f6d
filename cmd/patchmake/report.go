package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/meter"
	"gocare/internal/ui"
	"gocare/kpatch"
	"gocare/patcher"
)

// products is what a run made.
type products struct {
	list []patcher.Product
	// compared are the refusals of the comparison as a whole that --allow overrode.
	compared []*fault.Error
}

// check refuses a run that made nothing, nothing for the binary that is named, and a --buildid that cannot mean one binary.
func (made products) check(f *filter, o options, named string) error {
	patches := made.withPatch()
	if len(patches) == 0 {
		return made.nothing(f, o.Identity)
	}
	names := make([]string, len(patches))
	for i, m := range patches {
		names[i] = m.Target.Path
	}
	if named != "" && !slices.ContainsFunc(patches, func(m patcher.Product) bool { return m.BuildID == named }) {
		return fault.Refuse(fault.NothingChanged, "", "nothing changed in the code of the binary with BuildID %s, only in: %s", named, strings.Join(names, ", ")).
			WithState("no patch written").WithHint("leave --buildid out to make the patches of the others")
	}
	if o.BuildID != "" && len(patches) > 1 {
		return fault.Refuse(fault.BuildIDAmbiguous, "", "--buildid names one binary, but the patch changes %d: %s", len(patches), strings.Join(names, ", ")).
			WithState("no patch written")
	}
	return nil
}

func (made products) nothing(f *filter, identity []string) error {
	if len(identity) > 0 {
		return fault.Refuse(fault.FilterEmpty, "", "--identity: no function that was compiled matches %s", strings.Join(identity, ", ")).
			WithState("no patch written").WithHint("the names are those of the compiler: quote a glob, '*' for all")
	}
	if left := made.leftOut(); len(left) > 0 {
		return fault.Refuse(fault.FilterEmpty, f.Source, "the filter leaves nothing: all changed functions are left out: %s", strings.Join(left, ", ")).
			WithState("no patch written")
	}
	return fault.Refuse(fault.NothingChanged, "", "nothing changed in the code of the installed binaries").
		WithState("no patch written").WithHint("the source patch has no effect on what the compiler writes for them; patchmake explain --all lists the functions that were compared")
}

// leftOut names the changed functions that the filter left out.
func (made products) leftOut() []string {
	var names []string
	for _, m := range made.list {
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
		w.u.Info("function filter: %s; left out: %s", f.Source, cmp.Or(strings.Join(made.leftOut(), ", "), "none"))
	} else {
		w.u.Info("function filter: none")
	}
	for _, e := range made.overridden() {
		by := "with --allow"
		if e.Vouched {
			by = "by the source patch:"
		}
		w.u.Warn("overridden %s %s: %v", by, e.Code, e)
	}
	for _, m := range made.list {
		for _, s := range m.Skipped {
			w.u.Info("%s: %s: %s: not in the patch: %s", m.Target.Path, s.Unit, s.Function, s.Reason)
		}
		if names := endless(m); len(names) > 0 {
			w.u.Warn("%s: the patch replaces %s, which never returns: no process that is in it can be patched; start the program with carectl run",
				m.Target.Path, strings.Join(names, ", "))
		}
		if w.o.BuildID != "" && w.o.BuildID != m.Target.BuildID && m.Data != nil {
			w.u.Warn("%s has BuildID %s: that its addresses are those of the binary with BuildID %s is unproved",
				m.Target.Path, cmp.Or(m.Target.BuildID, "none"), w.o.BuildID)
		}
	}
}

// endless lists the functions that a patch replaces and that a process does not leave.
func endless(m patcher.Product) (names []string) {
	if m.Data == nil {
		return nil
	}
	for _, u := range m.Units {
		names = append(names, u.Endless...)
	}
	return names
}

// overridden returns the refusals that --allow or a source patch overrode, after those of the comparison as a whole.
func (made products) overridden() []*fault.Error {
	all := slices.Clone(made.compared)
	for _, m := range made.list {
		all = append(all, m.Overridden...)
	}
	return all
}

func (made products) withPatch() (kept []patcher.Product) {
	for _, m := range made.list {
		if m.Data != nil {
			kept = append(kept, m)
		}
	}
	return kept
}

// report is the JSON document of a making run.
type report struct {
	Patches    []patchReport    `json:"patches"`
	Filter     string           `json:"filter,omitempty"`
	LeftOut    []string         `json:"left_out,omitempty"`
	Overridden []overrideReport `json:"overridden,omitempty"`
	DryRun     bool             `json:"dry_run,omitempty"`
	Took       meter.Effort     `json:"took"`
}

// overrideReport is a refusal that --allow, or the source patch, overrode.
type overrideReport struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Source  bool       `json:"by_source_patch,omitempty"`
}

type patchReport struct {
	Target    string   `json:"target"`
	BuildID   string   `json:"build_id"`
	ID        string   `json:"id"`
	File      string   `json:"file"`
	Bytes     int      `json:"bytes"`
	Functions []string `json:"functions"`
	New       []string `json:"new,omitempty"` // those of them that replace none
}

func (w *workspace) report(made products, f *filter, took meter.Effort) report {
	r := report{Patches: []patchReport{}, Filter: f.Source, LeftOut: made.leftOut(), DryRun: w.o.DryRun, Took: took}
	for _, m := range made.withPatch() {
		r.Patches = append(r.Patches, newPatchReport(m, w.o.ID, w.patchPath(m)))
	}
	for _, e := range made.overridden() {
		r.Overridden = append(r.Overridden, overrideReport{e.Code, e.Error(), e.Vouched})
	}
	return r
}

func newPatchReport(m patcher.Product, id, file string) patchReport {
	return patchReport{
		Target: m.Target.Path, BuildID: m.BuildID, ID: id, File: file, Bytes: len(m.Data),
		Functions: functionNames(m.Patch, anyFunction), New: functionNames(m.Patch, (*kpatch.Function).IsNew),
	}
}

func functionNames(p *kpatch.Patch, wanted func(*kpatch.Function) bool) []string {
	names := []string{}
	for i := range p.Functions {
		if fn := &p.Functions[i]; !fn.IsGate() && !fn.HasRole() && wanted(fn) { // the entry of a gate's hook has the name, too
			names = append(names, fn.Name)
		}
	}
	return names
}

func anyFunction(*kpatch.Function) bool { return true }

func replaces(fn *kpatch.Function) bool { return !fn.IsNew() }

// sayReplaced says which functions a patch replaces, by name as far as a line holds them, and how many are new. It stands above the line
// with the patch, which scripts take for the last one.
func sayReplaced(target string, p *kpatch.Patch, u *ui.UI) {
	const most = 12
	names := functionNames(p, replaces)
	line := cmp.Or(strings.Join(names[:min(len(names), most)], ", "), "nothing")
	if more := len(names) - most; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	if n := len(functionNames(p, (*kpatch.Function).IsNew)); n > 0 {
		line += fmt.Sprintf("; %d new", n)
	}
	if !u.JSON() {
		u.Heading("%s: replaces %s", target, line)
	}
}

// write puts the patches into the patch root, all or none, and says where each one is.
func (w *workspace) write(made products) error {
	if w.o.DryRun {
		for _, m := range made.withPatch() {
			sayReplaced(m.Target.Path, m.Patch, w.u)
			w.u.Info("patch for %s would be %s (%d bytes, not written)", m.Target.Path, w.patchPath(m), len(m.Data))
		}
		return nil
	}
	if err := os.MkdirAll(w.o.PatchRoot, 0o777); err != nil {
		return w.cannotWrite(err)
	}
	for _, m := range made.withPatch() {
		if err := renameio.WriteFile(w.patchPath(m), m.Data, 0o644); err != nil {
			return w.cannotWrite(err)
		}
	}
	for _, m := range made.withPatch() {
		sayReplaced(m.Target.Path, m.Patch, w.u)
		w.u.Info("patch for %s is in %s", m.Target.Path, w.patchPath(m))
	}
	return nil
}

func (w *workspace) cannotWrite(err error) error {
	return fault.New(fault.Environment, w.o.PatchRoot, "cannot write the patch").WithCause(err).
		WithState("sources unchanged").WithHint("make the directory writable or set LPMAKE_PATCHROOT, then run patchmake --update")
}

func (w *workspace) patchPath(m patcher.Product) string {
	return filepath.Join(w.o.PatchRoot, m.BuildID+kpname.FileSuffix)
}
