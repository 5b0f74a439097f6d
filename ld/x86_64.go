package ld

import (
	"debug/elf"
	"encoding/binary"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// x86 is the machine of arch.X86_64. Sections are those of the ELF x86-64-ABI psABI 1.0.
type x86 struct{}

// atEnd reports whether the field ends an instruction that accesses its symbol, as rel32(%rip) does.
func atEnd(s site) bool { return s.addend == -4 }

// branches: call rel32, jmp rel32.
func (x86) branches(s site) bool {
	op := s.from(1)
	return op != nil && (op[0] == 0xe8 || op[0] == 0xe9)
}

// trapBranch: ud2 and a nop.
func (x86) trapBranch(s site) { copy(s.from(1), "\x0f\x0b\x0f\x1f\x00") }

// branchesThrough: call *rel32(%rip), jmp *rel32(%rip).
func (x86) branchesThrough(s site) bool {
	op := s.from(2)
	return op != nil && op[0] == 0xff && (op[1] == 0x15 || op[1] == 0x25)
}

// relaxGOT: mov to lea, indirect call to addr32 call, indirect jump to jump and nop (section B.2).
func (x86) relaxGOT(s site) (moved int64, ok bool) {
	op := s.from(2)
	if len(op) < 6 || !atEnd(s) {
		return 0, false
	}
	switch {
	case op[0] == 0x8b:
		op[0] = 0x8d
	case op[0] == 0xff && op[1] == 0x15:
		op[0], op[1] = 0x67, 0xe8
	case op[0] == 0xff && op[1] == 0x25:
		op[0], op[1], op[5] = 0xe9, 0, 0x90
		moved = -1
	default:
		return 0, false
	}
	return moved, true
}

// loadInstead: lea rel32(%rip) into a 64-bit register to mov, which is as long.
func (x86) loadInstead(s site) bool {
	op := s.from(3)
	if op == nil || !atEnd(s) || op[0]&0xfb != 0x48 || op[1] != 0x8d || op[2]&0xc7 != 0x05 {
		return false
	}
	op[1] = 0x8b
	return true
}

// x86Relaxed are the bytes before and from the field on that a linker may rewrite, where it is more than the field
// (sections 4.4 and 4.5; the TLS ABI, 5.5).
var x86Relaxed = map[elf.R_X86_64][2]int64{
	elf.R_X86_64_GOTPCREL:        {2, 4},
	elf.R_X86_64_GOTPCRELX:       {2, 4},
	elf.R_X86_64_REX_GOTPCRELX:   {3, 4},
	elf.R_X86_64_GOTTPOFF:        {3, 4},
	elf.R_X86_64_GOTPC32_TLSDESC: {3, 4},
	elf.R_X86_64_TLSDESC_CALL:    {0, 2},
	elf.R_X86_64_TLSGD:           {4, 12},
	elf.R_X86_64_TLSLD:           {3, 10},
}

func (x86) touched(t arch.RelocType) (before, after int64) {
	if r, found := x86Relaxed[elf.R_X86_64(t.Number)]; found {
		return r[0], r[1]
	}
	if t.Kind == arch.Unknown && t.Width == 0 {
		return 0, 4 // as most fields
	}
	return 0, int64(t.Width)
}

// page: no instruction counts in pages.
func (x86) page([]byte, uint64) (uint64, bool) { return 0, false }

func (x86) passedOn([]byte, uint64) (uint64, bool) { return 0, false }

func (x86) goesWrong([]byte, uint64) (uint64, bool) { return 0, false }

func (x86) veneer(*elfobj.File, uint64) (uint64, uint64) { return 0, 0 }

// stubSlot reads [endbr64] [mov $imm32,%r11d] [bnd] jmp *rel32(%rip). The mov is mold's.
func (x86) stubSlot(b []byte, addr uint64) (uint64, bool) {
	n := len(b)
	if len(b) >= 4 && string(b[:4]) == "\xf3\x0f\x1e\xfa" {
		b = b[4:]
	}
	if len(b) >= 6 && b[0] == 0x41 && b[1] == 0xbb {
		b = b[6:]
	}
	if len(b) >= 1 && b[0] == 0xf2 {
		b = b[1:]
	}
	if len(b) < 6 || b[0] != 0xff || b[1] != 0x25 {
		return 0, false
	}
	next := addr + uint64(n-len(b)+6)
	return next + uint64(int64(int32(binary.LittleEndian.Uint32(b[2:])))), true
}
