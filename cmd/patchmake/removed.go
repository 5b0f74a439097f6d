package main

import (
	"cmp"
	"debug/elf"
	"slices"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// checkRemoved looks at variables that a unit no longer defines, and that others go on using as they are. One that moved to another
// unit is the same variable, so that it has to be as it was; where none defines it any more, the program could not be built anew.
func (w *workspace) checkRemoved(m *product) error {
	l := &linkUses{w: w, m: m}
	for i := range m.Units {
		r := &m.Units[i]
		if r.delta == nil {
			continue
		}
		for _, name := range r.delta.GoneGlobals() {
			if err := l.open(); err != nil {
				return err
			}
			e, err := l.removed(i, name)
			if err != nil {
				return err
			}
			if e != nil && !w.overrides(r, e) {
				return e
			}
		}
	}
	return nil
}

// removed judges one variable that unit i no longer defines.
func (l *linkUses) removed(i int, name string) (*fault.Error, error) {
	from := &l.m.Units[i]
	where := cmp.Or(from.delta.Declared(name), from.Source)
	for k := range l.m.Units {
		to := &l.m.Units[k]
		if k == i || to.delta == nil {
			continue
		}
		found, code, why := diffasm.MovedVariable(from.delta, to.delta, name)
		if found && code != "" {
			return fault.Refuse(fault.Code(code), where, "cannot patch variable %q, which moves to %s: %s", name, to.Source, why).
				WithHint("running processes keep the variable they have: leave it as it is and use a new one for what is new"), nil
		} else if found {
			return l.retyped(i, k, name)
		}
	}
	user := l.userOf(name)
	if user == "" || l.original.InLibrary(name) {
		return nil, nil
	}
	adds, err := l.adds(name)
	if err != nil {
		return nil, err
	}
	if adds != "" {
		return fault.Refuse("moved-global", where, "the variable %q moves to %s, while %s goes on using the one of the process", name, adds, user).
			WithHint("leave it where it was, or give the new one another name"), nil
	}
	return fault.Refuse("variable-gone", where, "the patch removes the variable %q, which %s still uses", name, user).
		WithHint("leave the variable where it is; --allow variable-gone if what uses it may go on using the old one"), nil
}

// retyped refuses a variable of another type that moves from unit i to unit k.
func (l *linkUses) retyped(i, k int, name string) (*fault.Error, error) {
	u := &l.m.Target.Units[i]
	before, after := u.OrigTypes, l.m.Target.Units[k].PatchedTypes
	if before == "" || after == "" {
		return nil, nil
	}
	was, err := l.w.loadLayout(before)
	if err != nil {
		return nil, err
	}
	is, err := l.w.loadLayout(after)
	if err != nil {
		return nil, err
	}
	if c := layout.Moved(was, is, name); c != nil {
		return refuseLayout(u.Source, *c), nil
	}
	return nil, nil
}

// userOf names something in the patched program that looks elsewhere for a symbol, "" if nothing does.
func (l *linkUses) userOf(name string) string {
	for k := range l.m.Units {
		if d := l.m.Units[k].delta; d != nil && d.Needs(name) {
			return l.m.Units[k].Source
		}
	}
	for _, in := range l.original.Users(name) {
		if !slices.ContainsFunc(l.m.Target.Units, func(u unit) bool { return l.index[u.Input] == in }) {
			return l.original.InputName(in)
		}
	}
	return ""
}

// adds names the input of the patched link alone that defines a symbol, "" if none does.
func (l *linkUses) adds(name string) (string, error) {
	for _, n := range l.m.Target.New {
		f, err := l.w.loadObject(n.Object)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() && s.Bind != elf.STB_LOCAL }) {
			return n.Name, nil
		}
	}
	return "", nil
}
