package kpatch

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

const (
	flagsText = elf.SHF_ALLOC | elf.SHF_EXECINSTR
	flagsData = elf.SHF_ALLOC | elf.SHF_WRITE
)

// padded returns text followed by zeros up to size bytes, with further texts at their offsets.
func padded(size int, at map[int]string) []byte {
	b := make([]byte, size)
	for off, text := range at {
		copy(b[off:], text)
	}
	return b
}

func goldenPatch(sections []Section, symbols []Symbol, functions ...Function) *Patch {
	return &Patch{
		ID: "0001", BuildID: "00112233445566778899aabbccddeeff00112233", BuildTime: 1700000000, Machine: &arch.X86_64,
		Sections: append([]Section{{}}, sections...), Symbols: append([]Symbol{{}}, symbols...), Functions: functions,
	}
}

func progbits(name string, flags elf.SectionFlag, align uint64, data []byte, relocs ...Reloc) Section {
	return Section{
		Name: name, Type: elf.SHT_PROGBITS, Flags: flags, Size: uint64(len(data)), Align: align, Data: data, Relocs: relocs,
	}
}

func original(name string, flags elf.SectionFlag, addr, size, align uint64) Section {
	return Section{Name: name, Type: elf.SHT_NOBITS, Flags: flags, Addr: addr, Size: size, Align: align}
}

func sectionSymbol(section int) Symbol { return Symbol{Type: elf.STT_SECTION, Section: section} }

func patchOne() *Patch {
	return goldenPatch([]Section{
		original(".text", flagsText, 0x1040, 0x150, 16),
		progbits(kpname.Text, flagsText, 16, padded(16, map[int]string{0: "\xb8\x02\x00\x00\x00\xc3"})),
	}, nil, Function{Name: "f", Old: Location{1, 0x80}, OldSize: 11, New: Location{2, 0}, NewSize: 6})
}

func patchImports() *Patch {
	return goldenPatch([]Section{
		original(".text", flagsText, 0x1040, 0x150, 16),
		progbits(kpname.Text, flagsText, 16, padded(48, map[int]string{0: "\xe9", 0x10: "\x48\x8b\x05", 0x17: "\xe8", 0x1c: "\xc3"}),
			Reloc{0x18, x86(elf.R_X86_64_PC32), 3, -4},
			Reloc{0x01, x86(elf.R_X86_64_PC32), 1, 0x1c},
			Reloc{0x13, x86(elf.R_X86_64_PC32), 4, 4}),
		progbits(kpname.Data, flagsData, 8, padded(16, map[int]string{0: "\x07"}), Reloc{8, x86(elf.R_X86_64_64), 1, 0x80}),
	}, []Symbol{
		sectionSymbol(1),
		sectionSymbol(2),
		{Name: "puts", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
		{Name: "environ", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL},
	},
		Function{Name: "f", Old: Location{1, 0x80}, OldSize: 11, New: Location{2, 0}, NewSize: 5},
		Function{Name: "g", New: Location{2, 0x10}, NewSize: 13})
}

func patchFixed() *Patch {
	p := goldenPatch([]Section{
		original(".text", flagsText, 0x401040, 0x150, 16),
		original(".data", flagsData, 0x404000, 0x20, 8),
		progbits(kpname.Text, flagsText, 16, padded(32, map[int]string{0: "\x48\xc7\xc0", 7: "\xb8", 12: "\xc3"}),
			Reloc{3, x86(elf.R_X86_64_32S), 2, 8}, Reloc{8, x86(elf.R_X86_64_32), 4, 16}),
		progbits(kpname.Rodata, elf.SHF_ALLOC, 8, padded(24, map[int]string{16: "hello"}), Reloc{0, x86(elf.R_X86_64_64), 1, 0x20}),
		progbits(kpname.Unwind, elf.SHF_ALLOC, 8, padded(48, map[int]string{
			0: "\x14", 8: "\x01zR", 12: "\x01\x78\x10\x01\x1b", 24: "\x14", 28: "\x1c", 36: "\x0d",
		}), Reloc{32, x86(elf.R_X86_64_PC32), 3, 0}),
		progbits(kpname.Data, flagsData, 8, make([]byte, 8)),
	}, []Symbol{sectionSymbol(1), sectionSymbol(2), sectionSymbol(3), sectionSymbol(4)},
		Function{Name: "main", Old: Location{1, 0x100}, OldSize: 64, New: Location{3, 0}, NewSize: 13})
	p.Meta = &Meta{Tool: "gocare 0", Description: "CVE-1", Target: "foo"}
	return p
}
