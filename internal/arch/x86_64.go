package arch

import (
	"debug/elf"
	"encoding/binary"
	"math"

	"golang.org/x/arch/x86/x86asm"
)

// X86_64 is the System V AMD64 target (ABI supplement, version 1.0).
var X86_64 = Target{
	Name:      "x86_64",
	Machine:   elf.EM_X86_64,
	PageSize:  4096,
	PageMax:   4096,
	UserEnd:   1 << 47, // with page tables of four levels
	StackRoom: 128,

	Reach:     1 << 31,
	DataReach: 1 << 31,
	HookSize:  x86HookSize,
	UndoSize:  x86HookSize,
	GateSize:  x86GateSize,
	PCBias:    4, // the field ends the instruction, and the next one counts
	Listed:    true,

	Trap:    []byte{0xcc},                                           // int3
	Nop:     []byte{0x90},                                           // nop
	Syscall: []byte{0x0f, 0x05},                                     // syscall
	Stub:    []byte{0xff, 0x25, 0x02, 0x00, 0x00, 0x00, 0x90, 0x90}, // jmp *2(%rip); nop; nop
	Jumps: [][]byte{
		{0xe9},       // jmp rel32
		{0xeb},       // jmp rel8
		{0xff, 0x25}, // jmp *rel32(%rip)
	},

	linked:       x86Linked,
	takesAddress: x86TakesAddress,

	goName:    "amd64",
	hook:      x86Hook,
	padding:   x86Padding,
	gate:      x86Gate,
	relocs:    indexed(x86Relocs, x86RelocName),
	relocName: x86RelocName,
}

const (
	x86HookSize = 5
	x86GateSize = 2
)

// x86Hook returns jmp rel32.
func x86Hook(from, to uint64) ([]byte, bool) {
	distance := int64(to - from - x86HookSize)
	if distance != int64(int32(distance)) {
		return nil, false
	}
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(distance)), true
}

// x86Padding counts nops of every length, and int3.
func x86Padding(code []byte) int {
	n := 0
	for n < len(code) {
		if code[n] == 0xcc {
			n++
			continue
		}
		inst, err := x86asm.Decode(code[n:], 64)
		if err != nil || inst.Op != x86asm.NOP {
			break
		}
		n += inst.Len
	}
	return n
}

// x86Gate returns jmp rel8.
func x86Gate(from, to uint64) ([]byte, bool) {
	distance := int64(to - from - x86GateSize)
	if distance != int64(int8(distance)) {
		return nil, false
	}
	return []byte{0xeb, byte(distance)}, true
}

func x86RelocName(number uint32) string { return elf.R_X86_64(number).String() }

// x86Relocs are the relocation types of table 4.9. Those of which only the width is given are of the large code model,
// or of no use in a patch.
var x86Relocs = []RelocType{
	{Number: uint32(elf.R_X86_64_NONE), Kind: None},
	{Number: uint32(elf.R_X86_64_64), Kind: Abs64, Width: 8, InPatch: true},
	{Number: uint32(elf.R_X86_64_32), Kind: Abs32, Width: 4, Max: math.MaxUint32, InPatch: true},
	{Number: uint32(elf.R_X86_64_32S), Kind: Abs32S, Width: 4, InPatch: true},
	{Number: uint32(elf.R_X86_64_PC32), Kind: PC32, Width: 4, FromPC: true, InPatch: true},
	{Number: uint32(elf.R_X86_64_PLT32), Kind: Call, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_GOTPCREL), Kind: GOTLoad, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_GOTPCRELX), Kind: GOTLoadRelax, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_REX_GOTPCRELX), Kind: GOTLoadRelax, Width: 4, FromPC: true},

	{Number: uint32(elf.R_X86_64_COPY), Kind: Copy},
	{Number: uint32(elf.R_X86_64_GLOB_DAT), Kind: GlobDat, Width: 8, InPatch: true},
	{Number: uint32(elf.R_X86_64_JMP_SLOT), Kind: JumpSlot, Width: 8},
	{Number: uint32(elf.R_X86_64_RELATIVE), Kind: Relative, Width: 8},
	{Number: uint32(elf.R_X86_64_IRELATIVE), Kind: IRelative, Width: 8},

	{Number: uint32(elf.R_X86_64_TPOFF32), Kind: TLSLocalExec, Width: 4},
	{Number: uint32(elf.R_X86_64_TPOFF64), Kind: TLSOffset, Width: 8},
	{Number: uint32(elf.R_X86_64_DTPOFF32), Kind: TLSBlockOffset32, Width: 4},
	{Number: uint32(elf.R_X86_64_DTPOFF64), Kind: TLSBlockOffset64, Width: 8},
	{Number: uint32(elf.R_X86_64_DTPMOD64), Kind: TLSModule, Width: 8},
	{Number: uint32(elf.R_X86_64_GOTTPOFF), Kind: TLSInitialExec, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_TLSGD), Kind: TLSGeneralDynamic, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_TLSLD), Kind: TLSLocalDynamic, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_GOTPC32_TLSDESC), Kind: TLSDescLoad, Width: 4, FromPC: true},
	{Number: uint32(elf.R_X86_64_TLSDESC_CALL), Kind: TLSDescCall},
	{Number: uint32(elf.R_X86_64_TLSDESC), Kind: TLSDesc, Width: 16},

	{Number: uint32(elf.R_X86_64_8), Width: 1},
	{Number: uint32(elf.R_X86_64_16), Width: 2},
	{Number: uint32(elf.R_X86_64_PC8), Width: 1, FromPC: true},
	{Number: uint32(elf.R_X86_64_PC16), Width: 2, FromPC: true},
	{Number: uint32(elf.R_X86_64_PC64), Width: 8, FromPC: true},
	{Number: uint32(elf.R_X86_64_GOT64), Width: 8},
	{Number: uint32(elf.R_X86_64_GOTOFF64), Width: 8},
	{Number: uint32(elf.R_X86_64_GOTPC64), Width: 8, FromPC: true},
	{Number: uint32(elf.R_X86_64_GOTPCREL64), Width: 8, FromPC: true},
	{Number: uint32(elf.R_X86_64_PLTOFF64), Width: 8},
	{Number: uint32(elf.R_X86_64_SIZE64), Width: 8},
}
