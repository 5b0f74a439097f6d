package layout

import (
	"debug/dwarf"
	"testing"
)

// TestPlainNumber: messages say what a number is in words.
func TestPlainNumber(t *testing.T) {
	for want, n := range map[string]numberType{
		"signed integer of 4 bytes":             {CommonType: dwarf.CommonType{Name: "int", ByteSize: 4}, encoding: encSigned},
		"unsigned integer of 3 bits in 4 bytes": {CommonType: dwarf.CommonType{Name: "unsigned int", ByteSize: 4}, encoding: encUnsigned, bits: 3},
		"float (floating point) of 4 bytes":     {CommonType: dwarf.CommonType{Name: "float", ByteSize: 4}, encoding: encFloat},
	} {
		if got := n.plain(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for e := range map[int64]bool{encAddress: true, encBoolean: true, encFloat: true, encComplexFloat: true, encDecimalFloat: true, encUTF: true, encLoUser: true} {
		if encodingNames[e] == "" {
			t.Errorf("encoding %#x has no name", e)
		}
	}
}
