package layout

import (
	"debug/dwarf"
	"slices"
)

// Rename is a member of a structure that has another name, in one place and of one type.
type Rename struct{ Old, New string }

// likeness compares types of two versions structure by structure: data of the one has to be data of the other, bit for bit, as conversions
// of C would make it.
type likeness struct {
	assumed map[[2]dwarf.Type]bool // pairs that are compared already: types refer to themselves
	renamed []Rename
	steps   int
}

// alike reports whether data of the first type can be read as the second one, and which members have other names then. Integers of one
// size are alike, as an enumeration is: to convert one to the other changes no bit. So are structures of other names with the same
// members. What is behind a name that both have is compared under that name.
func alike(a, b dwarf.Type) (renamed []Rename, ok bool) {
	l := likeness{assumed: map[[2]dwarf.Type]bool{}}
	if s, t := structOf(a), structOf(b); s != nil && t != nil {
		ok = l.bodies(s, t, l.memberNames(s), l.memberNames(t)) // though they have one name
	} else {
		ok = l.same(a, b)
	}
	return l.renamed, ok && l.ends()
}

// ends counts a step; it is false for types that have too many, as hostile ones that hold themselves.
func (l *likeness) ends() bool {
	l.steps++
	return l.steps <= maxSteps
}

// structOf is the structure that a type is, nil if it is another one.
func structOf(t dwarf.Type) *dwarf.StructType {
	s, _ := bare(t).(*dwarf.StructType)
	return s
}

// bare takes qualifiers and typedefs off a type, and _Atomic off a number, a pointer or an enumeration, which it leaves as large.
func bare(t dwarf.Type) dwarf.Type {
	for {
		switch u := t.(type) {
		case *dwarf.QualType:
			t = u.Type
			continue
		case *dwarf.TypedefType:
			t = u.Type
			continue
		case *otherType:
			if u.Tag != dwarf.TagAtomicType {
				return t
			}
			switch of := bare(u.of).(type) {
			case *numberType, *dwarf.PtrType, *dwarf.EnumType:
				return of
			}
		}
		return t
	}
}

func (l *likeness) same(a, b dwarf.Type) bool {
	if a, b = bare(a), bare(b); !l.ends() {
		return false
	}
	if l.assumed[[2]dwarf.Type{a, b}] {
		return true
	}
	l.assumed[[2]dwarf.Type{a, b}] = true
	if n, m := integerSize(a), integerSize(b); n > 0 && m > 0 {
		return n == m && alikeEnums(a, b)
	}
	switch a := a.(type) {
	case *dwarf.PtrType:
		b, ok := b.(*dwarf.PtrType)
		return ok && l.same(a.Type, b.Type)
	case *dwarf.ArrayType:
		b, ok := b.(*dwarf.ArrayType)
		return ok && (a.Count == b.Count || a.Count == 0 || b.Count == 0) && l.same(a.Type, b.Type)
	case *dwarf.StructType:
		b, ok := b.(*dwarf.StructType)
		return ok && l.structures(a, b)
	}
	return plainly(a) == plainly(b)
}

// plainly spells a type for comparison.
func plainly(t dwarf.Type) string {
	s := speller{plain: true}
	return s.spell(t)
}

// integerSize is the size in bytes of an integer or enumeration, 0 for other types, and for integers that do not use all of their bits.
func integerSize(t dwarf.Type) int64 {
	switch t := t.(type) {
	case *numberType:
		if t.isInteger() {
			return t.ByteSize
		}
	case *dwarf.EnumType:
		return t.ByteSize
	}
	return 0
}

// alikeEnums compares what values mean: of two enumerations with different names the second one has to have all that the first one has.
func alikeEnums(a, b dwarf.Type) bool {
	e, ok := a.(*dwarf.EnumType)
	f, both := b.(*dwarf.EnumType)
	if !ok || !both || e.EnumName == f.EnumName && e.EnumName != "" {
		return true
	}
	for _, v := range e.Val {
		if !slices.ContainsFunc(f.Val, func(w *dwarf.EnumValue) bool { return *w == *v }) {
			return false
		}
	}
	return true
}

func (l *likeness) structures(a, b *dwarf.StructType) bool {
	if a.Kind == b.Kind && a.StructName == b.StructName && a.StructName != "" {
		return true
	}
	return l.bodies(a, b, l.memberNames(a), l.memberNames(b))
}

// bodies compares structures member by member. A member may have another name if the old one is no longer among all names, and the new one
// was not: else data would change places.
func (l *likeness) bodies(a, b *dwarf.StructType, before, after []string) bool {
	if !l.ends() || a.Kind != b.Kind || a.ByteSize != b.ByteSize || a.Incomplete || b.Incomplete || len(a.Field) != len(b.Field) {
		return false
	}
	for i, f := range a.Field {
		g := b.Field[i]
		if !samePlace(f, g) || !l.named(f.Name, g.Name, before, after) {
			return false
		}
		s, t := nameless(f.Type), nameless(g.Type)
		switch {
		case s != nil && t != nil:
			if !l.bodies(s, t, before, after) {
				return false
			}
		case isNoMember(f.Name):
			if plainly(f.Type) != plainly(g.Type) { // of two with the same members, either is what its name says
				return false
			}
		case !l.same(f.Type, g.Type):
			return false
		}
	}
	return true
}

func samePlace(f, g *dwarf.StructField) bool {
	return f.ByteOffset == g.ByteOffset && f.BitSize == g.BitSize && f.BitOffset+f.DataBitOffset == g.BitOffset+g.DataBitOffset
}

// named judges the names of one member, and notes a new one.
func (l *likeness) named(was, is string, before, after []string) bool {
	if was == is {
		return true
	}
	if was == "" || is == "" || isNoMember(was) || isNoMember(is) || slices.Contains(after, was) || slices.Contains(before, is) {
		return false
	}
	if r := (Rename{was, is}); !slices.Contains(l.renamed, r) {
		l.renamed = append(l.renamed, r)
	}
	return true
}

// nameless is the structure without a name that a member is, nil for other types.
func nameless(t dwarf.Type) *dwarf.StructType {
	switch t := t.(type) {
	case *dwarf.QualType:
		return nameless(t.Type)
	case *dwarf.StructType:
		if t.StructName == "" {
			return t
		}
	}
	return nil
}

// memberNames lists the names of a structure's members, with those of structures without a name among them.
func (l *likeness) memberNames(t *dwarf.StructType) (names []string) {
	for _, f := range t.Field {
		names = append(names, f.Name)
		if s := nameless(f.Type); s != nil && l.ends() {
			names = append(names, l.memberNames(s)...)
		}
	}
	return names
}
