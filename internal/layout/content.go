package layout

import (
	"debug/dwarf"
	"maps"
)

// content is a kind of what variables hold.
type content string

const (
	anything content = "anything" // or not known
	number   content = "number"   // of any size, sign and precision; enumerators
	text     content = "text"     // of char
	code     content = "code"
)

// ShareContent reports whether two variables may hold the same in two ways: a number as a number of another size or as a member of a
// structure, a buffer as a pointer to one. Variables that are not described may hold anything.
func ShareContent(a *Unit, name string, b *Unit, other string) bool {
	was, is := a.contents(name), b.contents(other)
	if len(was) == 0 || len(is) == 0 || was[anything] || is[anything] {
		return true
	}
	maps.DeleteFunc(was, func(c content, _ bool) bool { return !is[c] })
	return len(was) > 0
}

// contents are those of all variables of a name.
func (u *Unit) contents(variable string) map[content]bool {
	r := contentReader{found: map[content]bool{}, seen: map[dwarf.Type]bool{}}
	for _, d := range u.variables[variable] {
		r.read(d.t)
	}
	return r.found
}

// contentReader collects what a type holds, and what that leads to.
type contentReader struct {
	found map[content]bool
	seen  map[dwarf.Type]bool
}

func (r *contentReader) read(t dwarf.Type) {
	if t != nil && r.seen[t] {
		return
	}
	r.seen[t] = true
	switch t := bare(t).(type) {
	case *dwarf.ArrayType:
		r.several(t.Type)
	case *dwarf.PtrType:
		r.several(t.Type)
	case *numberType, *dwarf.EnumType:
		r.found[number] = true
	case *dwarf.FuncType:
		r.found[code] = true
	case *dwarf.StructType:
		if len(t.Field) == 0 { // it is declared only
			r.found[anything] = true
		}
		for _, f := range t.Field {
			r.read(f.Type)
		}
	default:
		r.found[anything] = true
	}
}

// several reads what an array or a pointer has.
func (r *contentReader) several(t dwarf.Type) {
	if n, ok := bare(t).(*numberType); ok && n.Name == "char" {
		r.found[text] = true
		return
	}
	r.read(t)
}
