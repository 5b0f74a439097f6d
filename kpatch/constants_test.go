package kpatch

import (
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// a64Patch has code that refers to data of the original and of the patch by page and offset, and a distance within the patch.
func a64Patch() *Patch {
	typ := func(n elf.R_AARCH64) arch.RelocType { return arch.AArch64.Reloc(uint32(n)) }
	text := make([]byte, 48)
	for i := 0; i < 32; i += 4 {
		binary.LittleEndian.PutUint32(text[i:], []uint32{0x90000000, 0x91000000, 0xb9400000, 0x94000000, 0xf9400000, 0xd65f03c0, 0, 0}[i/4])
	}
	return &Patch{
		ID: "0001", BuildID: "00112233445566778899aabbccddeeff00112233", Machine: &arch.AArch64,
		Sections: []Section{
			{},
			{Name: kpname.Text, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 48, Align: 16, Data: text, Relocs: []Reloc{
				{Offset: 0, Type: typ(elf.R_AARCH64_ADR_PREL_PG_HI21), Symbol: 2, Addend: 0x104},
				{Offset: 4, Type: typ(elf.R_AARCH64_ADD_ABS_LO12_NC), Symbol: 2, Addend: 0x104},
				{Offset: 8, Type: typ(elf.R_AARCH64_LDST32_ABS_LO12_NC), Symbol: 2, Addend: 0x104},
				{Offset: 12, Type: typ(elf.R_AARCH64_CALL26), Symbol: 3, Addend: 0},
				{Offset: 16, Type: typ(elf.R_AARCH64_LDST64_ABS_LO12_NC), Symbol: 1, Addend: 8},
				{Offset: 24, Type: typ(elf.R_AARCH64_PREL32), Symbol: 2, Addend: 8},
				{Offset: 28, Type: typ(elf.R_AARCH64_PREL32), Symbol: 1, Addend: 8},
				{Offset: 32, Type: typ(elf.R_AARCH64_PREL64), Symbol: 2, Addend: 8},
				{Offset: 40, Type: typ(elf.R_AARCH64_PREL64), Symbol: 1, Addend: 8},
			}},
			{Name: kpname.Data, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Size: 16, Align: 8, Data: make([]byte, 16)},
			{Name: ".data", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x20ab0, Size: 0x200, Align: 16},
			{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x1000, Size: 0x200, Align: 16},
		},
		Symbols:   []Symbol{{}, {Type: elf.STT_SECTION, Section: 2}, {Type: elf.STT_SECTION, Section: 3}, {Type: elf.STT_SECTION, Section: 4}},
		Functions: []Function{{Name: "f", Old: Location{Section: 4}, New: Location{Section: 1}, OldSize: 16, NewSize: 24}},
	}
}

func TestConstants(t *testing.T) {
	data, err := Encode(a64Patch())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	text, patchData := p.section(kpname.Text), p.section(kpname.Data)
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(text.Data[at:]) }
	for _, tt := range []struct {
		name      string
		got, want uint32
	}{
		{"add of 0x20ab0+0x104", word(4), 0x91000000 | 0xbb4<<10},
		{"load of a word there", word(8), 0xb9400000 | 0xbb4>>2<<10},
		{"load from the patch's data, which begins a page", word(16), 0xf9400000 | 8>>3<<10},
		{"distance within the patch", word(28), uint32(patchData.Offset + 8 - text.Offset - 28)},
		{"the same in 64 bits", word(40), uint32(patchData.Offset + 8 - text.Offset - 40)},
		{"its upper half", word(44), 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: 0x%08x, want 0x%08x", tt.name, tt.got, tt.want)
		}
	}
	var kinds []arch.RelocKind
	for _, r := range text.Relocs {
		kinds = append(kinds, r.Type.Kind)
	}
	if !slices.Equal(kinds, []arch.RelocKind{arch.PagePC, arch.Call, arch.PC32, arch.PC64}) { // the last two lead to the original
		t.Errorf("the file holds relocations of kinds %v", kinds)
	}
	if again, err := Encode(p); err != nil || string(again) != string(data) {
		t.Errorf("encoded again: %v", err)
	}
	p.Sections = append(p.Sections, Section{Name: ".bss", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC, Addr: 0x30000, Size: 8, Align: 8})
	if _, err := Encode(p); err == nil || !strings.Contains(err.Error(), "would move") {
		t.Errorf("with a section more: %v", err)
	}
}

func TestConstantsRefused(t *testing.T) {
	typ := func(n elf.R_AARCH64) arch.RelocType { return arch.AArch64.Reloc(uint32(n)) }
	for _, tt := range []struct {
		name  string
		reloc Reloc
		want  string
	}{
		{"not aligned", Reloc{Offset: 8, Type: typ(elf.R_AARCH64_LDST64_ABS_LO12_NC), Symbol: 2, Addend: 4}, "does not fit"},
		{"distance to the original from an instruction", Reloc{Offset: 12, Type: typ(elf.R_AARCH64_CONDBR19), Symbol: 2}, "R_AARCH64_CONDBR19"},
		{"of an import", Reloc{Offset: 8, Type: typ(elf.R_AARCH64_LDST64_ABS_LO12_NC), Symbol: 4}, "R_AARCH64_LDST64_ABS_LO12_NC"},
		{"slot of the patch", Reloc{Offset: 8, Type: typ(elf.R_AARCH64_LD64_GOT_LO12_NC), Symbol: 1}, "R_AARCH64_LD64_GOT_LO12_NC"},
		{"thread-local", Reloc{Offset: 8, Type: typ(elf.R_AARCH64_TLSLE_ADD_TPREL_LO12_NC), Symbol: 1}, "R_AARCH64_TLSLE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := a64Patch()
			p.Symbols = append(p.Symbols, Symbol{Name: "v", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL})
			p.Sections[1].Relocs = []Reloc{tt.reloc}
			if _, err := Encode(p); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
