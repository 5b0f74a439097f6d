package arch

import "debug/elf"

// X86_64 is the System V AMD64 target.
var X86_64 = Target{
	Name:      "x86_64",
	Machine:   elf.EM_X86_64,
	PtrSize:   8,
	Reach:     1<<31 - 1,
	HookSize:  5,
	Trap:      []byte{0xcc},
	StackRoom: 128,
	PageSize:  4096,
}
