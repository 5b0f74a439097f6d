package layout

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Type reads the type at an offset. dwarf.Data.Type, which it stands for, reads neither decimal numbers nor complex integers, and
// nothing behind _Atomic.
func (d *data) Type(off dwarf.Offset) (dwarf.Type, error) {
	if t := d.types[off]; t != nil {
		return t, nil
	}
	if d.depth++; d.depth > maxSteps {
		return nil, fmt.Errorf("types are nested too deeply")
	}
	defer func() { d.depth-- }()
	r := d.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil {
		return nil, err
	}
	if e == nil || e.Offset != off {
		return nil, fmt.Errorf("no type at %#x", off)
	}
	switch e.Tag {
	case dwarf.TagBaseType:
		t, err := newNumber(e)
		if err != nil {
			return nil, err
		}
		return d.keep(off, t), nil
	case dwarf.TagUnspecifiedType:
		return d.keep(off, &dwarf.UnspecifiedType{BasicType: dwarf.BasicType{CommonType: common(e)}}), nil
	}
	kids, err := children(r, e)
	if err != nil {
		return nil, err
	}
	switch e.Tag {
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType:
		return d.structure(e, kids)
	case dwarf.TagEnumerationType:
		return d.enumeration(e, kids)
	case dwarf.TagArrayType:
		return d.array(e, kids)
	case dwarf.TagSubroutineType:
		return d.function(e, kids)
	}
	return d.derived(e)
}

func (d *data) keep(off dwarf.Offset, t dwarf.Type) dwarf.Type {
	d.types[off] = t
	return t
}

func common(e *dwarf.Entry) dwarf.CommonType {
	name, _ := e.Val(dwarf.AttrName).(string)
	size, ok := e.Val(dwarf.AttrByteSize).(int64)
	if !ok {
		size = -1
	}
	return dwarf.CommonType{ByteSize: size, Name: name}
}

// children reads the direct children of an entry just read.
func children(r *dwarf.Reader, e *dwarf.Entry) (kids []*dwarf.Entry, err error) {
	for e.Children {
		kid, err := r.Next()
		if err != nil {
			return nil, err
		}
		if kid == nil || len(kids) == maxSteps {
			return nil, fmt.Errorf("entry at %#x: it has no end", e.Offset)
		}
		if kid.Tag == 0 {
			break
		}
		kids = append(kids, kid)
		r.SkipChildren()
	}
	return kids, nil
}

// typeOf reads the type that an entry refers to; none is void.
func (d *data) typeOf(e *dwarf.Entry) (dwarf.Type, error) {
	switch off := e.Val(dwarf.AttrType).(type) {
	case nil:
		return &dwarf.VoidType{}, nil
	case dwarf.Offset:
		return d.Type(off)
	}
	return nil, fmt.Errorf("entry at %#x: its type is not in the unit", e.Offset)
}

// derived reads what is made of one other type.
func (d *data) derived(e *dwarf.Entry) (t dwarf.Type, err error) {
	var to *dwarf.Type
	switch e.Tag {
	case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType:
		q := &dwarf.QualType{CommonType: common(e)}
		t, to = q, &q.Type
	case dwarf.TagPointerType:
		p := &dwarf.PtrType{CommonType: common(e)}
		t, to = p, &p.Type
	case dwarf.TagTypedef:
		n := &dwarf.TypedefType{CommonType: common(e)}
		t, to = n, &n.Type
	case dwarf.TagAtomicType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType, dwarf.TagPtrToMemberType:
		o := &otherType{UnsupportedType: dwarf.UnsupportedType{CommonType: common(e), Tag: e.Tag}}
		t, to = o, &o.of
	default:
		return nil, fmt.Errorf("type at %#x: it is a %v, which is not known", e.Offset, e.Tag)
	}
	d.types[e.Offset] = t
	*to, err = d.typeOf(e)
	return t, err
}

// otherType is a type made of another one that package debug/dwarf has no type for: an atomic one, a reference of C++.
type otherType struct {
	dwarf.UnsupportedType
	of dwarf.Type
}

// structure reads a structure or union. What stands on one around an array of variable length, which GNU C allows in a function,
// has no layout to compare: every call has its own.
func (d *data) structure(e *dwarf.Entry, kids []*dwarf.Entry) (dwarf.Type, error) {
	t := &dwarf.StructType{CommonType: common(e), StructName: common(e).Name, Incomplete: e.Val(dwarf.AttrDeclaration) != nil}
	t.Kind = map[dwarf.Tag]string{dwarf.TagStructType: "struct", dwarf.TagUnionType: "union", dwarf.TagClassType: "class"}[e.Tag]
	d.types[e.Offset] = t
	for _, kid := range kids {
		if !isInside(kid) {
			continue
		}
		f := &dwarf.StructField{Name: common(kid).Name, ByteSize: common(kid).ByteSize}
		var err error
		if f.Type, err = d.typeOf(kid); err != nil {
			return nil, err
		}
		if kid.Tag == dwarf.TagInheritance {
			f.Name = baseClass
		}
		if kid.Val(dwarf.AttrVirtuality) != nil {
			f.Name = virtualBase
			t.Field = append(t.Field, f)
			continue
		}
		var fixed bool
		if f.ByteOffset, fixed = memberOffset(kid); !fixed {
			vary := &dwarf.UnspecifiedType{}
			vary.Name = "of variable length"
			return d.keep(e.Offset, vary), nil
		}
		f.BitOffset, _ = kid.Val(dwarf.AttrBitOffset).(int64)
		f.DataBitOffset, _ = kid.Val(dwarf.AttrDataBitOffset).(int64)
		f.BitSize, _ = kid.Val(dwarf.AttrBitSize).(int64)
		t.Field = append(t.Field, f)
	}
	if isPassedByAddress(e, kids) {
		objects := &dwarf.UnspecifiedType{}
		objects.Name = "objects"
		t.Field = append(t.Field, &dwarf.StructField{Name: byAddress, Type: objects})
	}
	return t, nil
}

// Base classes are described like members of these names; each object says itself where a virtual one is. So is how objects are passed.
const (
	baseClass   = "base class"
	virtualBase = "virtual base"
	byAddress   = "passed by address"
)

// isNoMember reports whether a name stands for what is no member.
func isNoMember(name string) bool {
	return name == baseClass || name == virtualBase || name == byAddress
}

// isPassedByAddress reports whether functions get the address of an object, and arrays have their length in front: it has a destructor of its
// own. Clang says how objects are passed (DWARF version 5, section 5.7.2), gcc does not.
func isPassedByAddress(e *dwarf.Entry, kids []*dwarf.Entry) bool {
	const byReference = 4 // DW_CC_pass_by_reference
	if how, ok := e.Val(dwarf.AttrCalling).(int64); ok {
		return how == byReference
	}
	return slices.ContainsFunc(kids, func(kid *dwarf.Entry) bool {
		own := kid.Val(dwarf.AttrArtificial) == nil && kid.Val(dwarf.AttrDefaulted) == nil
		return kid.Tag == dwarf.TagSubprogram && strings.HasPrefix(common(kid).Name, "~") && own
	})
}

// isInside reports whether an entry of a structure has a place in each object: a member, or a base class. A static member is a variable,
// which DWARF 4 and clang describe as a declared member.
func isInside(e *dwarf.Entry) bool {
	static, _ := e.Val(dwarf.AttrDeclaration).(bool)
	return e.Tag == dwarf.TagInheritance || e.Tag == dwarf.TagMember && !static
}

func (d *data) enumeration(e *dwarf.Entry, kids []*dwarf.Entry) (dwarf.Type, error) {
	t := &dwarf.EnumType{CommonType: common(e), EnumName: common(e).Name}
	for _, kid := range kids {
		if kid.Tag != dwarf.TagEnumerator {
			continue
		}
		v := &dwarf.EnumValue{Name: common(kid).Name}
		switch value := kid.Val(dwarf.AttrConstValue).(type) {
		case int64:
			v.Val = value
		case []byte: // of more than 64 bits
			v.Name = fmt.Sprintf("%s = %#x", v.Name, value)
		}
		t.Val = append(t.Val, v)
	}
	return d.keep(e.Offset, t), nil
}

// memberOffset returns the place of a member, and whether it is fixed: else it is computed where it is used (DWARF 5, section 5.7.6).
func memberOffset(e *dwarf.Entry) (int64, bool) {
	const opPlusUconst = 0x23
	switch place := e.Val(dwarf.AttrDataMemberLoc).(type) {
	case int64:
		return place, true
	case []byte:
		if len(place) < 2 || place[0] != opPlusUconst {
			return 0, false
		}
		off, n := binary.Uvarint(place[1:])
		return int64(off), n == len(place)-1
	}
	return 0, true
}

// array reads an array. One without a bound is like one of no elements.
func (d *data) array(e *dwarf.Entry, kids []*dwarf.Entry) (dwarf.Type, error) {
	t := &dwarf.ArrayType{CommonType: common(e)}
	d.types[e.Offset] = t
	var err error
	if t.Type, err = d.typeOf(e); err != nil {
		return nil, err
	}
	var counts []int64
	for _, kid := range kids {
		switch kid.Tag {
		case dwarf.TagSubrangeType:
			count, ok := kid.Val(dwarf.AttrCount).(int64)
			if !ok {
				if last, ok := kid.Val(dwarf.AttrUpperBound).(int64); ok {
					count = last + 1
				}
			}
			counts = append(counts, count)
		case dwarf.TagEnumerationType:
			return nil, fmt.Errorf("array at %#x: its bound is an enumeration", e.Offset)
		}
	}
	for len(counts) > 1 {
		last := len(counts) - 1
		t.Type = &dwarf.ArrayType{Type: t.Type, Count: counts[last]}
		counts = counts[:last]
	}
	if len(counts) > 0 {
		t.Count = counts[0]
	}
	return t, nil
}

func (d *data) function(e *dwarf.Entry, kids []*dwarf.Entry) (dwarf.Type, error) {
	t := &dwarf.FuncType{CommonType: common(e)}
	d.types[e.Offset] = t
	var err error
	if t.ReturnType, err = d.typeOf(e); err != nil {
		return nil, err
	}
	for _, kid := range kids {
		switch kid.Tag {
		case dwarf.TagFormalParameter:
			param, err := d.typeOf(kid)
			if err != nil {
				return nil, err
			}
			t.ParamType = append(t.ParamType, param)
		case dwarf.TagUnspecifiedParameters:
			t.ParamType = append(t.ParamType, &dwarf.DotDotDotType{})
		}
	}
	return t, nil
}
