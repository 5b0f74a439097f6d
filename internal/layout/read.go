package layout

import (
	"debug/dwarf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/cxxname"
)

// Read collects the named types, the enumerators, the variables and the functions of a unit. Of its thread-local variables, whose names in the
// source are given, gcc for aarch64 does not say that they have a place.
func Read(info *dwarf.Data, threadLocal ...string) (*Unit, error) {
	d := &data{Data: info, types: map[dwarf.Offset]dwarf.Type{}, namespaces: map[dwarf.Offset]string{}, threadLocal: threadLocal}
	if err := d.check(); err != nil {
		return nil, err
	}
	u := &Unit{types: described{}, variables: described{}, declared: described{}, defined: map[string]bool{}, functions: described{}, names: map[string]string{}}
	enums := newEnumReader(&u.enums)
	inside := scopes{}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			u.takeDeclared()
			return u, nil
		}
		inside.enter(d, e)
		u.hasTypes = u.hasTypes || e.Tag == dwarf.TagFormalParameter
		if err := enums.read(d, e); err != nil {
			return nil, err
		}
		if err := u.add(d, e); err != nil {
			return nil, err
		}
	}
}

// data is debug information that was looked through.
type data struct {
	*dwarf.Data
	types map[dwarf.Offset]dwarf.Type // those read
	depth int                         // of the type being read

	namespaces  map[dwarf.Offset]string // in which variables of C++ are declared, as symbols encode them
	threadLocal []string                // names of such variables
}

// scopes are the entries around one, from the unit on: encoded namespaces, "" for another or none.
type scopes []string

// enter notes in which namespaces a variable is, and what those behind an entry are in.
func (s *scopes) enter(d *data, e *dwarf.Entry) {
	in := ""
	if len(*s) > 0 {
		in = (*s)[len(*s)-1]
	}
	switch name, _ := e.Val(dwarf.AttrName).(string); {
	case e.Tag == 0:
		*s = (*s)[:max(0, len(*s)-1)]
	case e.Tag == dwarf.TagVariable && in != "":
		d.namespaces[e.Offset] = in
	case e.Children && e.Tag == dwarf.TagNamespace && name == "": // of those it is the symbol alone that tells
		*s = append(*s, in)
	case e.Children && e.Tag == dwarf.TagNamespace:
		*s = append(*s, in+encoded(name))
	case e.Children:
		*s = append(*s, "")
	}
}

// encoded is a name in a symbol of C++.
func encoded(name string) string { return fmt.Sprint(len(name), name) }

// check refuses types that have no end: those made of themselves with nothing but qualifiers, arrays and names between, and
// references to where no entry begins, since anything may be read there; and a cut-off entry at the end, which package debug/dwarf
// reads for ever.
func (d *data) check() error {
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
		case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagTypedef, dwarf.TagArrayType,
			dwarf.TagAtomicType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType, dwarf.TagPtrToMemberType:
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

func (u *Unit) add(d *data, e *dwarf.Entry) error {
	if e.Tag == dwarf.TagVariable {
		return u.addVariable(d, e)
	}
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

// addVariable takes variables at a fixed place, which may be in another unit: the others live in registers and frames.
func (u *Unit) addVariable(d *data, e *dwarf.Entry) error {
	declared, err := specified(d, e)
	if err != nil {
		return err
	}
	name, _ := declared.Val(dwarf.AttrName).(string)
	place, _ := e.Val(dwarf.AttrLocation).([]byte)
	unplaced := e.Val(dwarf.AttrLocation) == nil && slices.Contains(d.threadLocal, name)
	if !isFixed(place) && !isDeclared(e) && !unplaced {
		return nil
	}
	if symbol, _ := declared.Val(dwarf.AttrLinkageName).(string); symbol != "" {
		name = cxxname.Shown(symbol) // it is the same variable where it ceases to be private
	} else if in := d.namespaces[declared.Offset]; in != "" && name != "" {
		name = "_ZN" + in + encoded(name) + "E" // gcc tells no symbol of private ones
	}
	off, typed := e.Val(dwarf.AttrType).(dwarf.Offset) // of an array that is declared without a bound
	if !typed {
		off, typed = declared.Val(dwarf.AttrType).(dwarf.Offset)
	}
	if name == "" || !typed || functionNames[name] {
		return nil
	}
	t, err := d.Type(off)
	if err != nil {
		return fmt.Errorf("variable %s: %w", name, err)
	}
	if isDeclared(e) {
		return u.declared.addType(name, t)
	}
	if external, _ := declared.Val(dwarf.AttrExternal).(bool); external {
		u.defined[name] = true
	}
	return u.variables.addType(name, t)
}

// isDeclared reports whether an entry declares a variable of another unit, or one that is defined further down.
func isDeclared(e *dwarf.Entry) bool {
	declared, _ := e.Val(dwarf.AttrDeclaration).(bool)
	external, _ := e.Val(dwarf.AttrExternal).(bool)
	return declared && external
}

// takeDeclared makes declarations count as the variables that they declare, where the unit does not define these.
func (u *Unit) takeDeclared() {
	for name, list := range u.declared {
		if !u.defined[name] {
			u.variables[name] = append(u.variables[name], list...)
		}
	}
}

// functionNames are constants that the compiler makes of a function's name, each as long as that: what they are is their content.
var functionNames = map[string]bool{"__func__": true, "__FUNCTION__": true, "__PRETTY_FUNCTION__": true}

// isFixed reports whether a location is an address, or a place in each thread's block.
func isFixed(place []byte) bool {
	const (
		opAddr, opConst4u, opConst8u = 0x03, 0x0c, 0x0e // DWARF 5, section 7.7.1
		opAddrx, opConstx            = 0xa1, 0xa2
		opFormTLS                    = 0x9b
		opGNUPushTLS                 = 0xe0 // and of GNU, before version 5
		opGNUAddrIndex, opGNUConst   = 0xfb, 0xfc
	)
	if len(place) == 0 {
		return false
	}
	switch last := place[len(place)-1]; place[0] {
	case opAddr, opAddrx, opGNUAddrIndex:
		return true
	case opConst4u, opConst8u, opConstx, opGNUConst:
		return last == opFormTLS || last == opGNUPushTLS
	}
	return false
}

// specified returns the declaration that an entry completes, or the entry itself. A variable that is declared in a header has
// its name and type there.
func specified(d *data, e *dwarf.Entry) (*dwarf.Entry, error) {
	off, ok := e.Val(dwarf.AttrSpecification).(dwarf.Offset)
	if !ok {
		return e, nil
	}
	r := d.Reader()
	r.Seek(off)
	declared, err := r.Next()
	if err == nil && declared == nil {
		err = fmt.Errorf("entry at %#x: it completes none", e.Offset)
	}
	return declared, err
}

func (u *Unit) addType(d *data, e *dwarf.Entry) error {
	t, err := d.Type(e.Offset)
	if err != nil {
		return fmt.Errorf("type at %#x: %w", e.Offset, err)
	}
	switch t := t.(type) {
	case *dwarf.StructType:
		if !t.Incomplete {
			return u.addStructure(e, t)
		}
	case *dwarf.EnumType:
		size := fmt.Sprintf("%d bytes", t.Size())
		return u.types.add("enum "+t.EnumName, description{same: size, text: size}, nil)
	case *dwarf.TypedefType:
		return u.types.addType(t.Name, t.Type)
	}
	return nil
}

// addStructure describes a structure by its members, with the alignment that the source demands: code may rely on that, and old objects may
// not have it.
func (u *Unit) addStructure(e *dwarf.Entry, t *dwarf.StructType) error {
	aligned, _ := e.Val(dwarf.AttrAlignment).(int64)
	d, err := describe(func(s *speller) (string, error) {
		body := s.body(t)
		if aligned > 0 {
			body = strings.Replace(body, " {", fmt.Sprintf(", aligned to %d {", aligned), 1)
		}
		return body, nil
	})
	d.t, d.aligned = t, aligned
	return u.types.add(t.Kind+" "+t.StructName, d, err)
}

// addFunction takes definitions only: a prototype without code is somebody else's.
func (u *Unit) addFunction(d *data, e *dwarf.Entry, name string) error {
	if declared, _ := e.Val(dwarf.AttrDeclaration).(bool); declared {
		return nil
	}
	symbol, _ := e.Val(dwarf.AttrLinkageName).(string)
	if symbol == "" {
		symbol = name
	} else if symbol != name {
		u.names[symbol] = name
	}
	prototype, err := describe(func(s *speller) (string, error) { return s.subprogram(d, e) })
	if err != nil {
		return fmt.Errorf("function %s: %w", name, err)
	}
	return u.functions.add(symbol, prototype, nil)
}

// Declare adds variables that another compile of the unit tells the types of: each variable there whose name begins so is a pointer to
// the one of the rest of the name.
func (u *Unit) Declare(probe *Unit, prefix string) error {
	for pointer, list := range probe.variables {
		name, ok := strings.CutPrefix(pointer, prefix)
		if !ok || u.defined[name] || u.declared[name] != nil {
			continue
		}
		for _, d := range list {
			p, ok := d.t.(*dwarf.PtrType)
			if !ok {
				continue
			}
			if err := u.variables.addType(name, p.Type); err != nil {
				return err
			}
		}
	}
	return nil
}
