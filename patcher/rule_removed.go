package patcher

import (
	"cmp"
	"debug/elf"
	"slices"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// removedVariables looks at variables that a unit no longer defines, and that others go on using as they are. One that moved to another
// unit is the same variable, so that it has to be as it was; where none defines it any more, the program could not be built anew.
func removedVariables(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		for _, name := range l.units[i].delta.GoneGlobals() {
			e, err := l.removed(i, name)
			if err != nil {
				return says, err
			}
			says.refuse(i, e)
			if k := l.movedTo(i, name); e == nil && k >= 0 {
				says.wantElsewhere(l, k, name)
			}
		}
	}
	return says, nil
}

// removed judges one variable that unit i no longer defines.
func (l *link) removed(i int, name string) (*fault.Error, error) {
	p, err := l.program.facts()
	if err != nil {
		return nil, err
	}
	from := &l.units[i]
	where := cmp.Or(from.delta.Declared(name), from.unit.Source)
	for k := range l.units {
		to := &l.units[k]
		if k == i {
			continue
		}
		found, code, why := diffasm.MovedVariable(from.delta, to.delta, name)
		if found && code != "" {
			return fault.Refuse(code, where, "cannot patch variable %q, which moves to %s: %s", name, to.unit.Source, why).
				WithHint("running processes keep the variable they have: leave it as it is and use a new one for what is new"), nil
		} else if found {
			return l.retyped(i, k, name)
		}
	}
	user := l.userOf(p, name)
	if user == "" || p.InLibrary(name) {
		return nil, nil
	}
	if adds := l.adds(name); adds != "" {
		return fault.Refuse(fault.MovedGlobal, where, "the variable %q moves to %s, while %s goes on using the one of the process", name, adds, user).
			WithHint("leave it where it was: under another name it would not have its value"), nil
	}
	return fault.Refuse(fault.VariableGone, where, "the patch removes the variable %q, which %s still uses", name, user).
		WithHint("leave the variable where it is; --allow variable-gone if what uses it may go on using the old one"), nil
}

// movedTo returns the unit that defines a plain variable now, as unit i did; -1 if none does.
func (l *link) movedTo(i int, name string) int {
	return slices.IndexFunc(l.indexes(), func(k int) bool {
		found, code, _ := diffasm.MovedVariable(l.units[i].delta, l.units[k].delta, name)
		return k != i && found && code == "" && l.units[k].delta.IsPlainVariable(name)
	})
}

// retyped refuses a variable of another type that moves from unit i to unit k.
func (l *link) retyped(i, k int, name string) (*fault.Error, error) {
	u := l.units[i].unit
	before, after := u.OrigTypes, l.units[k].unit.PatchedTypes
	if before == "" || after == "" {
		return nil, nil
	}
	was, err := l.layouts(before)
	if err != nil {
		return nil, err
	}
	is, err := l.layouts(after)
	if err != nil {
		return nil, err
	}
	if c := layout.Moved(was, is, name); c != nil {
		return refuseLayout(u.Source, *c), nil
	}
	return nil, nil
}

// userOf names something in the patched program that looks elsewhere for a symbol, "" if nothing does.
func (l *link) userOf(p *facts, name string) string {
	for k := range l.units {
		if l.units[k].delta.Needs(name) {
			return l.units[k].unit.Source
		}
	}
	for _, in := range p.Users(name) {
		if l.unitOf(p, in) < 0 {
			return p.InputName(in)
		}
	}
	return ""
}

// unitOf returns the changed unit that is an input of the original program, -1 for another input.
func (l *link) unitOf(p *facts, input int) int {
	return slices.IndexFunc(l.units, func(u assembledUnit) bool { return p.inputOf(u.unit) == input })
}

// adds names the input of the patched link alone that defines a symbol, "" if none does.
func (l *link) adds(name string) string {
	for _, a := range l.added {
		if slices.ContainsFunc(a.File.Symbols, func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() && s.Bind != elf.STB_LOCAL }) {
			return a.Name
		}
	}
	return ""
}
