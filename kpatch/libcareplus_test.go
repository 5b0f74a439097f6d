package kpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// libcarePlusHeader has a build time, as LibcarePlus always writes one.
var libcarePlusHeader = []cell{
	{0, "KPATCH1\x00"},
	{8, "0001"},
	{88, "38e1309755bceaeb01f0f6aa184e659da75e2593"},
	{136, u64(0x6b026760)},
	{152, u32(504)},
	{156, u32(504)},
}

// libcarePlusObject has the form that LibcarePlus' tools give a patch that changes value and adds extra: the sections of
// the linked program in its order, those of the patch among them; relocation sections of the original, which count as
// originals; addresses of the linked program in patch sections and section symbols; symbols of functions and variables
// beside section symbols, one without a type; unaligned tables; section headers behind everything; and, where relocations
// write, what the linker had put there.
var libcarePlusObject = []cell{
	// ELF header: ET_REL, EM_X86_64, section headers at 0x1300; the size of program headers, of which there are none
	{0x0, "\x7fELF\x02\x01\x01"},
	{0x10, u16(1)},
	{0x12, u16(62)},
	{0x14, u32(1)},
	{0x28, u64(0x1300)},
	{0x34, u16(64)},
	{0x36, u16(56)},
	{0x3a, u16(64)},
	{0x3c, u16(16)},
	{0x3e, u16(15)},
	// .kpatch.text: value, extra
	{0x2a8, "\x53\x8b\x05"},
	{0x2ab, u32(0x2e4d)},
	{0x2af, "\x8d\x1c\x78\xe8"},
	{0x2b3, u32(0x15)},
	{0x2b7, "\x8b\x15"},
	{0x2b9, u32(0x3e0b)},
	{0x2bd, "\x8d\x4a\x01\x89\x0d"},
	{0x2c2, u32(0x3e02)},
	{0x2c6, "\x01\xd8\x01\xd0\x5b\xc3"},
	{0x2cc, "\x53\xf7\xdf\xe8"},
	{0x2d0, u32(0xfffffe20)},
	{0x2d4, "\x89\xc3\xba"},
	{0x2d7, u32(10)},
	{0x2db, "\xbe"},
	{0x2e0, "\x48\x8d\x3d"},
	{0x2e3, u32(0x3ddd)},
	{0x2e7, "\xe8"},
	{0x2e8, u32(0xfffffe38)},
	{0x2ec, "\x01\xd8\x5b\xc3"},
	// .kpatch.strtab
	{0x2f0, "value.kpatch"},
	{0x2fd, "extra"},
	// .kpatch.info: the addresses that the linker knew, lengths
	{0x303, u64(0x1179)},
	{0x30b, u64(0x11e4)},
	{0x313, u32(10)},
	{0x317, u32(36)},
	{0x31b, u64(0x200a)},
	{0x33b, u64(0x1208)},
	{0x347, u32(36)},
	{0x34b, u64(0x2017)},
	// .kpatch.data
	{0x1000, "17"},
	{0x1004, u32(5)},
	// .symtab
	{0x1020, sym{0, 3, 5, 0x200a, 0}},
	{0x1038, sym{0, 3, 10, 0x5000, 0}},
	{0x1050, sym{1, 0x12, 0, 0, 0}},
	{0x1068, sym{17, 0x12, 0, 0, 0}},
	{0x1080, sym{36, 0x12, 1, 0xe9, 10}},
	{0x1098, sym{42, 0x10, 8, 0x10, 4}},
	{0x10b0, sym{49, 0x11, 10, 4, 4}},
	{0x10c8, sym{64, 0x12, 3, 0, 36}},
	{0x10e0, sym{77, 0x12, 3, 0x24, 36}},
	// .strtab
	{0x10f9, "abs@GLIBC_2.2.5"},
	{0x1109, "strtol@GLIBC_2.2.5"},
	{0x111c, "value"},
	{0x1122, "secret"},
	{0x1129, "counter.kpatch"},
	{0x1138, "value.kpatch"},
	{0x1145, "extra"},
	// .rela.kpatch.text
	{0x1150, rela{0x03, 2, 6, -4}},
	{0x1168, rela{0x0b, 2, 9, -4}},
	{0x1180, rela{0x11, 2, 7, -4}},
	{0x1198, rela{0x1a, 2, 7, -4}},
	{0x11b0, rela{0x28, 2, 3, -4}},
	{0x11c8, rela{0x3b, 2, 2, -4}},
	{0x11e0, rela{0x40, 2, 4, -4}},
	// .rela.kpatch.info
	{0x11f8, rela{0x00, 1, 5, 0}},
	{0x1210, rela{0x08, 1, 8, 0}},
	{0x1228, rela{0x18, 1, 1, 0}},
	{0x1240, rela{0x38, 1, 9, 0}},
	{0x1258, rela{0x48, 1, 1, 13}},
	// .shstrtab: names that end like another are its end
	{0x1271, ".rela.text"},
	{0x127c, ".rela.kpatch.text"},
	{0x128e, ".kpatch.strtab"},
	{0x129d, ".rela.kpatch.info"},
	{0x12af, ".rela.data"},
	{0x12ba, ".kpatch.data"},
	{0x12c7, ".bss"},
	{0x12cc, ".comment"},
	{0x12d5, ".symtab"},
	{0x12dd, ".shstrtab"},
	// section headers: name, type, flags, address, offset, size, link, info, alignment, entry size
	{0x1340, shdr{0x6, 8, 0x6, 0x1070, 0x2b0, 0x154, 0, 0, 16, 0}},   // 1 .text
	{0x1380, shdr{0x1, 8, 0x42, 0x0, 0x2a8, 0x1f8, 6, 16, 8, 24}},    // 2 .rela.text
	{0x13c0, shdr{0x11, 1, 0x6, 0x11e4, 0x2a8, 0x48, 0, 0, 1, 0}},    // 3 .kpatch.text
	{0x1400, shdr{0xc, 4, 0x40, 0x0, 0x1150, 0xa8, 13, 3, 8, 24}},    // 4 .rela.kpatch.text
	{0x1440, shdr{0x1e, 1, 0x2, 0x200a, 0x2f0, 0x13, 0, 0, 1, 0}},    // 5 .kpatch.strtab
	{0x1480, shdr{0x32, 1, 0x2, 0x201d, 0x303, 0x78, 0, 0, 1, 0}},    // 6 .kpatch.info
	{0x14c0, shdr{0x2d, 4, 0x40, 0x0, 0x11f8, 0x78, 13, 6, 8, 24}},   // 7 .rela.kpatch.info
	{0x1500, shdr{0x44, 8, 0x3, 0x4018, 0x380, 0x14, 0, 0, 8, 0}},    // 8 .data
	{0x1540, shdr{0x3f, 8, 0x42, 0x0, 0x2b0, 0x18, 6, 35, 8, 24}},    // 9 .rela.data
	{0x1580, shdr{0x4a, 1, 0x3, 0x5000, 0x1000, 0x8, 0, 0, 4096, 0}}, // 10 .kpatch.data
	{0x15c0, shdr{0x57, 8, 0x3, 0x4030, 0x1008, 0x20, 0, 0, 16, 0}},  // 11 .bss
	{0x1600, shdr{0x5c, 8, 0x30, 0x0, 0x0, 0x27, 0, 0, 1, 1}},        // 12 .comment
	{0x1640, shdr{0x65, 2, 0x0, 0x0, 0x1008, 0xf0, 14, 3, 8, 24}},    // 13 .symtab
	{0x1680, shdr{0x25, 3, 0x0, 0x0, 0x10f8, 0x53, 0, 0, 1, 0}},      // 14 .strtab
	{0x16c0, shdr{0x6d, 3, 0x0, 0x0, 0x1270, 0x77, 0, 0, 1, 0}},      // 15 .shstrtab
}

const libcarePlusSize = 0x1700

// TestLibcarePlus reads a file of the form that LibcarePlus' tools make.
func TestLibcarePlus(t *testing.T) {
	file := goldenFile(t, "foreign", place(t, libcarePlusHeader, libcarePlusObject, libcarePlusSize))
	p := mustDecode(t, file)
	if p.ID != "0001" || p.BuildID != "38e1309755bceaeb01f0f6aa184e659da75e2593" || p.Meta != nil {
		t.Errorf("id %q, build ID %q, metadata %v", p.ID, p.BuildID, p.Meta)
	}
	want := []Function{
		{Name: "value.kpatch", Old: Location{1, 0xe9}, New: Location{3, 0}, OldSize: 10, NewSize: 36},
		{Name: "extra", New: Location{3, 0x24}, NewSize: 36},
	}
	if diff := cmp.Diff(want, p.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	type reference struct {
		Offset uint64
		Name   string
		Addend int64
	}
	var got []reference
	for _, r := range p.section(kpname.Text).Relocs {
		if r.Type.Kind != arch.PC32 {
			t.Errorf("relocation %+v", r)
		}
		got = append(got, reference{r.Offset, p.Symbols[r.Symbol].Name, r.Addend})
	}
	wantRefs := []reference{
		{0x03, "secret", -4},
		{0x0b, "extra", -4},
		{0x11, "counter.kpatch", -4},
		{0x1a, "counter.kpatch", -4},
		{0x28, "abs", -4},
		{0x3b, "", -4},
		{0x40, "strtol", -4},
	}
	if diff := cmp.Diff(wantRefs, got); diff != "" {
		t.Errorf("references:\n%s", diff)
	}
	layout, err := p.Layout(p.Machine)
	wantLayout := Layout{
		JumpSlots: 2, JmpOffset: 504, ElfOffset: 0x1000, DataOffset: 0x2000, UserInfo: 0x1303, UserUndo: 0x2700, Frames: 0x2740, TotalMemory: 0x3000,
	}
	if diff := cmp.Diff(wantLayout, layout); diff != "" || err != nil {
		t.Error(err, diff)
	}
}
