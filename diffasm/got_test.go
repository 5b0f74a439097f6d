package diffasm

import (
	"strings"
	"testing"
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
		{"an absolute address with an offset", "movl\t$stderr+8, %edi", ""},
		{"part of a register", "movb\tstderr(%rip), %al", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movb\t(%rcx), %al|popq\t%rcx" + above},
		{"a store", "movq\t%rdi, stderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t%rdi, (%rax)|popq\t%rax" + above},
		{"a store of the scratch register", "movl\t%eax, stderr+4(%rip)", below + "pushq\t%rcx|movq\tstderr@GOTPCREL(%rip), %rcx|movl\t%eax, 4(%rcx)|popq\t%rcx" + above},
		{"an addition", "addq\tstderr(%rip), %rdi", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|addq\t(%rax), %rdi|popq\t%rax" + above},
		{"a comparison", "cmpq\t$0, stderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|cmpq\t$0, (%rax)|popq\t%rax" + above},
		{"an increment", "incl\tstderr(%rip)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|incl\t(%rax)|popq\t%rax" + above},
		{"a vector register", "movsd\tstderr(%rip), %xmm0", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movsd\t(%rax), %xmm0|popq\t%rax" + above},
		{"an address stored", "movq\t$stderr, -8(%rbp)", below + "pushq\t%rax|movq\tstderr@GOTPCREL(%rip), %rax|movq\t%rax, -8(%rbp)|popq\t%rax" + above},
		{"the stack pointer", "movq\tstderr(%rip), %rsp", ""},
		{"an address stored on the stack pointer", "movq\t$stderr, 8(%rsp)", ""},
		{"a push", "pushq\tstderr(%rip)", ""},
		{"a division, which uses registers of its own", "divl\tstderr(%rip)", ""},
		{"an exchange that uses rax", "cmpxchgl\t%ecx, stderr(%rip)", ""},
		{"a locked instruction", "lock addl\t$1, stderr(%rip)", ""},
		{"an indirect call", "call\t*stderr(%rip)", ""},
		{"another symbol", "movq\tstdout(%rip), %rdi", ""},
		{"a symbol that begins alike", "movq\tstderr2(%rip), %rdi", ""},
		{"another register as base", "movq\tstderr(%rax), %rdi", ""},
		{"a call", "call\tstderr", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			got := string(ThroughGOT([]byte("f:\n\t"+tt.in+"\n\tret\n"), []string{"stderr"}))
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
		{"restored", ".cfi_startproc|.cfi_def_cfa 6, 16|.cfi_remember_state|.cfi_def_cfa 7, 8|.cfi_restore_state", plain},
		{"by an expression", ".cfi_startproc|.cfi_escape 0xf,0x3,0x76,0x78,0x6", plain},
		{"an expression for another register", ".cfi_startproc|.cfi_escape 0x10,0x6,0x2,0x76,0", moved},
		{"after the end", ".cfi_startproc|.cfi_endproc", plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "\t" + strings.ReplaceAll(tt.before, "|", "\n\t")
			out := string(ThroughGOT([]byte(text+"\n\tincl\tstderr(%rip)\n"), []string{"stderr"}))
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
