package patcher

import (
	"context"
	"slices"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/ld"
)

// recompiled is a unit that reaches for everything through the GOT, with the functions of the patch and no others changed;
// nil where that cannot be had.
func (m *maker) recompiled(ctx context.Context, u *assembledUnit, want demand, detached bool) (*assembledUnit, error) {
	if u.unit.Indirect == "" || detached || len(want.moves.Variables) > 0 { // these are known by the symbols of what was built
		return nil, nil
	}
	patched, err := m.parse(u.unit, u.unit.Indirect)
	if err != nil {
		return nil, err
	}
	orig := diffasm.Nothing(patched)
	if u.unit.Orig != "" {
		if orig, err = m.parse(u.unit, u.unit.Orig); err != nil {
			return nil, err
		}
	}
	d, err := u.match.Match(orig, patched, nil)
	if err != nil {
		return nil, err
	}
	out, err := decide(comparedUnit{unit: u.unit, delta: d, match: u.match}, diffasm.Options{
		Data:      func(name string) bool { return slices.Contains(u.emitted.Globals, name) },
		Elsewhere: func(name string) bool { return want.elsewhere[name] },
		Moved:     want.literals, Moves: want.moves,
		Keep:  func(name string) bool { return slices.Contains(u.report.InPatch, name) },
		Allow: func(code fault.Code) bool { return code == fault.FilterSplit || m.o.Allow(code) },
	})
	if err != nil || out.emitted == nil || len(out.unproved) > 0 || !standsFor(u.report.Functions, out.report.LeftOut) {
		return nil, err
	}
	for _, f := range out.emitted.Functions {
		if !out.delta.Spares(f.Orig) {
			return nil, nil
		}
	}
	r, err := m.assembleUnit(ctx, out)
	return &r, err
}

// standsFor reports whether what a recompiled unit leaves out is unchanged: its callers then go to the original's.
func standsFor(functions []diffasm.Function, leftOut []string) bool {
	for _, name := range leftOut {
		same := func(f diffasm.Function) bool {
			return f.Name == name && (f.Status == diffasm.Same || f.Status == diffasm.LineOnly)
		}
		if !slices.ContainsFunc(functions, same) {
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
	if rewritten.Object, err = in.assemble(diffasm.ThroughGOT(in.arch, in.asm, names)); err != nil {
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

// input is one unit to be resolved.
type input struct {
	unit     ld.Unit
	arch     *arch.Target
	asm      []byte // what unit.Object was assembled from
	assemble func(asm []byte) (*elfobj.File, error)

	recompile func() (ld.Unit, error) // the unit with all accesses through the GOT, or without Object; may be nil
}
