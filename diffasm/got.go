package diffasm

import (
	"gocare/diffasm/machine"
	"gocare/internal/arch"
)

// ThroughGOT rewrites, in emitted assembly, accesses to the named symbols and uses of their addresses so that they go
// through the GOT: a program that does not hold a copy of a library's variable reaches it that way only. Flags, the red
// zone and every register that the instruction does not write stay as they are.
//
//	movslq optind+4(%rip), %rax   becomes   movq optind@GOTPCREL(%rip), %rax ; movslq 4(%rax), %rax
//	movl $stderr, %edi            becomes   movq stderr@GOTPCREL(%rip), %rdi
//	call *hook(%rip)              becomes   movq hook@GOTPCREL(%rip), %r11 ; call *(%r11)
//	cmpq $0, optarg(%rip)         becomes   leaq -128(%rsp), %rsp ; pushq %rax ; movq optarg@GOTPCREL(%rip), %rax ;
//	                                        cmpq $0, (%rax) ; popq %rax ; leaq 128(%rsp), %rsp
//
// The last form serves what loads no whole register. What fits none is left alone, for the linker to refuse.
func ThroughGOT(t *arch.Target, asm []byte, symbols []string) []byte {
	return machine.For(t).ThroughGOT(asm, symbols)
}

// Stubborn names, sorted, the symbols that an assembly file does not define and reaches for without the GOT in ways that
// ThroughGOT cannot rewrite.
func Stubborn(t *arch.Target, asm []byte) []string { return machine.For(t).Stubborn(asm) }
