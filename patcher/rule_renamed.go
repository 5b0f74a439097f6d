package patcher

import (
	"cmp"
	"debug/elf"
	"slices"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// renamedFunctions refuses a function that is gone and whose address was given away, where a new one may be it by another name or in another
// unit: what keeps the address would go on with the old code.
func renamedFunctions(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		for _, f := range l.units[i].delta.GoneFunctions() {
			use := l.gaveAway(i, f)
			if use == nil || l.doesNotRun(f.Name) || l.movedAway(i, f.Name) {
				continue
			}
			next, err := l.successor(i, f)
			if err != nil {
				return says, err
			}
			if next != nil {
				says.refuse(i, refuseRenamed(f, use, next))
			}
		}
	}
	return says, nil
}

func refuseRenamed(f diffasm.KeptFunction, use *diffasm.Use, next *diffasm.KeptFunction) *fault.Error {
	if next.Name == f.Name {
		return fault.Refuse(fault.FunctionRenamed, cmp.Or(use.Where, f.At), "function %q is gone here, but may be called in running processes: %s; %s has one of that name",
			f.Name, use.What, next.At).About(f.Name).
			WithHint("leave the function in its unit; --allow function-renamed if the process does not keep its address")
	}
	return fault.Refuse(fault.FunctionRenamed, cmp.Or(use.Where, f.At), "function %q is gone, but may be called in running processes: %s; the new %q (%s) may be it by another name",
		f.Name, use.What, next.Name, next.At).About(f.Name)
}

// doesNotRun reports whether the user vouched for a function that is gone.
func (l *link) doesNotRun(name string) bool {
	return slices.ContainsFunc(l.overridden, func(r refusal) bool { return r.Code == fault.GoneCaller && r.Function == name })
}

// gaveAway returns where the original gives the address of a function of unit i away, nil if it does not.
func (l *link) gaveAway(i int, f diffasm.KeptFunction) *diffasm.Use {
	for k := range l.units {
		if k != i && !f.Global {
			continue
		}
		if use := l.units[k].delta.GaveAway(f.Name); use != nil {
			return use
		}
	}
	return nil
}

// successor returns a new function that may be one of unit i that is gone, nil if none may: one of its name, or one whose
// address is given away, and that has its prototype or its place.
func (l *link) successor(i int, f diffasm.KeptFunction) (*diffasm.KeptFunction, error) {
	for k := range l.units {
		for _, n := range l.units[k].delta.NewFunctions() {
			may, err := l.mayBe(i, k, f, n)
			if may || err != nil {
				return &n, err
			}
		}
	}
	return l.addedSuccessor(f)
}

// mayBe reports whether new function n of unit k may be f, which is gone from unit i.
func (l *link) mayBe(i, k int, f, n diffasm.KeptFunction) (bool, error) {
	d := l.units[i].delta
	switch {
	case i == k && d.SameCode(n.Name, f.Name):
		return false, nil
	case n.Name == f.Name && n.Global:
		return true, nil
	case !l.isGiven(k, n):
		return false, nil
	}
	other, err := l.otherPrototype(i, k, f.Name, n.Name)
	return !other || i == k && d.StandsFor(n.Name, f.Name), err
}

// addedSuccessor does the same for the inputs that only the patched link has, of which prototypes are not known.
func (l *link) addedSuccessor(f diffasm.KeptFunction) (*diffasm.KeptFunction, error) {
	for _, a := range l.added {
		given, err := a.given()
		if err != nil {
			return nil, err
		}
		for _, s := range a.File.Symbols {
			n := diffasm.KeptFunction{Name: s.Name, Global: s.Bind != elf.STB_LOCAL, At: a.Name}
			if s.Type == elf.STT_FUNC && s.Defined() && (s.Name == f.Name || l.isGiven(noUnit, n) || given(s.Name)) {
				return &n, nil
			}
		}
	}
	return nil, nil
}

// given tells which functions an addition gives the address of away; none where it is known as an object only.
func (a *addition) given() (func(name string) bool, error) {
	f, err := a.parsed()
	return func(name string) bool { return f != nil && diffasm.GivesAway(f, name) != nil }, err
}

// isGiven reports whether the patched version gives the address of a new function of unit k away.
func (l *link) isGiven(k int, n diffasm.KeptFunction) bool {
	for j := range l.units {
		if (j == k || n.Global) && l.units[j].delta.GivesAway(n.Name) != nil {
			return true
		}
	}
	return false
}

// otherPrototype reports whether two functions surely have different ones.
func (l *link) otherPrototype(i, k int, was, is string) (bool, error) {
	before, after := l.units[i].unit.OrigTypes, l.units[k].unit.PatchedTypes
	if before == "" || after == "" {
		return false, nil
	}
	b, err := l.layouts(before)
	if err != nil {
		return false, err
	}
	a, err := l.layouts(after)
	if err != nil {
		return false, err
	}
	change, known := layout.Renamed(b, a, was, is)
	return known && change != nil, nil
}
