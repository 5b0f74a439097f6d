// Package layout compares the data layouts and function signatures that two versions of a unit were compiled with.
//
// Input: the DWARF of both units. Output: what changed in a way that running code or live data would not survive:
// structures and unions whose members moved, enumerations of another size, variables of another type, external functions with another prototype.
// New types, and types that are gone, are no change.
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
	Type      Kind = "type"
	Variable  Kind = "variable"
	Signature Kind = "signature"
)

// Change is one type, variable or function that differs.
type Change struct {
	Kind   Kind
	Name   string // "struct server", "zaddGenericCommand"
	Before string // size and members, type, or prototype
	After  string
}

// Unit is the layouts and signatures of one compiled unit.
type Unit struct {
	types     described // "struct name": size and members
	variables described // of static storage: type
	functions described // external definitions: prototype
	hasTypes  bool
}

// Empty reports whether nothing was described: the unit has no functions with parameters, or it was compiled without types.
// The types of a few variables say nothing: -g1 describes those that are declared before they are defined.
func (u *Unit) Empty() bool { return !u.hasTypes }

// Compare lists what both units have and describe differently, types first, by name.
func Compare(before, after *Unit) []Change {
	changes := append(compare(Type, before.types, after.types), compare(Variable, before.variables, after.variables)...)
	return append(changes, compare(Signature, before.functions, after.functions)...)
}

// described is what there is of each name: functions may have types and variables of one name.
type described map[string][]string

func (m described) add(name, description string) { m[name] = append(m[name], description) }

// compare takes a description less and another one more of a name for a change; only one of them is something new or gone.
func compare(kind Kind, before, after described) []Change {
	var changes []Change
	for name := range before {
		b, a := missing(before[name], after[name]), missing(after[name], before[name])
		if b != "" && a != "" {
			b, a = firstDifference(b, a)
			changes = append(changes, Change{kind, name, b, a})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Name < changes[j].Name })
	return changes
}

// missing returns a description that list has more often than other, "" if none.
func missing(list, other []string) string {
	left := slices.Clone(other)
	for _, description := range list {
		i := slices.Index(left, description)
		if i < 0 {
			return description
		}
		left = slices.Delete(left, i, i+1)
	}
	return ""
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
	if err := checkEnds(d); err != nil {
		return nil, err
	}
	u := &Unit{types: described{}, variables: described{}, functions: described{}}
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

// checkEnds refuses types on which package debug/dwarf runs out of stack: those made of themselves with nothing but qualifiers,
// arrays and names between, and references to where no entry begins, since anything may be read there; and a
// cut-off entry at the end, which it reads for ever.
func checkEnds(d *dwarf.Data) error {
	next := map[dwarf.Offset]dwarf.Offset{}
	starts, used := map[dwarf.Offset]bool{}, map[dwarf.Offset]bool{}
	ends := 0 // null entries in a row: at most as many as entries are nested, and padding
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if e.Tag != 0 {
			ends = 0
		} else if ends++; ends > maxSteps {
			return fmt.Errorf("entries have no end")
		}
		starts[e.Offset] = true
		to, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
		if !ok {
			continue
		}
		used[to] = true
		switch e.Tag {
		case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagTypedef, dwarf.TagArrayType:
			next[e.Offset] = to
		}
	}
	for to := range used {
		if !starts[to] {
			return fmt.Errorf("type at %#x: no entry begins there", to)
		}
	}
	seen, walk := map[dwarf.Offset]int{}, 0
	for from := range next {
		walk++
		for at, ok := from, true; ok && seen[at] == 0; at, ok = next[at] {
			seen[at] = walk
			if to, ok := next[at]; ok && seen[to] == walk {
				return fmt.Errorf("type at %#x: made of itself", to)
			}
		}
	}
	return nil
}

func (u *Unit) add(d *dwarf.Data, e *dwarf.Entry) error {
	name, _ := e.Val(dwarf.AttrName).(string)
	if name == "" {
		return nil
	}
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType, dwarf.TagEnumerationType, dwarf.TagTypedef:
		return u.addType(d, e)
	case dwarf.TagVariable:
		return u.addVariable(d, e, name)
	case dwarf.TagSubprogram:
		return u.addFunction(d, e, name)
	}
	return nil
}

// addVariable takes variables at a fixed place: the others live in registers and frames.
func (u *Unit) addVariable(d *dwarf.Data, e *dwarf.Entry, name string) error {
	const opAddr = 0x03 // DW_OP_addr
	place, _ := e.Val(dwarf.AttrLocation).([]byte)
	off, typed := e.Val(dwarf.AttrType).(dwarf.Offset)
	if len(place) == 0 || place[0] != opAddr || !typed {
		return nil
	}
	t, err := d.Type(off)
	if err != nil {
		return fmt.Errorf("variable %s: %w", name, err)
	}
	var s speller
	u.variables.add(name, s.spell(t))
	return s.err()
}

func (u *Unit) addType(d *dwarf.Data, e *dwarf.Entry) error {
	t, err := d.Type(e.Offset)
	if err != nil {
		return fmt.Errorf("type at %#x: %w", e.Offset, err)
	}
	var s speller
	switch t := t.(type) {
	case *dwarf.StructType:
		if !t.Incomplete {
			u.types.add(t.Kind+" "+t.StructName, s.body(t))
		}
	case *dwarf.EnumType:
		u.types.add("enum "+t.EnumName, fmt.Sprintf("%d bytes", t.Size()))
	case *dwarf.TypedefType:
		u.types.add(t.Name, s.spell(t.Type))
	}
	return s.err()
}

// addFunction takes definitions only: a prototype without code is somebody else's.
func (u *Unit) addFunction(d *dwarf.Data, e *dwarf.Entry, name string) error {
	external, _ := e.Val(dwarf.AttrExternal).(bool)
	declared, _ := e.Val(dwarf.AttrDeclaration).(bool)
	if !external || declared {
		return nil
	}
	var s speller
	result := "void"
	if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
		t, err := d.Type(off)
		if err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
		result = s.spell(t)
	}
	params, err := s.parameters(d, e)
	if err != nil {
		return fmt.Errorf("function %s: %w", name, err)
	}
	u.functions.add(name, fmt.Sprintf("%s (%s)", result, strings.Join(params, ", ")))
	return s.err()
}

// parameters spells the types of a subprogram's direct parameters.
func (s *speller) parameters(d *dwarf.Data, e *dwarf.Entry) ([]string, error) {
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

// maxSteps bounds how many types one description may mention: a type that refers to itself without a name has no end.
const maxSteps = 1 << 16

// speller writes one type or prototype.
type speller struct{ steps int }

func (s *speller) err() error {
	if s.steps > maxSteps {
		return fmt.Errorf("the description of a type has no end")
	}
	return nil
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
		return t.Name
	case *dwarf.StructType:
		if t.StructName == "" {
			return t.Kind + s.body(t)
		}
		return t.Kind + " " + t.StructName
	case *dwarf.EnumType:
		if t.EnumName == "" {
			return fmt.Sprintf("enum of %d bytes", t.ByteSize)
		}
		return "enum " + t.EnumName
	case *dwarf.FuncType:
		return s.prototype(t)
	case nil:
		return "void"
	}
	return t.String()
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
