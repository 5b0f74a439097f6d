package diffasm

import (
	"strings"
	"testing"
)

func TestThroughGOT(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a pointer", "movq\tstderr(%rip), %rdi", "movq\tstderr@GOTPCREL(%rip), %rdi|movq\t(%rdi), %rdi"},
		{"a number", "movl\tstderr(%rip), %r8d", "movq\tstderr@GOTPCREL(%rip), %r8|movl\t(%r8), %r8d"},
		{"with an offset", "movslq\tstderr+4(%rip), %rax", "movq\tstderr@GOTPCREL(%rip), %rax|movslq\t4(%rax), %rax"},
		{"a byte, extended", "movzbl\tstderr-1(%rip), %ebp", "movq\tstderr@GOTPCREL(%rip), %rbp|movzbl\t-1(%rbp), %ebp"},
		{"an absolute address", "movl\t$stderr, %edi", "movq\tstderr@GOTPCREL(%rip), %rdi"},
		{"an absolute address with an offset", "movl\t$stderr+8, %edi", ""},
		{"part of a register", "movb\tstderr(%rip), %al", ""},
		{"a load that keeps the upper half", "movw\tstderr(%rip), %ax", ""},
		{"the stack pointer", "movq\tstderr(%rip), %rsp", ""},
		{"a store", "movq\t%rdi, stderr(%rip)", ""},
		{"an addition, which needs the old value", "addq\tstderr(%rip), %rdi", ""},
		{"a comparison", "cmpq\t$0, stderr(%rip)", ""},
		{"a vector register", "movq\tstderr(%rip), %xmm0", ""},
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
