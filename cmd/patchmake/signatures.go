package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/ld"
)

// callers names functions that go into the patch though their code is the same, by the index of their unit's input: the
// source patch changes how they call a function with another prototype, which they may do with the same instructions.
type callers map[int]map[string]string // reason by name

func (c callers) of(u unit) func(name string) string {
	return func(name string) string { return c[u.Input][name] }
}

func (c callers) add(u unit, name, callee string) {
	if c[u.Input] == nil {
		c[u.Input] = map[string]string{}
	}
	c[u.Input][name] = "calls " + callee
}

// detach decides about functions whose parameters or result changed. Old code passes what the old ones take, so that no hook may
// lead from there to the new ones: where the patch holds every caller, these call the new function directly, and the original
// stays as it is. Anything else is refused. Clones choose their own parameters; where they cannot be detached, the callers
// outside the patch are the same code in both versions.
func (w *workspace) detach(ctx context.Context, m *product, j judge) error {
	l := &linkUses{w: w, m: m}
	for again := true; again; {
		again = false
		for i := range m.Units {
			add, err := l.detach(i, j)
			if err != nil {
				return err
			}
			if add == nil {
				continue
			}
			j.callers.add(m.Target.Units[add.unit], add.Caller, add.callee)
			if m.Units[add.unit], err = w.makeUnit(ctx, m.Target.Units[add.unit], j); err != nil {
				return err
			}
			again = true
		}
	}
	return nil
}

// detach does so for one unit, or returns a caller that has to go into the patch before.
func (l *linkUses) detach(unit int, j judge) (*linkUse, error) {
	r := &l.m.Units[unit]
	if r.selection == nil {
		return nil, nil
	}
	r.detached = nil
	r.overridden = slices.DeleteFunc(r.overridden, func(e *fault.Error) bool { return e.Code == "signature" })
	for _, f := range r.selection.Replaced() {
		c := r.prototypeOf(f)
		if c == nil && !f.Clone {
			continue
		}
		other, err := l.otherUse(unit, f)
		switch {
		case err != nil:
			return nil, err
		case other == nil:
			r.detached = append(r.detached, f.Orig)
			continue
		case c == nil:
			continue
		case l.edited(other, j):
			other.callee = c.Name
			return other, nil
		}
		if e := refuseSignature(r.Source, c, &other.Use); !l.w.overrides(r, e) {
			return nil, e
		}
	}
	r.onlyNew = r.onlyNew || r.emitted != nil && !slices.ContainsFunc(r.emitted.Functions, r.hooked)
	return nil, nil
}

// edited reports whether the source patch changes a caller that is not in the patch.
func (l *linkUses) edited(use *linkUse, j judge) bool {
	if use.Caller == "" {
		return false
	}
	u, r := l.m.Target.Units[use.unit], &l.m.Units[use.unit]
	i := slices.IndexFunc(r.delta.Functions, func(f diffasm.Function) bool { return f.Name == use.Caller && f.Status != diffasm.Gone })
	if i < 0 || j.callers.of(u)(use.Caller) != "" {
		return false
	}
	edit, _ := j.sources.why(u, r.delta, i, nil).own()
	return edit != nil
}

// hooked reports whether a function of the patch is reached from old code.
func (r *unitResult) hooked(f diffasm.EmittedFunction) bool {
	return f.Orig != "" && !slices.Contains(r.detached, f.Orig)
}

// prototypeOf returns how the prototype of a function changed, nil if it did not.
func (r *unitResult) prototypeOf(f diffasm.Replaced) *layout.Change {
	i := slices.IndexFunc(r.prototype, func(c layout.Change) bool {
		symbol := c.Symbol
		if symbol == "" {
			symbol = c.Name
		}
		return f.Orig == symbol || diffasm.SourceName(f.Orig) == symbol
	})
	if i < 0 {
		return nil
	}
	return &r.prototype[i]
}

func refuseSignature(source string, c *layout.Change, other *diffasm.Use) *fault.Error {
	where := other.Where
	if where == "" {
		where = source
	}
	return fault.Refuse("signature", where, "function %q has another prototype: was %s, is %s: %s", c.Name, c.Before, c.After, other.What).
		WithHint("code outside the patch passes what the old one takes: keep it and add a new function, let the patch hold every caller, " +
			"or use --allow signature if no such code runs again")
}

// linkUse is a use of a function in a unit of the target.
type linkUse struct {
	diffasm.Use
	unit   int
	callee string
}

// linkUses finds out who uses functions of a target.
type linkUses struct {
	w        *workspace
	m        *product
	original *ld.Original
	index    []int // see openOriginal
}

// otherUse returns a use of a function of a unit besides calls from the patch and from old code, nil if there is none.
func (l *linkUses) otherUse(unit int, f diffasm.Replaced) (*linkUse, error) {
	other := l.m.Units[unit].selection.OtherUse(f.Orig, f.Name)
	switch {
	case other != nil:
		return &linkUse{Use: *other, unit: unit}, nil
	case !f.Global:
		return nil, nil
	}
	return l.elsewhere(unit, f)
}

// elsewhere looks at the other inputs of the link, and at what the linker does with the name.
func (l *linkUses) elsewhere(n int, f diffasm.Replaced) (*linkUse, error) {
	used := func(format string, args ...any) (*linkUse, error) {
		return &linkUse{Use: diffasm.Use{What: fmt.Sprintf(format, args...)}}, nil
	}
	if f.Orig != f.Name {
		return used("it is now named %q", f.Name)
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	if how := l.original.Outside(l.index[l.m.Target.Units[n].Input], f.Orig); how != "" {
		return used("%s", how)
	}
	for _, in := range l.m.Target.Inputs {
		if late, err := l.isLate(in.ObjectID, in.AllocID); err != nil || late {
			return used("it is not known what %s uses", in)
		}
	}
	for _, input := range l.original.Users(f.Orig) {
		k := slices.IndexFunc(l.m.Target.Units, func(u unit) bool { return l.index[u.Input] == input })
		if k < 0 || l.m.Units[k].selection == nil {
			return used("%s, of which nothing is in the patch, may use it", l.original.InputName(input))
		}
		if use := l.m.Units[k].selection.OtherUse(f.Orig, f.Name); use != nil {
			use.What = fmt.Sprintf("in %s, %s", l.m.Units[k].Source, use.What)
			return &linkUse{Use: *use, unit: k}, nil
		}
	}
	return nil, nil
}

func (l *linkUses) open() (err error) {
	if l.original == nil {
		l.original, l.index, err = l.w.openOriginal(l.m.Target)
	}
	return err
}

// isLate reports whether an input is no object, but holds code or is not known.
func (l *linkUses) isLate(object, alloc buildtree.Digest) (bool, error) {
	if object == "" || alloc != "" {
		return object == "", nil
	}
	data, err := l.w.store.Blob(object)
	return elfobj.IsELF(data) || bytes.HasPrefix(data, []byte("BC")), err
}
