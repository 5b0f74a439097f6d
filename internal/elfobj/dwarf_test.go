package elfobj

import (
	"debug/elf"
	"strings"
	"testing"
)

// TestDWARFRelocations: .debug_info is relocated by absolute addresses alone, of machines whose types are known.
func TestDWARFRelocations(t *testing.T) {
	tests := []struct {
		name    string
		machine elf.Machine
		rela    Rela
		err     string
	}{
		{"32 bits", elf.EM_X86_64, Rela{Offset: 8, Type: uint32(elf.R_X86_64_32)}, ""},
		{"64 bits", elf.EM_X86_64, Rela{Offset: 8, Type: uint32(elf.R_X86_64_64)}, ""},
		{"thread-local", elf.EM_X86_64, Rela{Offset: 8, Type: uint32(elf.R_X86_64_DTPOFF64)}, ""},
		{"nothing", elf.EM_X86_64, Rela{Offset: 1 << 40, Type: uint32(elf.R_X86_64_NONE)}, ""},
		{"at the end", elf.EM_X86_64, Rela{Offset: 12, Type: uint32(elf.R_X86_64_32)}, ""},
		{"over the end", elf.EM_X86_64, Rela{Offset: 12, Type: uint32(elf.R_X86_64_64)}, "relocation at 0xc is outside the section"},
		{"relative", elf.EM_X86_64, Rela{Offset: 8, Type: uint32(elf.R_X86_64_PC32)}, "unsupported type R_X86_64_PC32"},
		{"other machine", elf.EM_RISCV, Rela{Offset: 8, Type: uint32(elf.R_X86_64_64)}, "relocations of machine EM_RISCV"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			symtab, names := EncodeSymbols([]Symbol{{}, {Name: "s", Section: 1, Value: 1}})
			tt.rela.Symbol = 1
			sections := []Section{
				{},
				{Name: ".debug_info", Type: elf.SHT_PROGBITS, Align: 1, Data: make([]byte, 16)},
				{Name: ".debug_abbrev", Type: elf.SHT_PROGBITS, Align: 1, Data: []byte{0}},
				{Name: ".rela.debug_info", Type: elf.SHT_RELA, Link: 4, Info: 1, EntSize: relaSize, Align: 8, Data: EncodeRelas([]Rela{tt.rela})},
				{Name: ".symtab", Type: elf.SHT_SYMTAB, Link: 5, Info: 2, EntSize: symbolSize, Align: 8, Data: symtab},
				{Name: ".strtab", Type: elf.SHT_STRTAB, Align: 1, Data: names},
				{Name: ".shstrtab", Type: elf.SHT_STRTAB, Align: 1},
			}
			data, err := EncodeObject(tt.machine, sections, []int{1, 2, 3, 4, 5, 6})
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			b, err := f.relocated(f.Section(".debug_info"), func(int) uint64 { return 0 })
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 16)
			if tt.rela.Type != uint32(elf.R_X86_64_NONE) {
				want[tt.rela.Offset] = 1
			}
			if string(b) != string(want) {
				t.Errorf("% x", b)
			}
		})
	}
}
