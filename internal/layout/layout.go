// Package layout compares the data layouts and function signatures that two versions of a unit were compiled with.
//
// Input: the DWARF of both units. Output: what changed in a way that running code or live data would not survive:
// structures and unions whose members moved, enumerations of another size, external functions with another prototype.
// New types, and types that are gone, are no change.
package layout

import (
	"debug/dwarf"
	"fmt"
	"sort"
	"strings"
)

// Kind says what sort of thing changed.
type Kind string

const (
	Type      Kind = "type"
	Signature Kind = "signature"
)

// Change is one type or function that differs.
type Change struct {
	Kind   Kind
	Name   string // "struct server", "zaddGenericCommand"
	Before string // size and members, or prototype
	After  string
}

// Unit is the layouts and signatures of one compiled unit.
type Unit struct {
	types     map[string]string // "struct name" -> size and members
	functions map[string]string // external definitions: name -> prototype
	hasTypes  bool
}

// Empty reports whether nothing was described: the unit has no functions with parameters, or it was compiled without types.
// The types of a few variables say nothing: -g1 describes those that are declared before they are defined.
func (u *Unit) Empty() bool { return !u.hasTypes }

// Compare lists what both units have and describe differently, types first, by name.
func Compare(before, after *Unit) []Change {
	changes := compare(Type, before.types, after.types)
	return append(changes, compare(Signature, before.functions, after.functions)...)
}

func compare(kind Kind, before, after map[string]string) []Change {
	var changes []Change
	for name, b := range before {
		if a, ok := after[name]; ok && a != b {
			b, a = firstDifference(b, a)
			changes = append(changes, Change{kind, name, b, a})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Name < changes[j].Name })
	return changes
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

// Read collects the named types and external functions of a unit.
func Read(d *dwarf.Data) (*Unit, error) {
	u := &Unit{types: map[string]string{}, functions: map[string]string{}}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			return u, nil
		}
		u.hasTypes = u.hasTypes || e.Tag == dwarf.TagFormalParameter
		if err := u.add(d, e); err != nil {
			return nil, err
		}
	}
}

func (u *Unit) add(d *dwarf.Data, e *dwarf.Entry) error {
	name, _ := e.Val(dwarf.AttrName).(string)
	if name == "" {
		return nil
	}
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType, dwarf.TagEnumerationType, dwarf.TagTypedef:
		return u.addType(d, e)
	case dwarf.TagSubprogram:
		return u.addFunction(d, e, name)
	}
	return nil
}

func (u *Unit) addType(d *dwarf.Data, e *dwarf.Entry) error {
	t, err := d.Type(e.Offset)
	if err != nil {
		return fmt.Errorf("type at %#x: %w", e.Offset, err)
	}
	switch t := t.(type) {
	case *dwarf.StructType:
		if !t.Incomplete {
			u.types[t.Kind+" "+t.StructName] = body(t)
		}
	case *dwarf.EnumType:
		u.types["enum "+t.EnumName] = fmt.Sprintf("%d bytes", t.Size())
	case *dwarf.TypedefType:
		u.types[t.Name] = spell(t.Type)
	}
	return nil
}

// addFunction takes definitions only: a prototype without code is somebody else's.
func (u *Unit) addFunction(d *dwarf.Data, e *dwarf.Entry, name string) error {
	external, _ := e.Val(dwarf.AttrExternal).(bool)
	declared, _ := e.Val(dwarf.AttrDeclaration).(bool)
	if !external || declared {
		return nil
	}
	result := "void"
	if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
		t, err := d.Type(off)
		if err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
		result = spell(t)
	}
	params, err := parameters(d, e)
	if err != nil {
		return fmt.Errorf("function %s: %w", name, err)
	}
	u.functions[name] = fmt.Sprintf("%s (%s)", result, strings.Join(params, ", "))
	return nil
}

// parameters spells the types of a subprogram's direct parameters.
func parameters(d *dwarf.Data, e *dwarf.Entry) ([]string, error) {
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
			params = append(params, spell(t))
		case dwarf.TagUnspecifiedParameters:
			params = append(params, "...")
		}
		r.SkipChildren()
	}
}

// body describes a structure: its size and each member's place and type.
func body(t *dwarf.StructType) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes {", t.ByteSize)
	for _, f := range t.Field {
		fmt.Fprintf(&b, " %s %s @%d", spell(f.Type), f.Name, f.ByteOffset)
		if f.BitSize != 0 {
			fmt.Fprintf(&b, ":%d+%d", f.DataBitOffset+f.BitOffset, f.BitSize)
		}
		b.WriteByte(';')
	}
	b.WriteString(" }")
	return b.String()
}

// spell writes a type as far as its layout is not another named type's business.
func spell(t dwarf.Type) string {
	switch t := t.(type) {
	case *dwarf.QualType:
		return spell(t.Type)
	case *dwarf.PtrType:
		return spell(t.Type) + "*"
	case *dwarf.ArrayType:
		return fmt.Sprintf("%s[%d]", spell(t.Type), t.Count)
	case *dwarf.TypedefType:
		return t.Name
	case *dwarf.StructType:
		if t.StructName == "" {
			return t.Kind + body(t)
		}
		return t.Kind + " " + t.StructName
	case *dwarf.EnumType:
		if t.EnumName == "" {
			return fmt.Sprintf("enum of %d bytes", t.ByteSize)
		}
		return "enum " + t.EnumName
	case *dwarf.FuncType:
		return prototype(t)
	case nil:
		return "void"
	}
	return t.String()
}

func prototype(t *dwarf.FuncType) string {
	params := make([]string, len(t.ParamType))
	for i, p := range t.ParamType {
		params[i] = spell(p)
	}
	result := "void"
	if t.ReturnType != nil {
		result = spell(t.ReturnType)
	}
	return fmt.Sprintf("%s(*)(%s)", result, strings.Join(params, ", "))
}
