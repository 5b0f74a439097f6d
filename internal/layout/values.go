package layout

import "debug/dwarf"

// Values are the kinds of values that a variable is made of, as far down as members and elements go.
type Values uint8

const (
	Number  Values = 1 << iota // an integer of any size, a truth value, a character, an enumerator
	Real                       // a floating-point number
	Pointer                    // of whatever
)

// Values returns what the variables of a name are made of, in static storage; 0 where that is not known.
func (u *Unit) Values(name string) Values { return u.values[name] }

// MayBecome reports whether a variable of one kind may have become one of the other: a structure that takes one in as a member, one
// that was split up, or a wider number. What is not known may be anything.
func (v Values) MayBecome(w Values) bool { return v == 0 || w == 0 || v&w != 0 }

// valuesOf takes a type apart.
func valuesOf(t dwarf.Type) Values { return taken{}.apart(t) }

// taken are the structures that were taken apart: hostile ones hold themselves.
type taken map[*dwarf.StructType]bool

func (d taken) apart(t dwarf.Type) (v Values) {
	switch t := t.(type) {
	case *dwarf.TypedefType:
		return d.apart(t.Type)
	case *dwarf.QualType:
		return d.apart(t.Type)
	case *otherType:
		return d.apart(t.of)
	case *dwarf.ArrayType:
		return d.apart(t.Type)
	case *dwarf.StructType:
		if d[t] {
			return 0
		}
		d[t] = true
		for _, f := range t.Field {
			v |= d.apart(f.Type)
		}
		return v
	case *dwarf.PtrType, *dwarf.FuncType:
		return Pointer
	case *dwarf.EnumType:
		return Number
	case *numberType:
		return t.values()
	}
	return Number | Real | Pointer
}

func (t *numberType) values() Values {
	switch t.encoding {
	case encComplexFloat, encFloat, encDecimalFloat:
		return Real
	case encAddress:
		return Pointer
	}
	return Number
}
