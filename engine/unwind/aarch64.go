package unwind

import (
	"encoding/binary"

	"gocare/internal/arch"
)

// DWARF register numbers (DWARF for the Arm 64-bit Architecture, table 1).
const (
	a64FP = 29
	a64LR = 30
	a64SP = 31
	a64PC = 32
)

// a64 has no use for DW_CFA_AARCH64_negate_ra_state, which says where a return address is signed: in a plain one the bits of a
// signature are zero, so they are taken out of all.
var a64 = Machine{
	frame: a64FP, sp: a64SP, pc: a64PC, count: a64PC + 1,
	userEnd: arch.AArch64.UserEnd,
	linked:  true, link: a64LR, signs: true, address: arch.AArch64.UserEnd - 1,

	// rt_sigreturn is system call 139. The vDSO has no CFI for it (arch/arm64/kernel/vdso/sigreturn.S).
	restorers: [][]byte{{0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}}, // mov x8, #139; svc #0
	// In struct rt_sigframe (Linux arch/arm64/kernel/signal.c): siginfo_t, then of struct ucontext flags, link, stack, signal mask and room for
	// more of that, and of struct sigcontext fault_address.
	sigcontextAt:   128 + a64MachineContext + 8,
	sigcontextRegs: a64InOrder(),

	longestCall: 4,
	endsInCall:  a64EndsInCall,
	code:        a64Code,

	// sysdeps/aarch64/jmpbuf-offsets.h
	jumpBuffer: newContextKind(a64Kept(0, map[int]int{a64LR: 88, a64PC: 88, a64SP: 104}), 1<<a64LR|1<<a64PC|1<<a64SP),
	// ucontext_t in <sys/ucontext.h>; getcontext keeps what a call keeps
	userState: newContextKind(a64Kept(a64MachineContext+8+8*19, map[int]int{
		1: a64MachineContext + 8 + 8, a64LR: a64MachineContext + 8 + 8*30, a64SP: a64MachineContext + 8 + 8*31, a64PC: a64MachineContext + 8 + 8*32,
	}), 0),
	resumes: a64Resumes,
	mark:    a64MachineContext + 288, // of its last member, the head of struct fpsimd_context
	marked:  func(word, _ uint64) bool { return word == 528<<32|0x46508001 },
}

// a64MachineContext is where struct sigcontext begins in struct ucontext, in bytes.
const a64MachineContext = 176

// a64InOrder returns the registers of struct sigcontext from x0 on: those that this package follows.
func a64InOrder() (list []int) {
	for n := range a64PC + 1 {
		list = append(list, n)
	}
	return list
}

// a64Kept adds where x19 to x29 are, one after the other from an offset on.
func a64Kept(from int, at map[int]int) map[int]int {
	for n := 19; n <= a64FP; n++ {
		at[n] = from + 8*(n-19)
	}
	return at
}

// a64EndsInCall knows bl, blr, and blr with a check of a signature (Arm ARM, Unconditional branch).
func a64EndsInCall(code []byte) bool {
	w := binary.LittleEndian.Uint32(code[len(code)-4:])
	return w&0xfc000000 == 0x94000000 || w&0xfefff000 == 0xd63f0000
}

// a64Resumes reports whether code is where glibc's swapcontext has a context go on (sysdeps/unix/sysv/linux/aarch64/swapcontext.S, 2.36 seen): it takes
// its return address from x1. In front stands a nop, or a bti.
func a64Resumes(code []byte) (register int, ok bool) {
	const hint, movX30X1, ret = 0xd503201f, 0xaa0103fe, 0xd65f03c0
	if len(code) >= 4 && binary.LittleEndian.Uint32(code)&^0xfe0 == hint&^0xfe0 {
		code = code[4:]
	}
	return 1, len(code) >= 8 && binary.LittleEndian.Uint32(code) == movX30X1 && binary.LittleEndian.Uint32(code[4:]) == ret
}
