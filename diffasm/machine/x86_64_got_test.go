package machine

import (
	"strings"
	"testing"

	"gocare/internal/arch"
)

const (
	below = "leaq\t-128(%rsp), %rsp|"
	above = "|leaq\t128(%rsp), %rsp"
)

func TestThroughGOT(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a pointer", "movq\tstderr(%rip), %rdi", "movq\tstderr@GOTPCREL(%rip), %rdi|movq\t(%rdi), %rdi"},
		{"a number", "movl\tstderr(%rip), %r8d", "movq\tstderr@GOTPCREL(%rip), %r8|movl\t(%r8), %r8d"},
		{"with an offset", "movslq\tstderr+4(%rip), %rax", "movq\tstderr@GOTPCREL(%rip), %rax|movslq\t4(%rax), %rax"},
		{"a byte, extended", "movzbl\tstderr-1(%rip), %ebp", "movq\tstderr@GOTPCREL(%rip), %rbp|movzbl\t-1(%rbp), %ebp"},
		{"an absolute address", "movl\t$stderr, %edi", "movq\tstderr@GOTPCREL(%rip), %rdi"},
		{"an absolute address with an offset", "movl\t$stderr+8, %edi", "movq\tstderr@GOTPCREL(%rip), %rdi|leaq\t8(%rdi), %rdi"},
		{"part of a register", "movb\tstderr(%rip), %al", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movb\t(%rcx), %al|popq\t%rcx" + above},
		{"a store", "movq\t%rdi, stderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t%rdi, (%rax)|popq\t%rax" + above},
		{"a store of the scratch register", "movl\t%eax, stderr+4(%rip)", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movl\t%eax, 4(%rcx)|popq\t%rcx" + above},
		{"an addition", "addq\tstderr(%rip), %rdi", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|addq\t(%rax), %rdi|popq\t%rax" + above},
		{"a comparison", "cmpq\t$0, stderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|cmpq\t$0, (%rax)|popq\t%rax" + above},
		{"an increment", "incl\tstderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|incl\t(%rax)|popq\t%rax" + above},
		{"a vector register", "movsd\tstderr(%rip), %xmm0", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movsd\t(%rax), %xmm0|popq\t%rax" + above},
		{"an address stored", "movq\t$stderr, -8(%rbp)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t%rax, -8(%rbp)|popq\t%rax" + above},
		{"a store of 64 bytes", "movdir64b\tstderr(%rip), %rdi", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movdir64b\t(%rax), %rdi|popq\t%rax" + above},
		{"the stack pointer", "movq\tstderr(%rip), %rsp", ""},
		{"an address stored on the stack", "movq\t$stderr, 8(%rsp)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t%rax, 144(%rsp)|popq\t%rax" + above},
		{"half an address stored", "movl\t$stderr, 8(%rax)", ""},
		{"the address of an address", "leaq\tstderr+8(%rip), %rax", "movq\tstderr@GOTPCREL(%rip), %rax|leaq\t8(%rax), %rax"},
		{"an address into the stack", "leaq\tstderr(%rip), %rsp", ""},
		{"a push", "pushq\tstderr(%rip)", "leaq\t-8(%rsp), %rsp|pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t(%rax), %rax|movq\t%rax, 8(%rsp)|popq\t%rax"},
		{"a pop", "popq\tstderr(%rip)", ""},
		{"a division, which uses registers of its own", "divl\tstderr(%rip)", below + "pushq\t%r8|movq\tstderr@GOTPCREL(%rip), %r8|divl\t(%r8)|popq\t%r8" + above},
		{"an exchange that uses rax", "lock cmpxchgl\t%r8d, stderr(%rip)", below + "pushq\t%r9|movq\tstderr@GOTPCREL(%rip), %r9|lock cmpxchgl\t%r8d, (%r9)|popq\t%r9" + above},
		{"a locked instruction", "lock addl\t$1, stderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|lock addl\t$1, (%rax)|popq\t%rax" + above},
		{"in inline assembly", "1: lock; incl stderr(%rip) # more", "1:\t" + below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|lock incl\t(%rax)|popq\t%rax" + above},
		{"a prefix on a line of its own", "lock|.loc 1 2|incl\tstderr(%rip)", ".loc 1 2|" + below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|lock incl\t(%rax)|popq\t%rax" + above},
		{"a prefix of another instruction", "lock|incl\tstdout(%rip)", "lock incl\tstdout(%rip)"},
		{"an indirect call", "call\t*stderr(%rip)", "movq\tstderr@GOTPCREL(%rip), %r11|call\t*(%r11)"},
		{"an indirect jump", "jmp\t*stderr+8(%rip)", "movq\tstderr@GOTPCREL(%rip), %r11|jmp\t*8(%r11)"},
		{"an indirect call in clang's spelling", "callq\t*stderr(%rip)", "movq\tstderr@GOTPCREL(%rip), %r11|callq\t*(%r11)"},
		{"an indirect jump in clang's spelling", "jmpq\t*stderr+8(%rip)", "movq\tstderr@GOTPCREL(%rip), %r11|jmpq\t*8(%r11)"},
		{"an indirect jump behind a prefix", "notrack jmp\t*stderr(%rip)", "movq\tstderr@GOTPCREL(%rip), %r11|notrack jmp\t*(%r11)"},
		{"an indexed jump in clang's spelling", "jmpq\t*stderr(,%rax,8)", ""},
		{"an indexed jump", "jmp\t*stderr(,%rax,8)", ""},
		{"an element", "movl\tstderr+4(,%rdi,4), %eax", "movq\tstderr@GOTPCREL(%rip), %rax|movl\t4(%rax,%rdi,4), %eax"},
		{"an element by the register that is loaded", "movl\tstderr(,%rax,4), %eax", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movl\t(%rcx,%rax,4), %eax|popq\t%rcx" + above},
		{"an element of a row", "movb\t$1, stderr(%rax,%rdx,2)", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|leaq\t(%rcx,%rax), %rcx|movb\t$1, (%rcx,%rdx,2)|popq\t%rcx" + above},
		{"a 32 bit register as base", "movq\tstderr(%edi), %rdi", ""},
		{"an address compared", "cmpq\t$stderr, %rdi", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|cmpq\t%rax, %rdi|popq\t%rax" + above},
		{"half an address compared", "cmpl\t$stderr, %edi", ""},
		{"a thread's", "movq\t%fs:stderr, %rdi", ""},
		{"through the GOT", "movq\tstderr@GOTPCREL(%rip), %rdi", ""},
		{"the high byte of a register", "movb\t%ah, stderr(%rip)", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movb\t%ah, (%rcx)|popq\t%rcx" + above},
		{"a string instruction", "movs", ""},
		{"another symbol", "movq\tstdout(%rip), %rdi", ""},
		{"a symbol that begins alike", "movq\tstderr2(%rip), %rdi", ""},
		{"another register as base", "movq\tstderr(%rax), %rdi", "movq\tstderr@GOTPCREL(%rip), %rdi|movq\t(%rdi,%rax), %rdi"},
		{"a call", "call\tstderr", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			got := string(For(arch.Default()).ThroughGOT([]byte("f:\n\t"+strings.ReplaceAll(tt.in, "|", "\n\t")+"\n\tret\n"), []string{"stderr"}))
			if want = "f:\n\t" + strings.ReplaceAll(want, "|", "\n\t") + "\n\tret\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestThroughGOTUnwinds: where the stack pointer tells the frame address, the unwinder is told of the steps it makes.
func TestThroughGOTUnwinds(t *testing.T) {
	const moved, plain = ".cfi_adjust_cfa_offset 128|.cfi_adjust_cfa_offset 8|.cfi_adjust_cfa_offset -8|.cfi_adjust_cfa_offset -128", ""
	for _, tt := range []struct{ name, before, want string }{
		{"no rules", "nop", plain},
		{"by the stack pointer", ".cfi_startproc", moved},
		{"by the frame pointer", ".cfi_startproc|.cfi_def_cfa_register 6", plain},
		{"by the stack pointer again", ".cfi_startproc|.cfi_def_cfa_register 6|.cfi_def_cfa 7, 8", moved},
		{"by the stack pointer again, by name", ".cfi_startproc|.cfi_def_cfa_register %rbp|.cfi_def_cfa %rsp, 8", moved},
		{"restored", ".cfi_startproc|.cfi_def_cfa 6, 16|.cfi_remember_state|.cfi_def_cfa 7, 8|.cfi_restore_state", plain},
		{"by an expression", ".cfi_startproc|.cfi_escape 0xf,0x3,0x76,0x78,0x6", plain},
		{"an expression for another register", ".cfi_startproc|.cfi_escape 0x10,0x6,0x2,0x76,0", moved},
		{"after the end", ".cfi_startproc|.cfi_endproc", plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "\t" + strings.ReplaceAll(tt.before, "|", "\n\t")
			out := string(For(arch.Default()).ThroughGOT([]byte(text+"\n\tincl\tstderr(%rip)\n"), []string{"stderr"}))
			var got []string
			for line := range strings.Lines(out) {
				if strings.Contains(line, "adjust") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if strings.Join(got, "|") != tt.want {
				t.Errorf("got %q in\n%s", got, out)
			}
		})
	}
}
