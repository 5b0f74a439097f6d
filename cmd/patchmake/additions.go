package main

import (
	"context"
	"fmt"
	"slices"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/ld"
)

// added is an input of the patched link alone, for link.
type added struct {
	ld.Addition
	asm      []byte // nil if it is known as an object only
	indirect []byte // assembly that reaches variables of libraries through the GOT only, or nil
	assemble assembler
	unit     ld.Unit // what the patch takes of it; without an Object nothing
}

// additions reads the inputs that only the patched link has.
func (w *workspace) additions(ctx context.Context, t target) ([]*added, error) {
	var list []*added
	for i := range t.New {
		n := &t.New[i]
		f, err := w.loadObject(n.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: object in the record: %w", n.Name, err)
		}
		a := &added{Addition: ld.Addition{Name: n.Name, File: f, NoInit: w.allows("new-constructor")}}
		if n.Asm != "" && !n.Record.Includes {
			if a.asm, err = w.store.Blob(n.Asm); err != nil {
				return nil, fmt.Errorf("%s: assembly in the record: %w", n.Name, err)
			}
			if n.Indirect != "" {
				if a.indirect, err = w.store.Blob(n.Indirect); err != nil {
					return nil, fmt.Errorf("%s: assembly in the record: %w", n.Name, err)
				}
			}
			a.assemble = func(asm []byte) (*elfobj.File, error) { return w.assemble(ctx, n.Name, &n.Record, asm) }
		}
		list = append(list, a)
	}
	return list, nil
}

// checkAdditions refuses additions that do something though nothing in the patch refers to them.
func (w *workspace) checkAdditions(t target) error {
	if len(t.New) == 0 {
		return nil
	}
	original, _, err := w.openOriginal(t)
	if err != nil {
		return err
	}
	additions, err := w.additions(context.Background(), t)
	if err != nil {
		return err
	}
	_, err = carry(original, nil, additions)
	return err
}

// carry resolves what the units need of the additions.
func carry(o *ld.Original, users []*ld.Resolved, additions []*added) ([]*ld.Resolved, error) {
	resolved, again, err := carryOnce(o, users, additions)
	if err != nil || !again {
		return resolved, err
	}
	resolved, _, err = carryOnce(o, users, additions)
	return resolved, err
}

// carryOnce does so; again says that an addition was assembled anew, to go through the GOT.
func carryOnce(o *ld.Original, users []*ld.Resolved, additions []*added) (resolved []*ld.Resolved, again bool, err error) {
	var inputs []ld.Addition
	for _, a := range additions {
		inputs = append(inputs, a.Addition)
	}
	units, err := o.Carry(inputs, users)
	if err != nil {
		return nil, false, err
	}
	for i, a := range additions {
		if a.unit = units[i]; a.unit.Object == nil {
			continue
		}
		r, err := o.Resolve(a.unit)
		if err != nil {
			return nil, false, err
		}
		if names := o.DirectImports(r); len(names) > 0 && a.asm != nil {
			if a.File, err = a.indirectly(names); err != nil {
				return nil, false, err
			}
			again = true
		}
		resolved = append(resolved, r)
	}
	return resolved, again, nil
}

// addCarried lists what the patch takes of the additions, for reports.
func (m *product) addCarried(additions []*added) {
	for _, a := range additions {
		r := unitResult{Source: a.Name}
		for _, f := range a.unit.Functions {
			r.Functions = append(r.Functions, diffasm.Function{Name: f.Name, Status: diffasm.New, Reason: f.Reason, File: a.Name})
			r.InPatch = append(r.InPatch, f.Name)
		}
		m.Units = append(m.Units, r)
		if a.unit.Object != nil {
			m.carried = append(m.carried, a.Name)
		}
	}
	slices.Sort(m.carried)
}
