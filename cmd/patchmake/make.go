package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/internal/toolexec"
	"gocare/internal/version"
	"gocare/kpatch"
	"gocare/ld"
)

// product is what making a target gave: a patch, or none because no function of it changed.
type product struct {
	Target  target
	BuildID string // of the header and the file name
	Patch   *kpatch.Patch
	Data    []byte // the file; nil if nothing changed
	Units   []unitResult
	Skipped []ld.Skipped // functions that are not in the patch though chosen, with the reason
	carried []string     // names of the target's additions that are in the patch
}

// unitResult is what became of one unit.
type unitResult struct {
	Source    string             `json:"source"`
	Functions []diffasm.Function `json:"functions"` // all of the unit
	InPatch   []string           `json:"in_patch"`  // names of those that are in the patch
	LeftOut   []string           `json:"left_out"`  // names of changed ones that the filter left out
	onlyNew   bool               // all of InPatch are new: by itself the unit changes nothing
	emitted   *diffasm.Emitted   // nil if nothing of the unit is in the patch
	object    *elfobj.File
	delta     *diffasm.Delta
	selection *diffasm.Selection
	prototype []layout.Change  // functions with another prototype
	detached  []string         // functions of the original that only the patch calls: see workspace.detach
	stale     []diffasm.Stale  // functions that are gone and cannot go on: see workspace.checkStale
	match     diffasm.Matching // what was known for telling static locals apart
	unproved  []string         // static locals that it refers to and that were paired by likeness alone
	skipped   []ld.Skipped     // unchanged ones that were asked for and cannot be carried
	// overridden are the refusals that --allow overrode.
	overridden []*fault.Error
}

type products []product

// makePatches turns every target of the plan into a patch, in memory.
func (w *workspace) makePatches(ctx context.Context, p *plan, f *filter) (products, error) {
	var made products
	src, err := w.loadSources(p)
	if err != nil {
		return nil, err
	}
	for _, t := range p.Targets {
		m, err := w.makePatch(ctx, p, t, judge{f, src, callers{}, map[string]bool{}})
		made = append(made, m)
		if err != nil {
			return nil, errors.Join(err, w.saveRun(p, made))
		}
	}
	return made, w.saveRun(p, made)
}

func (w *workspace) makePatch(ctx context.Context, p *plan, t target, j judge) (product, error) {
	m := product{Target: t, BuildID: t.BuildID, Units: make([]unitResult, len(t.Units))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i, u := range t.Units {
		g.Go(func() (err error) {
			m.Units[i], err = w.makeUnit(gctx, u, j)
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = w.addWanted(ctx, &m, j)
	}
	if err == nil {
		err = w.detach(ctx, &m, j)
	}
	if err == nil {
		err = w.checkStale(&m)
	}
	if err == nil {
		err = w.checkRemoved(&m)
	}
	if err == nil {
		err = w.checkNames(&m)
	}
	if err != nil {
		return m, noPatch(err)
	}
	if !slices.ContainsFunc(m.Units, func(r unitResult) bool { return r.object != nil && !r.onlyNew }) {
		return m, noPatch(w.checkAdditions(t)) // nothing that runs would change
	}
	if t.BuildID == "" {
		return m, fault.Refuse("no-build-id", t.Path, "the binary has no BuildID").
			WithState("no patch written").WithHint("link it with -Wl,--build-id")
	}
	err = w.assemblePatch(ctx, p, &m)
	return m, noPatch(err)
}

// noPatch adds to an error what it leaves.
func noPatch(err error) error { return leaves(err, "no patch written") }

// leaves adds the state to an error that names none.
func leaves(err error, state string) error {
	if e := fault.As(err); e != nil && e.State == "" {
		e.State = state
	}
	return err
}

// judge is what decides about the functions of a unit, besides their code.
type judge struct {
	filter  *filter
	sources *sources
	callers callers
	wanted  map[string]bool // new variables that other units use
}

// makeUnit compares one unit and assembles what changed, with what other units want of it.
func (w *workspace) makeUnit(ctx context.Context, u unit, j judge) (unitResult, error) {
	r, err := w.compareUnit(u, j)
	if err != nil || r.emitted == nil {
		return r, err
	}
	r.object, err = w.assemble(ctx, u.Source, &u.Record, r.emitted.Asm)
	return r, err
}

// compareUnit compares one unit and decides everything about it: what changed, what is bound to what, what is refused.
func (w *workspace) compareUnit(u unit, j judge) (unitResult, error) {
	r := unitResult{Source: u.Source}
	v, err := w.parseVersions(u)
	if err != nil {
		return r, err
	}
	o := w.diffOptions(j.filter)
	o.Data = func(name string) bool { return j.wanted[name] }
	o.Also = j.callers.of(u)
	if v.orig.HasStatics() || v.patched.HasStatics() {
		w.borrowDebug(u, v.orig, v.patched)
	}
	r.match = diffasm.Matching{Sources: j.sources.declared(u), Plain: isPlain(&u.Record)}
	if v.restored == nil { // else that tells more
		r.match.Moved = j.sources.moved(u)
	}
	compare := func() error {
		d, err := v.match(r.match)
		if err != nil {
			return err
		}
		j.sources.explain(u, d, w.unitSource(u))
		return r.decide(d, o)
	}
	err = compare()
	if (err != nil || r.changed()) && w.borrowDebug(u, v.orig, v.patched) {
		err = compare()
	}
	if err != nil || r.emitted == nil {
		return r, err
	}
	if err := r.checkProved(); err != nil && !w.overrides(&r, err) {
		return r, err
	}
	return r, w.checkLayouts(u, &r)
}

// versions is the assembly of one unit.
type versions struct {
	orig, patched *diffasm.File
	restored      *diffasm.File // the patched one with the old line numbers, nil without
	stamped       *diffasm.File // the original one compiled at the patched one's time, nil where that does not matter
}

func (w *workspace) parseVersions(u unit) (v versions, err error) {
	restored := u.Restored
	if w.o.NoLineCompile {
		restored = ""
	}
	ids := []buildtree.Digest{u.Orig, u.Patched, restored, u.Stamped}
	files, err := parseAll(len(ids), func(i int) (*diffasm.File, error) { return w.parseAsm(u.Source, ids[i]) })
	if err != nil {
		return v, err
	}
	return versions{orig: files[0], patched: files[1], restored: files[2], stamped: files[3]}, nil
}

// match compares the versions of a unit.
func (v versions) match(k diffasm.Matching) (*diffasm.Delta, error) {
	d, err := k.Match(v.orig, v.patched, v.restored)
	if err != nil || v.stamped == nil {
		return d, err
	}
	later, err := k.Match(v.stamped, v.patched, v.restored)
	if err == nil {
		d.Stamps(later)
	}
	return d, err
}

// changed reports whether any function is not as it was.
func (r *unitResult) changed() bool {
	return slices.ContainsFunc(r.Functions, func(f diffasm.Function) bool { return f.Status != diffasm.Same && f.Status != diffasm.LineOnly })
}

// compare compares two versions of which no third one is known.
func (r *unitResult) compare(match diffasm.Matching, orig, patched *diffasm.File, o diffasm.Options) error {
	delta, err := match.Match(orig, patched, nil)
	if err != nil {
		return err
	}
	return r.decide(delta, o)
}

// decide is the pure part: it fills everything but the object.
func (r *unitResult) decide(delta *diffasm.Delta, o diffasm.Options) error {
	r.Functions, r.delta = delta.Functions, delta
	sel, err := diffasm.Decide(delta, o)
	if err != nil {
		return err
	}
	r.Functions = decided(delta.Functions, sel.Functions)
	r.InPatch, r.LeftOut, r.overridden = names(sel.Functions), names(sel.LeftOut), sel.Overridden
	for _, f := range sel.Skipped {
		r.skipped = append(r.skipped, ld.Skipped{Unit: r.Source, Function: f.Name, Reason: f.Reason})
	}
	if sel.Empty() {
		return nil
	}
	r.onlyNew = sel.OnlyNew()
	r.selection = sel
	r.emitted, err = diffasm.Emit(sel)
	if err == nil {
		r.unproved = unproved(delta, r.emitted)
	}
	return err
}

// isPlain reports whether a unit was surely compiled without optimisation.
func isPlain(u *buildtree.Unit) bool {
	level := "-O0"
	for _, a := range u.Argv {
		if strings.HasPrefix(a, "-O") {
			level = a
		}
	}
	return level == "-O0" && slices.Contains(u.Argv, u.Source)
}

// decided is all functions with the reasons of those that were chosen.
func decided(all, chosen []diffasm.Function) []diffasm.Function {
	list := slices.Clone(all)
	for i := range list {
		if n := slices.IndexFunc(chosen, func(f diffasm.Function) bool { return f.Name == list[i].Name && list[i].Status != diffasm.Gone }); n >= 0 {
			list[i] = chosen[n]
		}
	}
	return list
}

// unproved lists the static locals that were paired by likeness alone and that the patch refers to; without debug
// information also those that only code stands on that looks unchanged.
func unproved(d *diffasm.Delta, e *diffasm.Emitted) []string {
	var names []string
	for _, v := range d.Variables {
		if slices.Contains(d.Unproved, v.Name) && v.Orig != "" && (!d.Debug || slices.Contains(e.Statics, v.Name)) {
			names = append(names, v.Name)
		}
	}
	return names
}

// borrowDebug gives both versions the debug information of a compile with -g, which tells static locals apart. It
// reports whether there is any that they did not have, of the same code.
func (w *workspace) borrowDebug(u unit, orig, patched *diffasm.File) (borrowed bool) {
	for id, f := range map[buildtree.Digest]*diffasm.File{u.OrigDebug: orig, u.PatchedDebug: patched} {
		if id == "" || f.Borrowed() {
			continue
		}
		if debug, err := w.parseAsm(u.Source, id); err == nil && f.BorrowDebug(debug) {
			borrowed = true
		}
	}
	return borrowed
}

// checkProved refuses a patch that rests on a guess which static local is which.
func (r *unitResult) checkProved() *fault.Error {
	if len(r.unproved) == 0 {
		return nil
	}
	return fault.Refuse("static-unproved", r.Source, "which static local is which cannot be proved for %s", strings.Join(r.unproved, ", ")).
		WithHint("build with -g; --allow static-unproved pairs them by likeness")
}

func (w *workspace) diffOptions(f *filter) diffasm.Options {
	o := diffasm.Options{Keep: f.keeps, Allow: w.allows}
	if len(w.o.Identity) > 0 {
		o.Identity = (&filter{Globs: w.o.Identity}).keeps
	}
	return o
}

func names(functions []diffasm.Function) []string {
	list := []string{}
	for _, f := range functions {
		list = append(list, f.Name)
	}
	return list
}

// parseAll parses several versions of a unit at once.
func parseAll(n int, parse func(int) (*diffasm.File, error)) ([]*diffasm.File, error) {
	files := make([]*diffasm.File, n)
	var g errgroup.Group
	for i := range n {
		g.Go(func() (err error) {
			files[i], err = parse(i)
			return err
		})
	}
	return files, g.Wait()
}

// parseAsm parses assembly of the record, nil for none.
func (w *workspace) parseAsm(source string, id buildtree.Digest) (*diffasm.File, error) {
	if id == "" {
		return nil, nil
	}
	data, err := w.store.Blob(id)
	if err != nil {
		return nil, fmt.Errorf("%s: assembly in the record: %w", source, err)
	}
	return diffasm.Parse(source, data)
}

func (w *workspace) allows(code string) bool { return slices.Contains(w.o.Allow, code) }

// overrides reports whether --allow overrides a refusal of a unit, and notes it.
func (w *workspace) overrides(r *unitResult, e *fault.Error) bool {
	if !w.allows(e.Code) {
		return false
	}
	r.overridden = append(r.overridden, e)
	return true
}

// assemble runs the unit's own assembler with its own options.
func (w *workspace) assemble(ctx context.Context, source string, record *buildtree.Unit, asm []byte) (*elfobj.File, error) {
	dir, err := os.MkdirTemp(w.store.Dir(), "assemble-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	src, obj := filepath.Join(dir, "unit.s"), filepath.Join(dir, "unit.o")
	if err := os.WriteFile(src, asm, 0o644); err != nil {
		return nil, err
	}
	cmd := toolexec.Cmd{Dir: record.Dir, Path: record.As, Args: record.AssembleArgs(src, obj)}
	ended := others(ctx)
	_, err = toolexec.Run(ctx, cmd)
	ended()
	if err != nil {
		return nil, fault.New(fault.Bug, source, "the assembler refuses the patch's assembly").WithCause(err)
	}
	return elfobj.Load(obj)
}

func (w *workspace) meta(p *plan, m *product) kpatch.Meta {
	meta := kpatch.Meta{
		Tool: "gocare " + version.String, Description: w.o.Description, Compiler: p.Compiler,
		Sources: p.Patches, Unproved: w.o.BuildID != "" && w.o.BuildID != m.Target.BuildID,
	}
	if rel, err := filepath.Rel(w.o.OriginalDir, m.Target.Path); err == nil {
		meta.Target = rel
	}
	for i, u := range m.Target.Units {
		if m.Units[i].object != nil {
			meta.Units = append(meta.Units, kpatch.UnitInfo{Source: u.Source, SHA256: u.SHA256})
		}
	}
	for _, name := range m.carried {
		meta.Units = append(meta.Units, kpatch.UnitInfo{Source: name})
	}
	sort.Slice(meta.Units, func(i, j int) bool { return meta.Units[i].Source < meta.Units[j].Source })
	return meta
}

// buildTime is SOURCE_DATE_EPOCH, else 0: the same input gives the same file.
func buildTime() uint64 {
	t, err := strconv.ParseUint(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return 0
	}
	return t
}

// write puts the patches into the patch root, all or none, and says where each one is.
func (w *workspace) write(made products) error {
	if w.o.DryRun {
		for _, m := range made.withPatch() {
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
		w.u.Info("patch for %s is in %s", m.Target.Path, w.patchPath(m))
	}
	return nil
}

func (w *workspace) cannotWrite(err error) error {
	return fault.New(fault.Environment, w.o.PatchRoot, "cannot write the patch").WithCause(err).
		WithState("sources unchanged").WithHint("make the directory writable or set LPMAKE_PATCHROOT, then run patchmake --update")
}

func (w *workspace) patchPath(m product) string {
	return filepath.Join(w.o.PatchRoot, m.BuildID+".kpatch")
}

func (made products) withPatch() products {
	var kept products
	for _, m := range made {
		if m.Data != nil {
			kept = append(kept, m)
		}
	}
	return kept
}
