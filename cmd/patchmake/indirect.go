package main

import (
	"context"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/isolate"
	"gocare/ld"
)

// indirectFlags make compilers reach the variables of other objects through the GOT only, gcc 12 and clang 12; code so
// compiled may call the original's functions, so it must not know what those spare.
var indirectFlags = [][]string{
	{"-mno-direct-extern-access", "-fno-ipa-ra"},
	{"-fno-direct-access-external-data"},
}

// compileIndirect compiles patched units so, where their code reaches for names in ways that cannot be rewritten. A
// compiler that cannot do it leaves them as they are.
func (c *comparison) compileIndirect(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	var records []*buildtree.Unit
	var results []*buildtree.Digest
	add := func(record *buildtree.Unit, asm buildtree.Digest, result *buildtree.Digest) {
		data, err := c.w.store.Blob(asm)
		if err == nil && compilable(record) && len(diffasm.Stubborn(data)) > 0 {
			records, results = append(records, record), append(results, result)
		}
	}
	for i := range targets {
		for j := range targets[i].Units {
			u := &targets[i].Units[j]
			add(&u.Record, u.Patched, &u.Indirect)
		}
		for j := range targets[i].New {
			if n := &targets[i].New[j]; n.Asm != "" {
				add(&n.Record, n.Asm, &n.Indirect)
			}
		}
	}
	for _, flags := range indirectFlags {
		asm, err := c.compileAll(ctx, box, records, flags...)
		if err != nil {
			return err
		}
		for i := range asm {
			if *results[i] == "" && asm[i].err == nil {
				*results[i] = asm[i].id
			}
		}
	}
	return nil
}

// recompiled is a unit that reaches for everything through the GOT, with the functions of the patch and no others changed;
// nil where that cannot be had.
func (w *workspace) recompiled(ctx context.Context, u unit, r *unitResult) (*unitResult, error) {
	if u.Indirect == "" || len(r.detached) > 0 {
		return nil, nil
	}
	orig, err := w.parseAsm(u.Source, u.Orig)
	if err != nil {
		return nil, err
	}
	patched, err := w.parseAsm(u.Source, u.Indirect)
	if err != nil {
		return nil, err
	}
	chosen := diffasm.Options{
		Data:  func(name string) bool { return slices.Contains(r.emitted.Globals, name) },
		Keep:  func(name string) bool { return slices.Contains(r.InPatch, name) },
		Allow: func(code string) bool { return code == "filter-split" || w.allows(code) },
	}
	out := &unitResult{Source: r.Source}
	if err := out.compare(r.match, orig, patched, chosen); err != nil || out.emitted == nil || len(out.unproved) > 0 {
		return nil, err
	}
	if !r.standsFor(out) {
		return nil, nil
	}
	for _, f := range out.emitted.Functions {
		if !out.delta.Spares(f.Orig) {
			return nil, nil
		}
	}
	out.object, err = w.assemble(ctx, u.Source, &u.Record, out.emitted.Asm)
	return out, err
}

// standsFor reports whether what a recompiled unit leaves out is unchanged: its callers then go to the original's.
func (r *unitResult) standsFor(out *unitResult) bool {
	for _, name := range out.LeftOut {
		same := func(f diffasm.Function) bool {
			return f.Name == name && (f.Status == diffasm.Same || f.Status == diffasm.LineOnly)
		}
		if !slices.ContainsFunc(r.Functions, same) {
			return false
		}
	}
	return true
}

// throughGOT resolves a unit so that it reaches for no variable of a library directly of which the original holds no
// copy: as it is, else with its text rewritten, else compiled for that.
func throughGOT(o *ld.Original, in input) (*ld.Resolved, error) {
	r, err := o.Resolve(in.unit)
	if err != nil {
		return nil, err
	}
	names := o.DirectImports(r)
	if len(names) == 0 {
		return r, nil
	}
	rewritten := in.unit
	if rewritten.Object, err = in.assemble(diffasm.ThroughGOT(in.asm, names)); err != nil {
		return nil, err
	}
	if r, err = o.Resolve(rewritten); err != nil || len(o.DirectImports(r)) == 0 || in.recompile == nil {
		return r, err
	}
	if unit, err := in.recompile(); err != nil || unit.Object != nil {
		if err != nil {
			return nil, err
		}
		return o.Resolve(unit)
	}
	return r, nil
}

// indirectly returns the object of an addition that reaches for these names through the GOT.
func (a *added) indirectly(names []string) (*elfobj.File, error) {
	f, err := a.assemble(diffasm.ThroughGOT(a.asm, names))
	if err != nil || a.indirect == nil {
		return f, err
	}
	if left := diffasm.Stubborn(a.asm); slices.ContainsFunc(left, func(name string) bool { return slices.Contains(names, name) }) {
		return a.assemble(a.indirect)
	}
	return f, nil
}
