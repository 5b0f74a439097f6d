package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/kpatch"
	"gocare/ld"
	"gocare/stripper"
)

// assemblePatch resolves the units against the original binary and joins them into one patch file.
func (w *workspace) assemblePatch(ctx context.Context, p *plan, m *product) error {
	original, index, err := w.openOriginal(m.Target)
	if err != nil {
		return err
	}
	var inputs []input
	for i, r := range m.Units {
		m.Skipped = append(m.Skipped, r.skipped...)
		if r.object != nil {
			inputs = append(inputs, w.input(ctx, m.Target.Units[i], index, &m.Units[i]))
		}
	}
	additions, err := w.additions(ctx, m.Target)
	if err != nil {
		return err
	}
	joined, err := link(original, inputs, additions)
	if err != nil {
		return err
	}
	m.Skipped = append(m.Skipped, joined.Skipped...)
	m.addCarried(additions)
	if m.BuildID, err = w.headerID(m.Target); err != nil {
		return err
	}
	m.Patch, err = stripper.Strip(joined, stripper.Options{ID: w.o.ID, BuildID: m.BuildID, BuildTime: buildTime(), Meta: w.meta(p, m)})
	if err != nil {
		return err
	}
	m.Data, err = kpatch.Encode(m.Patch)
	return err
}

// headerID returns the BuildID of the binary that a patch for the target is for.
func (w *workspace) headerID(t target) (string, error) {
	if w.o.BuildID != "" || len(w.shipped) == 0 {
		return cmp.Or(w.o.BuildID, t.BuildID), nil
	}
	rebuilt, err := w.loadObject(t.Binary)
	if err != nil {
		return "", err
	}
	return matchShipped(t.Path, rebuilt, w.shipped)
}

// input makes a unit ready for link.
func (w *workspace) input(ctx context.Context, u unit, index []int, r *unitResult) input {
	optional := len(w.o.Identity) > 0
	return input{
		unit: ldUnit(u.Source, index[u.Input], r, optional), asm: r.emitted.Asm,
		assemble: func(asm []byte) (*elfobj.File, error) { return w.assemble(ctx, u.Source, &u.Record, asm) },
		recompile: func() (ld.Unit, error) {
			other, err := w.recompiled(ctx, u, r)
			if err != nil || other == nil {
				return ld.Unit{}, err
			}
			return ldUnit(u.Source, index[u.Input], other, optional), nil
		},
	}
}

// assembler assembles text as one unit of the patch is assembled.
type assembler func(asm []byte) (*elfobj.File, error)

// input is one unit for link.
type input struct {
	unit     ld.Unit
	asm      []byte // what unit.Object was assembled from
	assemble assembler

	recompile func() (ld.Unit, error) // the unit with all accesses through the GOT, or without Object; may be nil
}

// link resolves every unit and joins them, with what they need of additions.
func link(o *ld.Original, inputs []input, additions []*added) (*ld.Joined, error) {
	var resolved []*ld.Resolved
	for _, in := range inputs {
		r, err := throughGOT(o, in)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, r)
	}
	carried, err := carry(o, resolved, additions)
	if err != nil {
		return nil, err
	}
	return ld.Join(o, append(resolved, carried...))
}

// ldUnit names the functions of an assembled unit. Optional ones may stay the original's.
func ldUnit(name string, input int, r *unitResult, optional bool) ld.Unit {
	out := ld.Unit{Name: name, Input: input, Object: r.object}
	for _, f := range r.emitted.Functions {
		u := ld.UnitFunction{Name: f.Name, Symbol: f.Symbol, Orig: f.Orig, Parts: f.Parts, Reason: f.Reason, Optional: optional}
		if u.Detached = slices.Contains(r.detached, f.Orig); u.Detached {
			u.Reason += "; no hook, as the patch holds every caller"
		}
		if !optional {
			u.Calls, u.Spares = f.Calls, f.Spares
		}
		out.Functions = append(out.Functions, u)
	}
	for _, f := range r.stale {
		out.Stale = append(out.Stale, ld.StaleFunction{Name: f.Name, Parts: f.Parts, Reason: fmt.Sprintf("gone; it calls %q, which %s", f.Callee, f.Why)})
	}
	return out
}

// openOriginal reads the original binary with the inputs of its link. index maps the target's inputs to those given to ld.
func (w *workspace) openOriginal(t target) (o *ld.Original, index []int, err error) {
	bin, err := w.loadObject(t.Binary)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: binary in the record: %w", t.Path, err)
	}
	data, err := w.store.Blob(t.Map)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: link map in the record: %w", t.Path, err)
	}
	m, err := ld.ReadMap(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: link map: %w", t.Path, err)
	}
	m.Wrapped, m.Own = t.Wrapped, t.Own
	objects, index, err := w.openInputs(t)
	if err != nil {
		return nil, nil, err
	}
	o, err = ld.Open(bin, m, objects)
	return o, index, err
}

// openInputs reads the objects of the original link, then its shared libraries as far as they are still there.
func (w *workspace) openInputs(t target) (objects []ld.Object, index []int, err error) {
	index = make([]int, len(t.Inputs))
	for i, in := range t.Inputs {
		index[i] = -1
		if in.ObjectID == "" || in.AllocID == "" { // vanished, or bitcode
			continue
		}
		f, err := w.loadObject(in.ObjectID)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: object %s in the record: %w", t.Path, in, err)
		}
		index[i] = len(objects)
		objects = append(objects, ld.Object{Path: in.Path, Member: in.Member, File: f})
	}
	libraries, err := w.libraries(t)
	return append(objects, libraries...), index, err
}

func (w *workspace) loadObject(id buildtree.Digest) (*elfobj.File, error) {
	data, err := w.store.Blob(id)
	if err != nil {
		return nil, err
	}
	return elfobj.Parse(data)
}
