package ld

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"strings"
	"testing"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// x86Site reads code in hex with the field's first byte behind a |.
func x86Site(t *testing.T, text string) site {
	t.Helper()
	before, after, _ := strings.Cut(text, "|")
	code, err := hex.DecodeString(strings.ReplaceAll(before+after, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return site{code: code, at: uint64(len(strings.ReplaceAll(before, " ", "")) / 2), addend: -4}
}

func TestX86Accesses(t *testing.T) {
	relax := func(s site) bool { _, ok := x86{}.relaxGOT(s); return ok }
	tests := []struct {
		name string
		edit func(site) bool
		code string
		want string // "" if it is left alone
	}{
		{"call", x86{}.branches, "e8|00000000", "e800000000"},
		{"jump", x86{}.branches, "e9|00000000", "e900000000"},
		{"no call", x86{}.branches, "488d05|00000000", ""},
		{"field at the start", x86{}.branches, "|00000000", ""},
		{"indirect call", x86{}.branchesThrough, "ff15|00000000", "ff1500000000"},
		{"indirect jump", x86{}.branchesThrough, "ff25|00000000", "ff2500000000"},
		{"push of a slot", x86{}.branchesThrough, "ff35|00000000", ""},
		{"load of a slot", relax, "488b05|00000000", "488d0500000000"},
		{"call through a slot", relax, "ff15|00000000", "67e800000000"},
		{"jump through a slot", relax, "ff25|00000000", "e90000000090"},
		{"compare with a slot", relax, "483b05|00000000", ""},
		{"load at the end", relax, "488b05|0000", ""},
		{"lea", x86{}.loadInstead, "4c8d0d|00000000", "4c8b0d00000000"},
		{"lea of 32 bits", x86{}.loadInstead, "8d0d|00000000", ""},
		{"lea with a base", x86{}.loadInstead, "488d80|00000000", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := x86Site(t, tt.code)
			before := bytes.Clone(s.code)
			ok := tt.edit(s)
			if ok != (tt.want != "") || ok && hex.EncodeToString(s.code) != tt.want || !ok && !bytes.Equal(s.code, before) {
				t.Errorf("%v: %x", ok, s.code)
			}
		})
	}
}

// TestX86OtherAddend makes sure that no instruction with something behind its field is taken for one without.
func TestX86OtherAddend(t *testing.T) {
	edits := map[string]func(site) bool{
		"488b05|00000000": func(s site) bool { _, ok := x86{}.relaxGOT(s); return ok },
		"488d05|00000000": x86{}.loadInstead,
	}
	for code, k := range map[string]arch.RelocKind{
		"480305|00000000":                   arch.TLSInitialExec,
		"66488d3d|00000000666648e800000000": arch.TLSGeneralDynamic,
		"488d3d|00000000e80000000090":       arch.TLSLocalDynamic,
		"4c8d05|00000000":                   arch.TLSDescLoad,
	} {
		edits[code] = func(s site) bool { _, ok := x86{}.relaxTLS(k, localExec, s); return ok }
	}
	for code, edit := range edits {
		s := x86Site(t, code)
		before := bytes.Clone(s.code)
		s.addend = -5
		if edit(s) || !bytes.Equal(s.code, before) {
			t.Errorf("%s: %x", code, s.code)
		}
		if s.addend = -4; !edit(s) {
			t.Errorf("%s is not known with the usual addend", code)
		}
	}
}

func TestX86TrapBranch(t *testing.T) {
	s := x86Site(t, "90 e8|00000000 90")
	if (x86{}).trapBranch(s); hex.EncodeToString(s.code) != "900f0b0f1f0090" {
		t.Errorf("%x", s.code)
	}
}

func TestX86RelaxTLS(t *testing.T) {
	const thread, direct, throughSlot = "64488b042500000000", "666648e8 00000000", "6648ff15 00000000"
	tests := []struct {
		name string
		kind arch.RelocKind
		to   tlsModel
		code string
		want string // "" if it is not known
		r    relaxed
	}{
		{"initial-exec mov", arch.TLSInitialExec, localExec, "4c8b25|00000000", "49c7c400000000", relaxed{}},
		{"initial-exec add", arch.TLSInitialExec, localExec, "480305|00000000", "488d8000000000", relaxed{}},
		{"initial-exec add to rsp", arch.TLSInitialExec, localExec, "480325|00000000", "4881c400000000", relaxed{}},
		{"initial-exec cmp", arch.TLSInitialExec, localExec, "483b05|00000000", "", relaxed{}},
		{"general-dynamic to local-exec", arch.TLSGeneralDynamic, localExec, "66488d3d|00000000" + direct, thread + "488d8000000000", relaxed{8, 8}},
		{"general-dynamic to initial-exec", arch.TLSGeneralDynamic, initialExec, "66488d3d|00000000" + throughSlot, thread + "48030500000000", relaxed{8, 8}},
		{"general-dynamic as it is", arch.TLSGeneralDynamic, asCompiled, "66488d3d|00000000" + direct, "66488d3d00000000666648e800000000", relaxed{8, 8}},
		{"general-dynamic, other call", arch.TLSGeneralDynamic, localExec, "66488d3d|00000000 9090 90e8 00000000", "", relaxed{}},
		{"local-dynamic", arch.TLSLocalDynamic, localExec, "488d3d|00000000 e8 00000000 90", "666666" + thread + "90", relaxed{gone: 5}},
		{"local-dynamic through a slot", arch.TLSLocalDynamic, localExec, "488d3d|00000000 ff15 00000000", "66666666" + thread, relaxed{gone: 6}},
		{"local-dynamic without a call", arch.TLSLocalDynamic, localExec, "488d3d|00000000 90 00000000 90", "", relaxed{}},
		{"descriptor to local-exec", arch.TLSDescLoad, localExec, "4c8d05|00000000", "49c7c000000000", relaxed{}},
		{"descriptor to initial-exec", arch.TLSDescLoad, initialExec, "488d05|00000000", "488b0500000000", relaxed{}},
		{"descriptor in a mov", arch.TLSDescLoad, localExec, "488b05|00000000", "", relaxed{}},
		{"descriptor's call", arch.TLSDescCall, localExec, "90|ff10", "906690", relaxed{}},
		{"descriptor's call through another register", arch.TLSDescCall, localExec, "90|ff11", "", relaxed{}},
		{"no access that a linker relaxes", arch.TLSBlockOffset32, localExec, "488d80|00000000", "", relaxed{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := x86Site(t, tt.code)
			before := bytes.Clone(s.code)
			r, ok := x86{}.relaxTLS(tt.kind, tt.to, s)
			if ok != (tt.want != "") || r != tt.r || ok && hex.EncodeToString(s.code) != tt.want || !ok && !bytes.Equal(s.code, before) {
				t.Errorf("%v, %+v: %x", ok, r, s.code)
			}
		})
	}
}

func TestX86ThreadOffset(t *testing.T) {
	for _, tt := range []struct {
		size, align uint64
		want        int64
	}{{16, 0, -16}, {16, 16, -16}, {17, 16, -32}, {1, 64, -64}, {0, 8, 0}} {
		if got := (x86{}).threadOffset(&elfobj.Segment{Memsz: tt.size, Align: tt.align}); got != tt.want {
			t.Errorf("%d bytes at %d: %d, want %d", tt.size, tt.align, got, tt.want)
		}
	}
}

func TestX86Touched(t *testing.T) {
	tests := []struct {
		typ           elf.R_X86_64
		before, after int64
	}{
		{elf.R_X86_64_NONE, 0, 0},
		{elf.R_X86_64_8, 0, 1},
		{elf.R_X86_64_PC16, 0, 2},
		{elf.R_X86_64_PC32, 0, 4},
		{elf.R_X86_64_64, 0, 8},
		{elf.R_X86_64_GOTPCREL64, 0, 8},
		{elf.R_X86_64_GOTPCREL, 2, 4},
		{elf.R_X86_64_REX_GOTPCRELX, 3, 4},
		{elf.R_X86_64_TLSGD, 4, 12},
		{elf.R_X86_64_TLSDESC_CALL, 0, 2},
		{elf.R_X86_64_DTPOFF32, 0, 4},
		{elf.R_X86_64_GOTPC32, 0, 4},
		{99, 0, 4},
	}
	for _, tt := range tests {
		if b, a := (x86{}).touched(arch.X86_64.Reloc(uint32(tt.typ))); b != tt.before || a != tt.after {
			t.Errorf("%v: %d before, %d behind; want %d and %d", tt.typ, b, a, tt.before, tt.after)
		}
	}
}

func TestX86StubSlot(t *testing.T) {
	tests := []struct {
		name, code string
		slot       uint64 // 0 if it is no entry
	}{
		{"plain", "ff25 10000000", 0x1016},
		{"endbr64", "f30f1efa ff25 10000000", 0x101a},
		{"endbr64 and bnd", "f30f1efa f2ff25 10000000", 0x101b},
		{"mold", "f30f1efa 41bb01000000 ff25 f0ffffff", 0x1000},
		{"pushes its number", "6801000000 e900000000", 0},
		{"cut", "ff25 1000", 0},
	}
	for _, tt := range tests {
		slot, ok := x86{}.stubSlot(x86Site(t, tt.code+"|").code, 0x1000)
		if slot != tt.slot || ok != (tt.slot != 0) {
			t.Errorf("%s: 0x%x, %v", tt.name, slot, ok)
		}
	}
}

func TestMachineOf(t *testing.T) {
	if m, ok := machineOf(&arch.X86_64).(x86); !ok {
		t.Errorf("x86-64: %v", m)
	}
}
