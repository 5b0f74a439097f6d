package layout

import (
	"debug/dwarf"
	"fmt"
)

// Encodings of base types (DWARF 5, section 7.8).
const (
	encAddress      = 0x01
	encBoolean      = 0x02
	encComplexFloat = 0x03
	encFloat        = 0x04
	encSigned       = 0x05
	encSignedChar   = 0x06
	encUnsigned     = 0x07
	encUnsignedChar = 0x08
	encDecimalFloat = 0x0f
	encUTF          = 0x10
	encLoUser       = 0x80 // of gcc and clang: complex integers
)

// numberType is a base type.
type numberType struct {
	dwarf.CommonType
	encoding, bits int64 // bits is 0 where it has all of its bytes
	order          int64 // of its bytes: 0 is the machine's (DWARF 5, section 7.8, DW_END_default)
}

// newNumber reads a base type.
func newNumber(e *dwarf.Entry) (*numberType, error) {
	t := &numberType{CommonType: common(e)}
	t.encoding, _ = e.Val(dwarf.AttrEncoding).(int64)
	t.bits, _ = e.Val(dwarf.AttrBitSize).(int64)
	t.order, _ = e.Val(dwarf.AttrEndianity).(int64)
	switch t.encoding {
	case encAddress, encBoolean, encFloat, encSigned, encSignedChar, encUnsigned, encUnsignedChar, encDecimalFloat, encUTF:
		return t, nil
	case encComplexFloat:
		if t.Name == "complex" { // by clang
			t.Name = map[int64]string{8: "complex float", 16: "complex double", 32: "complex long double"}[t.ByteSize]
		}
		if t.Name != "" {
			return t, nil
		}
	case encLoUser:
		// Compilers do not describe whether they have a sign, gcc but for int: it changes neither what they hold nor how they are passed.
		t.Name = fmt.Sprintf("complex integer of %d bytes", t.ByteSize)
		return t, nil
	}
	return nil, fmt.Errorf("type at %#x: %q has encoding %#x, which is not known", e.Offset, t.Name, t.encoding)
}

// String is the name that the compiler gives the type.
func (t *numberType) String() string { return t.Name + t.otherOrder() }

// otherOrder tells of an order of bytes that is not the machine's, as gcc's attribute scalar_storage_order asks for.
func (t *numberType) otherOrder() string {
	if t.order == 0 || t.ByteSize == 1 {
		return ""
	}
	return map[int64]string{1: " in big-endian order", 2: " in little-endian order"}[t.order]
}

// isInteger reports whether it is an integer, with a sign or without, that uses all of its bits in the machine's order.
func (t *numberType) isInteger() bool {
	switch t.encoding {
	case encSigned, encSignedChar, encUnsigned, encUnsignedChar:
		return t.bits == 0 && t.otherOrder() == ""
	}
	return false
}

// plain spells numbers alike which hold the same in the same way. Those that are no integers are told apart by name: of one size and
// encoding are long double and _Float128.
func (t *numberType) plain() string {
	size := fmt.Sprintf("%d bytes", t.ByteSize) + t.otherOrder()
	if t.bits != 0 {
		size = fmt.Sprintf("%d bits in %s", t.bits, size)
	}
	switch t.encoding {
	case encSigned, encSignedChar:
		return "signed integer of " + size
	case encUnsigned, encUnsignedChar:
		return "unsigned integer of " + size
	}
	return fmt.Sprintf("%s (%s) of %s", t.Name, encodingNames[t.encoding], size)
}

// encodingNames say what numbers are that are no integers.
var encodingNames = map[int64]string{
	encAddress: "address", encBoolean: "boolean", encFloat: "floating point", encComplexFloat: "complex floating point", encDecimalFloat: "decimal floating point",
	encUTF: "character", encLoUser: "complex integer",
}
