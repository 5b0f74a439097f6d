package arch

import (
	"debug/elf"
	"encoding/binary"
)

// AArch64 is the target of ELF for the Arm 64-bit Architecture (2023Q3), little-endian, LP64.
var AArch64 = Target{
	Name:     "aarch64",
	Machine:  elf.EM_AARCH64,
	PageSize: 4096, // that of the instructions that count pages, too
	PageMax:  64 << 10,
	UserEnd:  1 << 48, // with page tables of four levels

	Reach:       1 << 27,
	DataReach:   1 << 31, // adrp goes further
	HookSize:    a64InstructionSize,
	UndoSize:    a64InstructionSize,
	GateSize:    a64InstructionSize,
	LandingSize: a64InstructionSize,

	Trap:    a64(0xd4200000),             // brk #0
	Nop:     a64(a64Nop),                 // nop
	Syscall: a64(0xd4000001),             // svc #0
	Stub:    a64(0x58000051, 0xd61f0220), // ldr x17, 8 bytes on; br x17
	Detour:  a64(0x58000051, 0xd65f0220), // ldr x17, 8 bytes on; ret x17, which is no jump whose target is checked
	Jumps: [][]byte{
		a64(0x58000050), // ldr x16, 8 bytes on
		a64(0x58000051), // ldr x17, 8 bytes on
	},

	unload:    a64Unload,
	landing:   a64Landing,
	lands:     a64Lands,
	leads:     a64Leads,
	far:       &farHook{3 * a64InstructionSize, a64FarHook},
	goName:    "arm64",
	hook:      a64Branch,
	padding:   a64Padding,
	gate:      a64Branch,
	relocs:    indexed(a64Relocs, a64RelocName),
	relocName: a64RelocName,
}

const (
	a64InstructionSize = 4
	a64Nop             = 0xd503201f
	a64BranchCode      = 0x14000000 // b
	a64Undefined       = 0x00000000 // udf #0
)

// a64 returns instructions in memory order.
func a64(code ...uint32) (b []byte) {
	for _, c := range code {
		b = binary.LittleEndian.AppendUint32(b, c)
	}
	return b
}

// a64Branch returns b.
func a64Branch(from, to uint64) ([]byte, bool) {
	const reach = 1 << 27
	distance := to - from
	if distance%a64InstructionSize != 0 || distance+reach >= 2*reach {
		return nil, false
	}
	return a64(a64Imm26.store(a64BranchCode, distance)), true
}

// a64FarHook returns adrp x16; add x16, x16; br x16. Calls may change x16, as a linker's veneers do.
func a64FarHook(from, to uint64) ([]byte, bool) {
	const adrp, add, br, page = 0x90000010, 0x91000210, 0xd61f0200, 1 << 12
	distance := to&^(page-1) - from&^(page-1)
	if from%a64InstructionSize != 0 || to%a64InstructionSize != 0 || distance+1<<32 >= 1<<33 {
		return nil, false
	}
	return a64(a64Pages.store(adrp, distance), a64Low(0).store(add, to), br), true
}

// a64Leads knows B, BL, B.cond, CBZ, CBNZ, TBZ and TBNZ.
func a64Leads(from uint64, code []byte) (to uint64, ok bool) {
	if len(code) < a64InstructionSize {
		return 0, false
	}
	w := binary.LittleEndian.Uint32(code)
	switch {
	case w&0x7c000000 == a64BranchCode:
		return from + a64Imm26.load(w, true), true
	case w&0xff000000 == 0x54000000, w&0x7e000000 == 0x34000000:
		return from + a64Imm19.load(w, true), true
	case w&0x7e000000 == 0x36000000:
		return from + a64Imm14.load(w, true), true
	}
	return 0, false
}

// a64Lands knows bti c, bti j and bti jc, and the instructions that sign the return address.
func a64Lands(code []byte) bool {
	const bti, paciasp, pacibsp = 0xd503241f, 0xd503233f, 0xd503237f
	if len(code) < a64InstructionSize {
		return false
	}
	w := binary.LittleEndian.Uint32(code)
	return w&^0xc0 == bti && w != bti || w == paciasp || w == pacibsp
}

// a64Unload makes ldr x, [x, #n] add x, x, #n.
func a64Unload(instruction []byte) (RelocType, bool) {
	const load, add, registers = 0xf9400000, 0x91000000, 1<<10 - 1
	if len(instruction) != a64InstructionSize {
		return RelocType{}, false
	}
	w := binary.LittleEndian.Uint32(instruction)
	if w>>22 != load>>22 {
		return RelocType{}, false
	}
	copy(instruction, a64(add|w&registers))
	return cut(elf.R_AARCH64_ADD_ABS_LO12_NC, PageOffset, a64Low(0)), true
}

// a64Padding counts nops, traps and the words that are defined to be no instruction.
func a64Padding(code []byte) int {
	n := 0
	for n+a64InstructionSize <= len(code) {
		switch w := binary.LittleEndian.Uint32(code[n:]); {
		case w == a64Nop, w == a64Undefined, w&0xffe0001f == 0xd4200000: // brk of any number
			n += a64InstructionSize
		default:
			return n
		}
	}
	return n
}

// a64Landing leaves bti c, which a jump behind it does not disturb. An instruction that signs the return address is one to land on, too; the
// replacement is entered behind its own, of the same key and with the same stack pointer, so that it is signed once. One that begins otherwise
// is entered by one that checks the address, which is as it was then.
func a64Landing(old, replacement []byte) (keepOld, keepNew int, undo []byte) {
	const anyBTI, paciasp, pacibsp, check = 0xd503241f, 0xd503233f, 0xd503237f, 0x80
	if len(old) < a64InstructionSize || len(replacement) < a64InstructionSize {
		return 0, 0, nil
	}
	was, is := binary.LittleEndian.Uint32(old), binary.LittleEndian.Uint32(replacement)
	switch {
	case was&^0xc0 == anyBTI:
		return a64InstructionSize, 0, nil
	case was != paciasp && was != pacibsp:
		return 0, 0, nil // it is not called through pointers where that is checked
	case was == is:
		return a64InstructionSize, a64InstructionSize, nil
	}
	return a64InstructionSize, 0, a64(was | check)
}
