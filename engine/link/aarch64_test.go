package link

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// a64Patch is a patch as LibcarePlus lays it out for aarch64: its loader is left to fill in each part of an address. The code begins at 0x2d4
// of the object, the data at 0x1000.
func a64Patch(code []byte, symbols []kpatch.Symbol, relocs []kpatch.Reloc) *kpatch.Patch {
	object := make([]byte, 0x1100)
	copy(object[0x2d4:], code)
	return &kpatch.Patch{
		ID: "0001", Machine: &arch.AArch64, Object: object,
		Sections: []kpatch.Section{
			{},
			{Name: ".kpatch.text", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Offset: 0x2d4, Size: 16, Align: 4, Relocs: relocs},
			{Name: ".kpatch.data", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Offset: 0x1000, Size: 0x100, Align: 8},
			{Name: ".data", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x20ab0, Size: 0x200, Align: 16},
		},
		Symbols: append([]kpatch.Symbol{{}}, symbols...),
	}
}

// TestForeignAArch64 follows the tables of ELF for the Arm 64-bit Architecture by hand, for what LibcarePlus leaves to its loader, among it what
// that loader does wrong. The first instruction is the one that is filled in; the bits of its field are set before.
func TestForeignAArch64(t *testing.T) {
	const (
		patchData = uint64(base) + elfOffset + 0x1000
		original  = uint64(bias) + 0x20ab0
		place     = uint64(base) + elfOffset + 0x2d4
		slot      = uint64(base) + kpatch.HeaderSize + 16
		imm12     = 0xfff << 10 // of a byte's; what is longer has less of it
	)
	inPatch := kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}
	variable := kpatch.Symbol{Name: "v.kpatch", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL, Section: secData, Value: 0x20}
	there := kpatch.Symbol{Type: elf.STT_SECTION, Section: secOriginal}
	pages := func(to uint64) uint32 { // of adrp
		n := uint32(to>>12 - place>>12)
		return n&3<<29 | n>>2&(1<<19-1)<<5
	}
	branch := func(to uint64) uint32 { return uint32(to-place) >> 2 & (1<<26 - 1) }
	for _, tt := range []struct {
		name   string
		typ    elf.R_AARCH64
		symbol kpatch.Symbol
		addend int64
		code   uint32
		want   uint32
		fails  fault.Code
	}{
		{"byte", elf.R_AARCH64_LDST8_ABS_LO12_NC, inPatch, 0x23, 0x39400020 | imm12, 0x39400020 | 0x23<<10, ""},
		{"byte of the original", elf.R_AARCH64_LDST8_ABS_LO12_NC, there, 0x23, 0x39400020 | imm12, 0x39400020 | 0xad3<<10, ""},
		{"half a word", elf.R_AARCH64_LDST16_ABS_LO12_NC, inPatch, 0x22, 0x79400020 | imm12>>1&imm12, 0x79400020 | 0x22>>1<<10, ""},
		{"word", elf.R_AARCH64_LDST32_ABS_LO12_NC, inPatch, 0x24, 0xb9400020 | imm12>>2&imm12, 0xb9400020 | 0x24>>2<<10, ""},
		{"word of the original", elf.R_AARCH64_LDST32_ABS_LO12_NC, there, 4, 0xb9400020 | imm12>>2&imm12, 0xb9400020 | 0xab4>>2<<10, ""},
		{"two words", elf.R_AARCH64_LDST64_ABS_LO12_NC, variable, 8, 0xf9400020 | imm12>>3&imm12, 0xf9400020 | 0x28>>3<<10, ""},
		{"four words", elf.R_AARCH64_LDST128_ABS_LO12_NC, inPatch, 0x20, 0x3dc00020 | imm12>>4&imm12, 0x3dc00020 | 0x20>>4<<10, ""},
		{"address", elf.R_AARCH64_ADD_ABS_LO12_NC, variable, 3, 0x91000021 | imm12, 0x91000021 | 0x23<<10, ""},
		{"page", elf.R_AARCH64_ADR_PREL_PG_HI21, there, 0x600, 0x90000001, 0x90000001 | pages(original+0x600), ""},
		{"call", elf.R_AARCH64_CALL26, there, 0x10, 0x94000000, 0x94000000 | branch(original+0x10), ""},
		{"jump", elf.R_AARCH64_JUMP26, there, 0x10, 0x17ffffff, 0x14000000 | branch(original+0x10), ""},
		{"call of an import", elf.R_AARCH64_CALL26, function, 0, 0x94000000, 0x94000000 | branch(slot), ""},
		{"page of an import's slot", elf.R_AARCH64_ADR_GOT_PAGE, data, 0, 0x90000001, 0x90000001 | pages(slot+8), ""},
		{"import from its slot", elf.R_AARCH64_LD64_GOT_LO12_NC, data, 0, 0xf9400021 | imm12>>3&imm12, 0xf9400021 | uint32((slot+8)&0xfff)>>3<<10, ""},
		{"function from its slot", elf.R_AARCH64_LD64_GOT_LO12_NC, function, 0, 0xf9400021, 0xf9400021 | uint32((slot+8)&0xfff)>>3<<10, ""},
		{"page of what needs no slot", elf.R_AARCH64_ADR_GOT_PAGE, variable, 0, 0x90000001, 0x90000001 | pages(patchData+0x20), ""},
		{"address that needs no slot", elf.R_AARCH64_LD64_GOT_LO12_NC, variable, 0, 0xf9400021 | imm12>>3&imm12, 0x91000021 | 0x20<<10, ""},
		{"one of no multiple of 8", elf.R_AARCH64_LD64_GOT_LO12_NC, there, 3, 0xf9400021, 0x91000021 | 0xab3<<10, ""},

		{"no load of an address", elf.R_AARCH64_LD64_GOT_LO12_NC, variable, 0, 0xb9400021, 0, "reloc-type"},
		{"slot of its own, close by", elf.R_AARCH64_GOT_LD_PREL19, variable, 0, 0x58000001, 0, "reloc-type"},
		{"word that is not aligned", elf.R_AARCH64_LDST32_ABS_LO12_NC, inPatch, 0x22, 0xb9400020, 0, "reloc-range"},
		{"two words that are not aligned", elf.R_AARCH64_LDST64_ABS_LO12_NC, inPatch, 0x24, 0xf9400020, 0, "reloc-range"},
		{"call as far as it goes", elf.R_AARCH64_CALL26, there, int64(place-original) + 1<<27 - 4, 0x94000000, 0x95ffffff, ""},
		{"call too far", elf.R_AARCH64_CALL26, there, int64(place-original) + 1<<27, 0x94000000, 0, "reloc-range"},
		{"call too far back", elf.R_AARCH64_CALL26, there, int64(place-original) - 1<<27 - 4, 0x94000000, 0, "reloc-range"},
		{"call of no instruction", elf.R_AARCH64_CALL26, there, 2, 0x94000000, 0, "reloc-range"},
		{"jump too far", elf.R_AARCH64_JUMP26, there, int64(place-original) + 1<<27, 0x14000000, 0, "reloc-range"},
		{"page too far", elf.R_AARCH64_ADR_PREL_PG_HI21, there, 1<<32 + 1<<24, 0x90000001, 0, "reloc-range"},
		{"slot's page too far", elf.R_AARCH64_ADR_GOT_PAGE, there, 1<<32 + 1<<24, 0x90000001, 0, "reloc-range"},
		{"data of a library, directly", elf.R_AARCH64_ADD_ABS_LO12_NC, data, 0, 0x91000021, 0, "unresolved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := a64Patch(binary.LittleEndian.AppendUint32(nil, tt.code), []kpatch.Symbol{tt.symbol}, []kpatch.Reloc{
				{Type: arch.AArch64.Reloc(uint32(tt.typ)), Symbol: 1, Addend: tt.addend},
			})
			image, err := Place(p, object(), p.Machine, base, resolve)
			if e := fault.As(err); tt.fails != "" {
				if e == nil || e.Code != tt.fails {
					t.Errorf("got %v, want %s", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := binary.LittleEndian.Uint32(image.Bytes[elfOffset+0x2d4:]); got != tt.want {
				t.Errorf("%#08x, want %#08x", got, tt.want)
			}
		})
	}
}

// A thread-local variable refuses the patch, whoever can see it: what else the section refers to is never left as it is.
func TestForeignAArch64ThreadLocal(t *testing.T) {
	code := make([]byte, 16)
	for name, tls := range map[string]struct {
		typ  elf.R_AARCH64
		bind elf.SymBind
		code fault.Code
	}{
		"local-exec":                   {elf.R_AARCH64_TLSLE_ADD_TPREL_HI12, elf.STB_LOCAL, "unresolved"},
		"initial-exec":                 {elf.R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, elf.STB_GLOBAL, "reloc-type"},
		"initial-exec, filled in":      {elf.R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC, elf.STB_LOCAL, "reloc-type"},
		"initial-exec, close by":       {elf.R_AARCH64_TLSIE_LD_GOTTPREL_PREL19, elf.STB_GLOBAL, "unresolved"},
		"descriptor":                   {elf.R_AARCH64_TLSDESC_ADR_PAGE21, elf.STB_LOCAL, "reloc-type"},
		"as if it were no thread's":    {elf.R_AARCH64_ADD_ABS_LO12_NC, elf.STB_LOCAL, "unresolved"},
		"as if, and in a library":      {elf.R_AARCH64_ADR_GOT_PAGE, elf.STB_GLOBAL, "unresolved"},
		"as if, from a slot of its":    {elf.R_AARCH64_LD64_GOT_LO12_NC, elf.STB_LOCAL, "unresolved"},
		"local-exec, the lower half":   {elf.R_AARCH64_TLSLE_ADD_TPREL_LO12_NC, elf.STB_LOCAL, "unresolved"},
		"local-exec, in the processor": {elf.R_AARCH64_TLSLE_MOVW_TPREL_G0, elf.STB_GLOBAL, "unresolved"},
	} {
		p := a64Patch(code, []kpatch.Symbol{{Name: "t", Type: elf.STT_TLS, Bind: tls.bind, Section: secOriginal}, {Type: elf.STT_SECTION, Section: secData}}, []kpatch.Reloc{
			{Type: arch.AArch64.Reloc(uint32(tls.typ)), Symbol: 1},
			{Offset: 4, Type: arch.AArch64.Reloc(uint32(elf.R_AARCH64_CALL26)), Symbol: 2},
		})
		if e := fault.As(place(p)); e == nil || e.Code != tls.code {
			t.Errorf("%s: got %v, want %s", name, e, tls.code)
		}
	}
}
