package ld

import (
	"debug/elf"
	"fmt"

	"gocare/internal/elfobj"
)

type elfSection = elfobj.Section

// mismatch compares size bytes at offset from of an input section with the binary's bytes at addr, where relocations
// did not change them, and says where they differ.
func (o *Original) mismatch(s inputSection, from, size, addr uint64) error {
	sec := o.section(s)
	if from > uint64(len(sec.Data)) || size > uint64(len(sec.Data))-from {
		return fmt.Errorf("section %s ends before 0x%x", sec.Name, from+size)
	}
	linked, ok := o.bin.BytesAt(addr, size)
	if !ok {
		return fmt.Errorf("no %d bytes at 0x%x in the binary", size, addr)
	}
	relas, err := o.objects[s.object].File.Relas(s.section)
	if err != nil {
		return err
	}
	skip := relocated(relas, from, size)
	for i, b := range sec.Data[from : from+size] {
		if b != linked[i] && !skip[i] {
			return fmt.Errorf("byte 0x%02x at %s+0x%x is 0x%02x at 0x%x of the binary", b, sec.Name, from+uint64(i), linked[i], addr+uint64(i))
		}
	}
	return nil
}

// relocated marks the bytes in [from, from+size) of a section that a linker may change.
func relocated(relas []elfobj.Rela, from, size uint64) []bool {
	skip := make([]bool, size)
	for _, r := range relas {
		before, after := touched(elf.R_X86_64(r.Type))
		for at := int64(r.Offset) - before; at < int64(r.Offset)+after; at++ {
			if i := at - int64(from); i >= 0 && i < int64(size) {
				skip[i] = true
			}
		}
	}
	return skip
}

// touched says how many bytes before a relocation's offset, and from it on, a linker may rewrite: the field, and where
// it may relax the access the instructions around (ELF x86-64-ABI psABI 1.0, sections 4.4 and 4.5; the TLS ABI, 5.5).
func touched(t elf.R_X86_64) (before, after int64) {
	switch t {
	case elf.R_X86_64_NONE:
		return 0, 0
	case elf.R_X86_64_64, elf.R_X86_64_PC64, elf.R_X86_64_DTPOFF64, elf.R_X86_64_TPOFF64, elf.R_X86_64_GOTOFF64,
		elf.R_X86_64_GOTPC64, elf.R_X86_64_GOT64, elf.R_X86_64_GOTPCREL64, elf.R_X86_64_PLTOFF64, elf.R_X86_64_SIZE64:
		return 0, 8
	case elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX:
		return 2, 4
	case elf.R_X86_64_REX_GOTPCRELX, elf.R_X86_64_GOTTPOFF, elf.R_X86_64_GOTPC32_TLSDESC:
		return 3, 4
	case elf.R_X86_64_TLSDESC_CALL:
		return 0, 2
	case elf.R_X86_64_TLSGD:
		return 4, 12
	case elf.R_X86_64_TLSLD:
		return 3, 10
	case elf.R_X86_64_16, elf.R_X86_64_PC16:
		return 0, 2
	case elf.R_X86_64_8, elf.R_X86_64_PC8:
		return 0, 1
	}
	return 0, 4
}
