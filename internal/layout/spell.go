package layout

import (
	"debug/dwarf"
	"fmt"
	"strings"
)

// maxSteps bounds how many types one description may mention: a type that refers to itself without a name has no end.
const maxSteps = 1 << 16

// subprogram spells the prototype of a function.
func (s *speller) subprogram(d *data, e *dwarf.Entry) (string, error) {
	result := "void"
	if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
		t, err := d.Type(off)
		if err != nil {
			return "", err
		}
		result = s.spell(t)
	}
	params, err := s.parameters(d, e)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%s)", result, strings.Join(params, ", ")), nil
}

// parameters spells the types of a subprogram's direct parameters.
func (s *speller) parameters(d *data, e *dwarf.Entry) ([]string, error) {
	var params []string
	if !e.Children {
		return params, nil
	}
	r := d.Reader()
	r.Seek(e.Offset)
	if _, err := r.Next(); err != nil {
		return nil, err
	}
	for {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			return params, err
		}
		switch child.Tag {
		case dwarf.TagFormalParameter:
			off, ok := child.Val(dwarf.AttrType).(dwarf.Offset)
			if !ok {
				return nil, fmt.Errorf("parameter without type")
			}
			t, err := d.Type(off)
			if err != nil {
				return nil, err
			}
			params = append(params, s.spell(t))
		case dwarf.TagUnspecifiedParameters:
			params = append(params, "...")
		}
		r.SkipChildren()
	}
}

// body describes a structure: its size and each member's place and type.
func (s *speller) body(t *dwarf.StructType) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes {", t.ByteSize)
	for _, f := range t.Field {
		fmt.Fprintf(&b, " %s %s @%d", s.spell(f.Type), f.Name, f.ByteOffset)
		if f.BitSize != 0 {
			fmt.Fprintf(&b, ":%d+%d", f.DataBitOffset+f.BitOffset, f.BitSize)
		}
		b.WriteByte(';')
	}
	b.WriteString(" }")
	return b.String()
}

// speller writes one type or prototype.
type speller struct {
	steps int
	plain bool // without typedefs, and numbers by size and sign
}

// spell writes a type as far as its layout is not another named type's business.
func (s *speller) spell(t dwarf.Type) string {
	if s.steps++; s.steps > maxSteps {
		return "?"
	}
	switch t := t.(type) {
	case *dwarf.QualType:
		return s.spell(t.Type)
	case *dwarf.PtrType:
		return s.spell(t.Type) + "*"
	case *dwarf.ArrayType:
		return fmt.Sprintf("%s[%d]", s.spell(t.Type), t.Count)
	case *dwarf.TypedefType:
		if s.plain && !isNameless(t.Type) {
			return s.spell(t.Type)
		}
		return t.Name
	case *dwarf.StructType:
		if t.StructName == "" && s.plain {
			return t.Kind + s.body(t)
		}
		if t.StructName == "" {
			return t.Kind + " " + noBody
		}
		return t.Kind + " " + t.StructName
	case *dwarf.EnumType:
		if t.EnumName == "" {
			return fmt.Sprintf("enum of %d bytes", t.ByteSize)
		}
		return "enum " + t.EnumName
	case *dwarf.FuncType:
		return s.prototype(t)
	case *otherType:
		return s.other(t)
	case *numberType:
		if s.plain {
			return t.plain()
		}
	case nil:
		return "void"
	}
	return t.String()
}

func (s *speller) other(t *otherType) string {
	of := s.spell(t.of)
	switch t.Tag {
	case dwarf.TagAtomicType:
		return "_Atomic(" + of + ")"
	case dwarf.TagReferenceType:
		return of + "&"
	case dwarf.TagRvalueReferenceType:
		return of + "&&"
	}
	return fmt.Sprintf("%s %s::*", of, t.Name)
}

// isNameless reports whether a type has no name but that of the typedef in front of it.
func isNameless(t dwarf.Type) bool {
	switch t := t.(type) {
	case *dwarf.QualType:
		return isNameless(t.Type)
	case *dwarf.StructType:
		return t.StructName == ""
	case *dwarf.EnumType:
		return t.EnumName == ""
	}
	return false
}

func (s *speller) prototype(t *dwarf.FuncType) string {
	params := make([]string, len(t.ParamType))
	for i, p := range t.ParamType {
		params[i] = s.spell(p)
	}
	result := "void"
	if t.ReturnType != nil {
		result = s.spell(t.ReturnType)
	}
	return fmt.Sprintf("%s(*)(%s)", result, strings.Join(params, ", "))
}
