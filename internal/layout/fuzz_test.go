package layout

import (
	"debug/dwarf"
	"encoding/binary"
	"testing"
)

// sampleInfo describes struct s { int a; } and int f(struct s *), DWARF 4, with its abbreviations.
func sampleInfo() (abbrev, info []byte) {
	abbrev = []byte{
		1, 0x11, 1, 0x03, 0x08, 0, 0, // DW_TAG_compile_unit: name
		2, 0x24, 0, 0x03, 0x08, 0x0b, 0x0b, 0x3e, 0x0b, 0, 0, // DW_TAG_base_type: name, size, encoding
		3, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0, 0, // DW_TAG_structure_type: name, size
		4, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b, 0, 0, // DW_TAG_member: name, type, offset
		5, 0x0f, 0, 0x49, 0x13, 0, 0, // DW_TAG_pointer_type: type
		6, 0x2e, 1, 0x03, 0x08, 0x3f, 0x19, 0x49, 0x13, 0x11, 0x01, 0, 0, // DW_TAG_subprogram: name, external, type, low pc
		7, 0x05, 0, 0x49, 0x13, 0, 0, // DW_TAG_formal_parameter: type
		0,
	}
	info = append(info, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8) // length, version, abbreviations, address size
	ref := func(at int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(at)) }
	info = append(info, 1, 'c', 0)
	base := len(info)
	info = append(info, 2, 'i', 'n', 't', 0, 4, 5)
	structure := len(info)
	info = append(info, 3, 's', 0, 4)
	info = append(append(append(info, 4, 'a', 0), ref(base)...), 0, 0)
	pointer := len(info)
	info = append(append(info, 5), ref(structure)...)
	info = append(append(info, 6, 'f', 0), ref(base)...)
	info = append(info, 0, 0x10, 0, 0, 0, 0, 0, 0)
	info = append(append(append(info, 7), ref(pointer)...), 0, 0)
	binary.LittleEndian.PutUint32(info, uint32(len(info)-4))
	return abbrev, info
}

// endlessInfo describes a type that is a restricted version of itself, and its name.
func endlessInfo() (abbrev, info []byte) {
	abbrev = []byte{
		1, 0x11, 1, 0x03, 0x08, 0, 0,
		2, 0x37, 0, 0x49, 0x13, 0, 0, // DW_TAG_restrict_type: type
		3, 0x16, 0, 0x03, 0x08, 0x49, 0x13, 0, 0, // DW_TAG_typedef: name, type
		0,
	}
	info = []byte{0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1, 'c', 0, 2, 14, 0, 0, 0, 3, 't', 0, 14, 0, 0, 0, 0}
	binary.LittleEndian.PutUint32(info, uint32(len(info)-4))
	return abbrev, info
}

// A type without an end is an error, not an endless description.
func TestReadEndless(t *testing.T) {
	abbrev, info := endlessInfo()
	d, err := dwarf.New(abbrev, nil, nil, info, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := Read(d); err == nil || u != nil {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestSampleInfo(t *testing.T) {
	abbrev, info := sampleInfo()
	d, err := dwarf.New(abbrev, nil, nil, info, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := Read(d)
	if err != nil || len(u.types["struct s"]) != 1 || len(u.functions["f"]) != 1 {
		t.Errorf("%+v, %v", u, err)
	}
}

// FuzzRead: hostile entries give layouts or an error, and a unit has no changes against itself. The abbreviations are those of
// the samples: they are the compiler's, and reading them is the standard library's business.
func FuzzRead(f *testing.F) {
	kinds, info := sampleInfo()
	f.Add(false, info)
	endless, info := endlessInfo()
	f.Add(true, info)
	f.Add(true, []byte("\x17\x00\x00\x00\x04\x00\x00\x00\x00\x00\b\x01c\x10\x02\x0e\x00\x00\x00\x03t\x00\x0e\x00\x00\x00\x00")) // between entries
	_, cut := sampleInfo()
	cut = append(cut, 0x80, 0x80) // the number of an entry, cut off
	binary.LittleEndian.PutUint32(cut, uint32(len(cut)-4))
	f.Add(false, cut)
	f.Fuzz(func(t *testing.T, other bool, info []byte) {
		abbrev := kinds
		if other {
			abbrev = endless
		}
		d, err := dwarf.New(abbrev, nil, nil, info, nil, nil, nil, nil)
		if err != nil {
			return
		}
		u, err := Read(d)
		if (u == nil) == (err == nil) {
			t.Fatalf("unit %v and error %v", u, err)
		}
		if err == nil && len(Compare(u, u)) > 0 {
			t.Fatal("a unit differs from itself")
		}
	})
}
