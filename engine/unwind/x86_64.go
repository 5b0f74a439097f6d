package unwind

import "gocare/internal/arch"

// DWARF register numbers (System V ABI AMD64, figure 3.36).
const (
	x86BP = 6
	x86SP = 7
	x86PC = 16
)

// machines are those that this package knows, by target.
var machines = map[*arch.Target]*Machine{&arch.X86_64: &x86, &arch.AArch64: &a64}

var x86 = Machine{
	frame: x86BP, sp: x86SP, pc: x86PC, count: x86PC + 1,
	userEnd: arch.X86_64.UserEnd,
	address: ^uint64(0),

	restorers: [][]byte{ // rt_sigreturn is system call 15
		{0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}, // mov $15,%rax; syscall
		{0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05},             // mov $15,%eax; syscall
	},
	// In struct ucontext of the kernel's rt_sigframe (Linux arch/x86/include/uapi/asm/ucontext.h), after uc_flags, uc_link
	// and uc_stack.
	sigcontextAt: 8 + 8 + 24,
	// r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip
	sigcontextRegs: []int{8, 9, 10, 11, 12, 13, 14, 15, 5, 4, x86BP, 3, 1, 0, 2, x86SP, x86PC},

	longestCall: 8,
	endsInCall:  x86EndsInCall,
	code:        x86Code,

	// sysdeps/x86_64/jmpbuf-offsets.h
	jumpBuffer: newContextKind(map[int]int{3: 0, x86BP: 8, 12: 16, 13: 24, 14: 32, 15: 40, x86SP: 48, x86PC: 56}, 1<<x86BP|1<<x86SP|1<<x86PC),
	// struct ucontext_t in <sys/ucontext.h>
	userState: newContextKind(map[int]int{
		8: 40, 9: 48, 12: 72, 13: 80, 14: 88, 15: 96, 5: 104, 4: 112, x86BP: 120, 3: 128, 1: 136, 2: 152, x86SP: 160, x86PC: 168,
	}, 0),
	mangleTurn: 17,
	mark:       224, // the address of its own floating-point state
	marked:     func(word, at uint64) bool { return word == at+424 },
}

// x86EndsInCall knows direct calls (E8, 4 bytes) and indirect ones: FF /2 with a ModR/M byte, maybe SIB and displacement (Intel SDM, volume 2,
// CALL). Those with a prefix end like those without.
func x86EndsInCall(code []byte) bool {
	n := len(code)
	if code[n-5] == 0xe8 {
		return true
	}
	for length := 2; length <= 7; length++ {
		if at := n - length; code[at] == 0xff && code[at+1]>>3&7 == 2 && x86OperandLength(code[at+1], code[at+2:]) == length-1 {
			return true
		}
	}
	return false
}

// x86OperandLength returns how many bytes ModR/M, SIB and displacement of a memory or register operand take.
func x86OperandLength(modrm byte, rest []byte) int {
	mod, rm := modrm>>6, modrm&7
	n := 1
	if mod != 3 && rm == 4 {
		n++
		if mod == 0 && len(rest) > 0 && rest[0]&7 == 5 {
			return n + 4
		}
	}
	switch {
	case mod == 1:
		return n + 1
	case mod == 2, mod == 0 && rm == 5:
		return n + 4
	}
	return n
}
