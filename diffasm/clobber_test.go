package diffasm

import (
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
)

// Callers of the original may rely on the registers that it leaves alone.
func TestSpares(t *testing.T) {
	// inline is a call of a pointer by gcc, with -mindirect-branch=thunk-inline.
	const inline = "jmp .LIND1\n.LIND0:\n call .LIND3\n.LIND2:\n pause\n lfence\n jmp .LIND2\n.LIND3:\n movq %rbx, (%rsp)\n ret\n.LIND1:\n call .LIND0"
	const other = "other:\n movl $1, %r8d\n ret\n"
	tests := []struct {
		name       string
		orig, next string // bodies of f
		want       bool
	}{
		{"the same", "movl %edi, %eax", "movl %edi, %eax", true},
		{"one more", "movl %edi, %eax", "movl %edi, %eax\n movl %edi, %ecx", false},
		{"one less", "movl %edi, %eax\n movl %edi, %ecx", "movl %edi, %eax", true},
		{"reading is not writing", "leal 1(%rdi), %eax", "leal 1(%rdi,%rsi), %eax\n cmpl %esi, %edx", true},
		{"another name of one register", "movl %edi, %eax\n movb $1, %cl", "movl %edi, %eax\n movq %rdi, %rcx", true},
		{"a byte of rdi", "movl %esi, %eax", "movb $1, %dil", false},
		{"a numbered one", "movl %esi, %eax", "movl $1, %r10d", false},
		{"kept by every function", "movl %esi, %eax", "movl %esi, %eax\n movl $1, %ebx\n movl $1, %r12d", true},
		{"a division writes rdx", "movl %edi, %eax", "movl %edi, %eax\n idivl %esi", false},
		{"a division did so before", "movl %edi, %eax\n movl $0, %edx", "movl %edi, %eax\n idivl %esi", true},
		{"a product writes rdx", "movl %edi, %eax", "movl %edi, %eax\n mulq %rdi", false},
		{"a product did so before", "movl %edi, %eax\n mulq %rdi", "movl %esi, %eax\n movl $2, %edx", true},
		{"multiplied by one operand", "movl $1, %eax\n imull %ecx", "movl $1, %ecx", false},
		{"a byte is extended", "movl %edi, %eax", "movsbl %dil, %eax", true},
		{"a string instruction", "movl %edi, %eax", "movsq", false},
		{"a repeated string instruction", "movl %edi, %eax", "rep movsq", false},
		{"a vector register", "movl %edi, %eax", "pxor %xmm3, %xmm3", false},
		{"wider", "pxor %xmm3, %xmm3", "vpxor %ymm3, %ymm3, %ymm3", true},
		{"all vectors", "pxor %xmm3, %xmm3", "vzeroupper", false},
		{"a mask", "movl %edi, %eax", "kmovb %eax, %k1", false},
		{"a call to what is unknown", "movl %edi, %eax", "call puts", false},
		{"it was called before", "call puts", "movl $1, %r11d\n call puts", true},
		{"a tail call", "movl %edi, %eax", "jmp puts", false},
		{"a pointer", "movl %edi, %eax", "notrack jmp *%rax", false},
		{"a switch is no call", "cmpl $3, %edi\n notrack jmp\t*%rax", "movl $1, %r10d", false},
		{"an exchange behind a tab", "movl $1, %edx", "lock xaddl\t%ecx, (%rsp)", false},
		{"a comparing exchange behind a tab", "movl $1, %edx", "lock cmpxchgl\t%edx, (%rsp)", false},
		{"a thread-local variable was asked for", "leaq v@TLSDESC(%rip), %rax\n call *v@TLSCALL(%rax)", "movl $1, %r11d", false},
		{"a pointer was called through the GOT", "call *puts@GOTPCREL(%rip)", "movl $1, %r11d", true},
		{"a pointer behind a return", "movl $1, %edx", inline, false},
		{"a pointer was called behind a return", inline, "movl $1, %r11d", false},
		{"a return through a thunk", "movl %edi, %eax\n jmp __x86_return_thunk", "movl $1, %r11d\n jmp __x86_return_thunk", false},
		{"both return through a thunk", "movl $1, %r11d\n jmp __x86_return_thunk", "movl $2, %r11d\n jmp __x86_return_thunk", true},
		{"a switch through a thunk is no call", "cmpl $3, %edi\n jmp __x86_indirect_thunk_rax", "movl $1, %r10d", false},
		{"a pointer through a thunk", "movl %edi, %eax", "call __x86_indirect_thunk_rax", false},
		{"a pointer was called through a thunk", "call __x86_indirect_thunk_rax", "movl $1, %r11d", true},
		{"a callee of the unit", "movl $1, %eax", "call other", false},
		{"the callee was called before", "call other", "movl $1, %r8d", true},
		{"the callee's registers", "call other", "movl $1, %r9d", false},
		{"inline assembly", "movl $1, %eax", "\n#APP\n nop\n#NO_APP", false},
		{"an instruction that is not known", "movl $1, %eax", "unheard %rcx, %rax", false},
	}
	unit := func(body string) string {
		function := func(name, text string) string {
			return "\t.globl " + name + "\n\t.type " + name + ", @function\n" + text + "\t.size " + name + ", .-" + name + "\n"
		}
		return "\t.text\n" + function("f", "f:\n "+body+"\n ret\n") + function("other", other)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &Delta{orig: mustParse(t, unit(test.orig)), patched: mustParse(t, unit(test.next))}
			if got := d.spares(d.patched.FunctionByName["f"], d.orig.FunctionByName["f"]); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func mustParse(t *testing.T, text string) *debuginfo.Unit {
	t.Helper()
	f, err := Parse(&arch.X86_64, "unit.s", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSparesForCallers: callers in the unit may rely on what a function leaves alone, unless it calls what they cannot see.
func TestSparesForCallers(t *testing.T) {
	function := func(name, body string) string {
		return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n\t" + body + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
	}
	for _, tt := range []struct {
		name, f, fresh, g string
		want              bool
	}{
		{"nobody calls it", "nop", "movl\t$1, %ecx", "nop", true},
		{"another register", "nop", "movl\t$1, %ecx", "call\tf", false},
		{"another register, before a jump to it", "nop", "movl\t$1, %ecx", "jmp\tf", false},
		{"the same register", "movl\t$2, %ecx", "movl\t$1, %ecx", "call\tf", true},
		{"it called a library", "call\tputs@PLT", "movl\t$1, %ecx", "call\tf", true},
		{"it calls a library", "nop", "call\tputs@PLT", "call\tf", false},
		{"it called what the caller can see", "call\th", "movl\t$1, %ecx", "call\tf", false},
	} {
		orig, err := Parse(&arch.X86_64, "u.s", []byte(function("f", tt.f)+function("g", tt.g)+function("h", "nop")))
		if err != nil {
			t.Fatal(err)
		}
		patched, err := Parse(&arch.X86_64, "u.s", []byte(function("f", tt.fresh)+function("g", tt.g)+function("h", "nop")))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Match(orig, patched, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Spares("f"); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
