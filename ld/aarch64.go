package ld

import (
	"encoding/binary"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// arm64 is the machine of arch.AArch64. Sequences are those of ELF for the Arm 64-bit Architecture (2023Q3).
type arm64 struct{}

// Instructions, and the masks of what tells them.
const (
	a64Brk      = 0xd4200000 // brk #0
	a64Nop      = 0xd503201f
	a64BTI      = 0xd503245f // bti c
	a64ADRP     = 0x90000000
	a64IsADRP   = 0x9f000000
	a64ADR      = 0x10000000
	a64Load     = 0xf9400000 // ldr x, [x, #n]
	a64IsLoad   = 0xffc00000
	a64Access   = 0x08000000 // any load or store
	a64IsAccess = 0x0a000000
	a64Scaled   = 0x39000000 // ldr, str: [x, #n]
	a64IsScaled = 0x3b000000
	a64IsJump   = 0x7c000000 // b, bl
	a64Jump     = 0x14000000
	a64IsB      = 0xfc000000
	a64MOVZ     = 0xd2a00000 // movz x, #n, lsl #16
	a64MOVK     = 0xf2800000 // movk x, #n
	a64Target   = 0x1f       // the register that is written
	a64Page     = 1 << 12    // what adrp counts in, in bytes
	a64Command  = 4          // bytes
)

func a64At(b []byte) (uint32, bool) {
	if len(b) < a64Command {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

// branches: b, bl.
func (arm64) branches(s site) bool {
	op, ok := a64At(s.from(0))
	return ok && op&a64IsJump == a64Jump
}

func (arm64) trapBranch(s site) { binary.LittleEndian.PutUint32(s.from(0), a64Brk) }

// branchesThrough: a call through a slot is three instructions, and not known by one.
func (arm64) branchesThrough(site) bool { return false }

func (arm64) relaxGOT(site) (int64, bool) { return 0, false }

func (arm64) loadInstead(site) bool { return false }

// touched: the instruction, which a linker may also replace by another.
func (arm64) touched(t arch.RelocType) (before, after int64) {
	return 0, max(int64(t.Width), a64Command)
}

// stubSlot reads [bti c] adrp x16, page; ldr x17, [x16, #n].
func (arm64) stubSlot(b []byte, addr uint64) (uint64, bool) {
	if op, ok := a64At(b); ok && op == a64BTI {
		b, addr = b[a64Command:], addr+a64Command
	}
	page, ok := a64At(b)
	if !ok || page&(a64IsADRP|a64Target) != a64ADRP|16 {
		return 0, false
	}
	load, ok := a64At(b[a64Command:])
	if !ok || load&(a64IsLoad|0x3ff) != a64Load|16<<5|17 {
		return 0, false
	}
	return a64PageOf(page, addr) + uint64(load>>10&0xfff)*8, true
}

// passedOn reads [bti c] adrp x16, page; add x16, x16, #n; br x16, and what LLVM's linker writes for fixed addresses: ldr x16, 8 bytes on; br x16.
func (arm64) passedOn(b []byte, addr uint64) (uint64, bool) {
	const load, add, br = 0x58000050, 0x91000210, 0xd61f0200
	if op, ok := a64At(b); ok && op == a64BTI {
		b, addr = b[a64Command:], addr+a64Command
	}
	if len(b) < 4*a64Command {
		return 0, false
	}
	first, second, third := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[a64Command:]), binary.LittleEndian.Uint32(b[2*a64Command:])
	switch {
	case first == load && second == br:
		return binary.LittleEndian.Uint64(b[2*a64Command:]), true
	case first&(a64IsADRP|a64Target) == a64ADRP|16 && second&^(0xfff<<10) == add && third == br:
		return a64PageOf(first, addr) + uint64(second>>10&0xfff), true
	}
	return 0, false
}

// a64PageOf is what adrp at an address computes.
func a64PageOf(adrp uint32, addr uint64) uint64 { return addr&^(a64Page-1) + a64Distance(adrp)*a64Page }

// a64Distance is the number in adr and adrp.
func a64Distance(op uint32) uint64 {
	n := int64(op>>5&(1<<19-1)<<2 | op>>29&3)
	return uint64(n << 43 >> 43)
}

// page returns the page, or the address, that adrp computes, or adr in its place.
func (arm64) page(code []byte, addr uint64) (uint64, bool) {
	op, _ := a64At(code)
	switch op & a64IsADRP {
	case a64ADRP:
		return a64PageOf(op, addr), true
	case a64ADR:
		return (addr + a64Distance(op)) &^ (a64Page - 1), true
	}
	return 0, false
}

// veneer: the jumps are b.
func (arm64) veneer(bin *elfobj.File, addr uint64) (at, size uint64) {
	to, ok := a64JumpAt(bin, addr)
	if !ok {
		return 0, 0
	}
	if back, ok := a64JumpAt(bin, to+a64Command); !ok || back != addr+a64Command {
		return 0, 0
	}
	return to, 2 * a64Command
}

// a64JumpAt returns where the b at a link address leads.
func a64JumpAt(bin *elfobj.File, addr uint64) (to uint64, ok bool) {
	b, _ := bin.BytesAt(addr, a64Command)
	op, ok := a64At(b)
	if !ok || op&a64IsB != a64Jump {
		return 0, false
	}
	return addr + uint64(int64(op)<<38>>36), true
}

// goesWrong: Cortex-A53 may compute the address of a load or store from another page than that of adrp (erratum 843419) if that is one of
// the last two instructions of a page, another load or store follows, and then, at once or after one more, this one with an offset of its own.
func (arm64) goesWrong(code []byte, offset uint64) (at uint64, wrong bool) {
	if in := offset & (a64Page - 1); in < a64Page-2*a64Command {
		return 0, false
	}
	op := func(n uint64) uint32 {
		if offset+n*a64Command >= uint64(len(code)) {
			return 0
		}
		word, _ := a64At(code[offset+n*a64Command:])
		return word
	}
	if op(0)&a64IsADRP != a64ADRP || op(1)&a64IsAccess != a64Access {
		return 0, false
	}
	for n := uint64(2); n <= 3; n++ {
		if i := op(n); i&a64IsScaled == a64Scaled && i>>5&a64Target == op(0)&a64Target {
			return offset + n*a64Command, true
		}
	}
	return 0, false
}
