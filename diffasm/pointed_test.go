package diffasm

import (
	"fmt"
	"strings"
	"testing"

	"gocare/internal/arch"
)

// TestPointersGone: what gives away the address of a private variable in the original, and not in the patched unit, is seen however the
// source spells it; code that only uses the variable gives nothing away.
func TestPointersGone(t *testing.T) {
	const global = "\n\t.globl\tv"
	for _, row := range []struct {
		name, orig, patched string // code of f, and behind a bar data
		want                bool
	}{
		{"stored", "leaq v(%rip), %rax;movq %rax, p(%rip)", "nop", true},
		{"stored as a number", "movl $v+4, %eax;movq %rax, p(%rip)", "nop", true},
		{"stored in both", "leaq v(%rip), %rax;movq %rax, p(%rip)", "nop;leaq v(%rip), %rdx;movq %rdx, p(%rip)", false},
		{"passed on by a callee", "leaq v(%rip), %rdi;call keep;xorl %eax, %eax", "nop", true},
		{"used, and passed on", "leaq v(%rip), %rdi;movl $5, 4(%rdi);call keep;xorl %eax, %eax", "nop", true},
		{"left behind a use", "leaq v(%rip), %rdx;movl $5, (%rdx,%rax);xorl %edi, %edi;xorl %esi, %esi;call keep;xorl %eax, %eax", "nop", false},
		{"stored by a function of the unit", "leaq v(%rip), %rdi;call set;xorl %eax, %eax", "nop", true},
		{"returned by what copies to it", "leaq v(%rip), %rdi;leaq w(%rip), %rsi;movl $4, %edx;call memcpy", "nop", true},
		{"copied from", "leaq v(%rip), %rsi;leaq -16(%rsp), %rdi;movl $4, %edx;call memcpy;xorl %eax, %eax", "nop", false},
		{"given to inline assembly", "leaq v(%rip), %rcx;\n#APP\n;nop;\n#NO_APP\n", "nop", true},
		{"named in inline assembly", "\n#APP\n;leaq v(%rip), %rax;\n#NO_APP\n;movq %rax, p(%rip)", "nop", true},
		{"in data", "nop|.quad v", "nop|.quad 0", true},
		{"in a constant that two registers are stored from", "movdqa .LC1(%rip), %xmm0;movups %xmm0, p(%rip)|.quad v", "nop|.quad 0", true},
		{"indexed", "leaq v(%rip), %rdx;movl (%rdx,%rax,4), %eax", "nop", false},
		{"written", "movl $3, v(%rip)", "nop", false},
		{"from another place, too", "leaq v(%rip), %rax;movq %rax, p(%rip)|.quad v", "nop|.quad v", true},
		{"known to other units in the original", "movl v(%rip), %eax" + global, "movl v(%rip), %eax", true},
		{"known to other units", "leaq v(%rip), %rax;movq %rax, p(%rip)" + global, "nop" + global, false},
		{"in a table that keeps it", "leaq v(%rip), %rax;movq %rax, p(%rip)", "leaq v(%rip), %rax;movq %rax, p(%rip)\n\t.section\t.note.gocare,\"aw\"\ngocare_keep_0:\n\t.quad\tw\n\t.quad\tv\n\t.text", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := PointersGone(pointedText(t, row.orig), pointedText(t, row.patched)); got != row.want {
				t.Errorf("gone: %v", got)
			}
		})
	}
}

// pointedText is a unit with a function f, one that stores its argument, and variables.
func pointedText(t *testing.T, text string) *File {
	t.Helper()
	code, data, _ := strings.Cut(text, "|")
	function := func(name, body string) string {
		return fmt.Sprintf("\t.text\n\t.type\t%[1]s, @function\n%[1]s:\n%s\n\tret\n\t.size\t%[1]s, .-%[1]s\n", name, body)
	}
	variables := "\t.local\tv\n\t.comm\tv,16,4\n\t.local\tw\n\t.comm\tw,4,4\n\t.local\tp\n\t.comm\tp,16,8\n\t.section\t.data.rel.ro.local,\"aw\"\n.LC1:\n\t" + data + "\n"
	if strings.Contains(code, ".globl\tv") {
		variables = strings.Replace(variables, "\t.local\tv\n", "", 1)
	}
	source := function("f", "\t"+strings.ReplaceAll(code, ";", "\n\t")) + function("set", "\tmovq %rdi, p(%rip)") + variables
	f, err := Parse(&arch.X86_64, "unit.s", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
