package unwind

import "math/bits"

// What this package knows of x86-64 beyond what the unwind tables say.

// numRegs is the number of DWARF registers this package follows: 16 general ones and the return address (16).
const numRegs = 17

// DWARF register numbers (System V ABI AMD64, figure 3.36).
const (
	regBP = 6
	regSP = 7
	regPC = 16
)

// userBits is the length of the addresses that a process may use (arch.X86_64.UserEnd).
const userBits = 47

// restorers are the instruction sequences that end a signal handler by rt_sigreturn (system call 15). The kernel expects
// nothing else of them, so C libraries without CFI for theirs (musl) and programs with their own use these.
var restorers = [][]byte{
	{0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}, // mov $15,%rax; syscall
	{0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05},             // mov $15,%eax; syscall
}

// sigcontextAt is the offset in bytes of struct sigcontext in struct ucontext of the kernel's rt_sigframe
// (Linux arch/x86/include/uapi/asm/ucontext.h): after uc_flags, uc_link and uc_stack.
const sigcontextAt = 8 + 8 + 24

// sigcontextRegs are the DWARF numbers of the first registers of struct sigcontext, in order, 8 bytes each:
// r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
var sigcontextRegs = [...]int{8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, regSP, regPC}

// Offsets of sysdeps/x86_64/jmpbuf-offsets.h and of struct ucontext_t in <sys/ucontext.h>.
var (
	jumpBuffer = newContextKind(map[int]int{3: 0, 6: 8, 12: 16, 13: 24, 14: 32, 15: 40, 7: 48, 16: 56}, 1<<6|1<<7|1<<16)
	userState  = newContextKind(map[int]int{
		8: 40, 9: 48, 12: 72, 13: 80, 14: 88, 15: 96, 5: 104, 4: 112, 6: 120, 3: 128, 1: 136, 2: 152, 7: 160, 16: 168,
	}, 0)
)

const (
	floatPointer = 224 // in a ucontext_t: the address of
	floatState   = 424 // the floating-point registers in the same ucontext_t
	mangleTurn   = 17
)

func demangle(v, secret uint64) uint64 { return bits.RotateLeft64(v, -mangleTurn) ^ secret }
