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
	"strings"
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
	// Of an enumerator: its enumeration, where that is declared now (FILE:LINE, "" if not known), and how many others of it differ.
	Of, Declared string
	More         int
}

// Unit is the layouts and signatures of one compiled unit.
type Unit struct {
	types     described // "struct name": size and members
	enums     enumerators
	variables described         // of static storage: type
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

// described is what there is of each name: functions may have types and variables of one name.
type described map[string][]description

// description is a type or prototype as it is compared, without typedefs and under one name for equal numbers, and as its
// source spells it.
type description struct{ same, text string }

// add describes something twice, both ways.
func (m described) add(name string, describe func(*speller) (string, error)) error {
	var d description
	for _, to := range []struct {
		text  *string
		plain bool
	}{{&d.same, true}, {&d.text, false}} {
		s := speller{plain: to.plain}
		var err error
		if *to.text, err = describe(&s); err != nil {
			return err
		}
		if s.steps > maxSteps {
			return fmt.Errorf("the description of a type has no end")
		}
	}
	m[name] = append(m[name], d)
	return nil
}

// addType describes a type.
func (m described) addType(name string, t dwarf.Type) error {
	return m.add(name, func(s *speller) (string, error) { return s.spell(t), nil })
}

// compare takes a description less and another one more of a name for a change; only one of them is something new or gone.
func compare(kind Kind, before, after described) []Change {
	var changes []Change
	for name := range before {
		b, a := missing(before[name], after[name]), missing(after[name], before[name])
		if b != nil && a != nil {
			was, is := difference(b, a)
			changes = append(changes, Change{Kind: kind, Name: name, Before: was, After: is})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Name < changes[j].Name })
	return changes
}

// missing returns a description that list has more often than other, nil if none.
func missing(list, other []description) *description {
	left := slices.Clone(other)
	for n := range list {
		i := slices.IndexFunc(left, func(d description) bool { return d.same == list[n].same })
		if i < 0 {
			return &list[n]
		}
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

// difference shows two descriptions as their sources spell them; where that is alike, a typedef between them changed.
func difference(before, after *description) (string, string) {
	if before.text == after.text {
		return firstDifference(before.same, after.same)
	}
	return firstDifference(before.text, after.text)
}

// firstDifference cuts two descriptions down to their sizes and the first members that differ.
func firstDifference(before, after string) (string, string) {
	b, a := strings.Split(before, ";"), strings.Split(after, ";")
	bSize, bFirst, bOK := strings.Cut(b[0], " {")
	aSize, aFirst, aOK := strings.Cut(a[0], " {")
	if !bOK || !aOK {
		return before, after
	}
	b[0], a[0] = bFirst, aFirst
	i := 0
	for i < len(b)-1 && i < len(a)-1 && b[i] == a[i] {
		i++
	}
	return summary(bSize, b[i]), summary(aSize, a[i])
}

func summary(size, member string) string {
	member = strings.TrimSpace(member)
	if member == "}" {
		member = "no more members"
	}
	return fmt.Sprintf("%s, … %s", size, member)
}
