// Package layout compares the data layouts and function signatures that two versions of a unit were compiled with.
//
// Input: the DWARF of both units. Output: what changed in a way that running code or live data would not survive:
// structures and unions whose members moved, enumerations of another size, enumerators of another value, variables of another type,
// functions with another prototype. New types and enumerators, and such as are gone, are no change.
package layout

import (
	"debug/dwarf"
	"fmt"
	"slices"
	"sort"
)

// Kind says what sort of thing changed.
type Kind string

const (
	Type       Kind = "type"
	Enumerator Kind = "enumerator"
	Variable   Kind = "variable"
	Signature  Kind = "signature"
)

// Change is one type, enumerator, variable or function that differs.
type Change struct {
	Kind   Kind
	Name   string // "struct server", "zaddGenericCommand"
	Symbol string // of a function, if it is another one: C++, and names given with asm
	Before string // size and members, value, type, or prototype
	After  string
	// Members are what differs where that cannot be told in Before and After: "- int u.a at 8" of the first, "+ …" of the second version.
	Members []string
	// Renamed are members with another name, in one place and of one type: nothing else changed then.
	Renamed []Rename
	// Of an enumerator: its enumeration, where that is declared now (FILE:LINE, "" if not known), and how many others of it differ.
	Of, Declared string
	More         int
	Last         bool // it is the last one of its enumeration in both versions, the only one that differs, and was less
}

// Unit is the layouts and signatures of one compiled unit.
type Unit struct {
	types     described // "struct name": size and members
	enums     enumerators
	variables described         // of static storage, by symbol but for static ones: type; those of other units that it uses, too
	declared  described         // of these: such as are declared, which may be defined, too
	defined   map[string]bool   // of these: such as are defined, and visible to other units
	functions described         // definitions, by symbol: prototype
	names     map[string]string // of functions whose symbol is another one
	hasTypes  bool
}

// Empty reports whether nothing was described: the unit has no functions with parameters, or it was compiled without types.
// The types of a few variables say nothing: -g1 describes those that are declared before they are defined.
func (u *Unit) Empty() bool { return !u.hasTypes }

// Compare lists what both units have and describe differently, types first, by name, enumerators as they are declared.
func Compare(before, after *Unit) []Change {
	changes := slices.Concat(compare(Type, before.types, after.types), renumbered(before.enums, after.enums),
		compare(Variable, before.variables, after.variables))
	signatures := compare(Signature, before.functions, after.functions)
	for i := range signatures {
		if c := &signatures[i]; after.names[c.Name] != "" {
			c.Name, c.Symbol = after.names[c.Name], c.Name
		}
	}
	return append(changes, signatures...)
}

// Moved compares a variable that one unit no longer has with that of the name in another one; nil if they are of one type.
func Moved(before, after *Unit, name string) *Change {
	changes := compare(Variable, described{name: before.variables[name]}, described{name: after.variables[name]})
	if len(changes) == 0 {
		return nil
	}
	return &changes[0]
}

// Renamed compares a function that only the one version has with one of the other; nil if both have one prototype. known says that both are
// described.
func Renamed(before, after *Unit, was, is string) (c *Change, known bool) {
	if before.functions[was] == nil || after.functions[is] == nil {
		return nil, false
	}
	changes := compare(Signature, described{is: before.functions[was]}, described{is: after.functions[is]})
	if len(changes) == 0 {
		return nil, true
	}
	return &changes[0], true
}

// RenamedVariable compares a variable that only the one version has with one that only the other has; nil if they are of one type, or not
// described.
func RenamedVariable(before, after *Unit, was, is string) *Change {
	gone, _ := unmatched(before.variables[was], after.variables[was])
	_, came := unmatched(before.variables[is], after.variables[is])
	changes := compare(Variable, described{is: gone}, described{is: came})
	if len(changes) == 0 {
		return nil
	}
	return &changes[0]
}

// Describes reports whether a unit describes a type of that name: "struct server".
func (u *Unit) Describes(name string) bool { return len(u.types[name]) > 0 }

// SharesType reports whether two units describe a type of that name alike.
func SharesType(a, b *Unit, name string) bool {
	only, _ := unmatched(a.types[name], b.types[name])
	return len(only) < len(a.types[name])
}

// described is what there is of each name: functions may have types and variables of one name.
type described map[string][]description

// description is a type or prototype as it is compared, without typedefs and under one name for equal numbers, and as its
// source spells it.
type description struct {
	same, text string
	t          dwarf.Type // nil for what is compared by its text alone
	aligned    int64      // as the source demands of a structure, 0 without
}

// describe describes something twice, both ways.
func describe(spell func(*speller) (string, error)) (d description, err error) {
	for _, to := range []struct {
		text  *string
		plain bool
	}{{&d.same, true}, {&d.text, false}} {
		s := speller{plain: to.plain}
		if *to.text, err = spell(&s); err != nil {
			return d, err
		}
		if s.steps > maxSteps {
			return d, fmt.Errorf("the description of a type has no end")
		}
	}
	return d, nil
}

func (m described) add(name string, d description, err error) error {
	if err == nil {
		m[name] = append(m[name], d)
	}
	return err
}

// addType describes a type.
func (m described) addType(name string, t dwarf.Type) error {
	d, err := describe(func(s *speller) (string, error) { return s.spell(t), nil })
	d.t = t
	return m.add(name, d, err)
}

// compare takes a description less and another one more of a name for a change; only one of them is something new or gone.
func compare(kind Kind, before, after described) []Change {
	var changes []Change
	for name := range before {
		b, a := unmatched(before[name], after[name])
		b, a, renamed := unlike(b, a)
		switch {
		case len(b) > 0 && len(a) > 0:
			c := Change{Kind: kind, Name: name}
			c.Before, c.After, c.Members = difference(&b[0], &a[0])
			changes = append(changes, c)
		case len(renamed) > 0:
			changes = append(changes, Change{Kind: kind, Name: name, Renamed: renamed})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Name < changes[j].Name })
	return changes
}

// unmatched returns the descriptions that only one of two lists has, or has more often.
func unmatched(before, after []description) (b, a []description) {
	a = slices.Clone(after)
	for _, d := range before {
		if i := slices.IndexFunc(a, func(e description) bool { return d.same == e.same && d.aligned == e.aligned }); i >= 0 {
			a = slices.Delete(a, i, i+1)
			continue
		}
		b = append(b, d)
	}
	return b, a
}

// unlike takes out of two lists the types that are alike, though described in other words; renamed are members with other names.
func unlike(before, after []description) (b, a []description, renamed []Rename) {
	a = after
	for _, d := range before {
		found := false
		for i, e := range a {
			if d.t == nil || e.t == nil || d.aligned != e.aligned {
				continue
			}
			if names, ok := alike(d.t, e.t); ok {
				a, renamed, found = slices.Delete(a, i, i+1), append(renamed, names...), true
				break
			}
		}
		if !found {
			b = append(b, d)
		}
	}
	return b, a, renamed
}
