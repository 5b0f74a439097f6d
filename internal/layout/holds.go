package layout

import "debug/dwarf"

// Holds reports whether variables of a name have something of a type in them: the type itself, a member, or an element of it. The type
// is spelt as in a Change, "struct s" or the name of a typedef.
func (u *Unit) Holds(variable, typ string) bool {
	h := holder{typ: typ, seen: map[dwarf.Type]bool{}}
	for _, d := range u.variables[variable] {
		if h.holds(d.t) {
			return true
		}
	}
	return false
}

// holder looks for a type in others.
type holder struct {
	typ  string
	seen map[dwarf.Type]bool
}

func (h *holder) holds(t dwarf.Type) bool {
	if t == nil || h.seen[t] {
		return false
	}
	h.seen[t] = true
	switch t := t.(type) {
	case *dwarf.QualType:
		return h.holds(t.Type)
	case *dwarf.TypedefType:
		return t.Name == h.typ || h.holds(t.Type)
	case *dwarf.ArrayType:
		return h.holds(t.Type)
	case *otherType:
		return t.Tag == dwarf.TagAtomicType && h.holds(t.of)
	case *dwarf.StructType:
		if t.Kind+" "+t.StructName == h.typ {
			return true
		}
		for _, f := range t.Field {
			if h.holds(f.Type) {
				return true
			}
		}
	}
	return false
}
