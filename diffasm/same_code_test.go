package diffasm

import (
	"strings"
	"testing"
)

// TestSameCode: a function is the same if all that it leads to is; labels count by where they lead, other names by what they stand for.
func TestSameCode(t *testing.T) {
	const loop = "leaq v(%rip), %rdi;.L1:;call set;jne .L1"
	const calls = "call g;ret;.size f, .-f;.type g, @function;g:;"
	const jumps = "jmp h;.size g, .-g;.type h, @function;h:;"
	for _, row := range []struct {
		name, orig, patched string
		want                bool
	}{
		{"the same", loop, loop, true},
		{"other labels", loop, strings.ReplaceAll(loop, ".L1", ".L7"), true},
		{"labels changed places", ".L1:;jne .L1;.L2:;jmp .L2", ".L2:;jne .L1;.L1:;jmp .L1", false},
		{"two labels are one", ".L1:;jne .L1;.L2:;jmp .L2", ".L1:;jne .L1;.L2:;jmp .L1", false},
		{"another operand", "movl $4, v(%rip)", "movl $5, v(%rip)", false},
		{"another instruction", "movl $4, v(%rip)", "addl $4, v(%rip)", false},
		{"an operand more", "imull $4, %eax", "imull $4, %eax, %eax", false},
		{"another variable", "movl $4, v(%rip)", "movl $4, w(%rip)", false},
		{"an instruction more", "nop", "nop;nop", false},
		{"a name that stands for another variable", "movl $4, a(%rip)\n\t.set\ta, v", "movl $4, a(%rip)\n\t.set\ta, w", false},
		{"a label that does", "movl $4, .La(%rip)\n\t.set\t.La, v", "movl $4, .La(%rip)\n\t.set\t.La, w", false},
		{"inline assembly", "\n#APP\n;nop;\n#NO_APP\n", "nop", false},
		{"with what it calls", calls + "movq %rdi, p(%rip)", calls + "movq %rdi, p(%rip)", true},
		{"what it calls", calls + "movq %rdi, p(%rip)", calls + "movq %rsi, p(%rip)", false},
		{"what that jumps to", calls + jumps + "nop", calls + jumps + "movq %rdi, p(%rip)", false},
		{"what calls one another", calls + jumps + "call f;call g", calls + jumps + "call f;call g", true},
		{"what calls one another, and changed", calls + jumps + "call f;nop", calls + jumps + "call f", false},
		{"what was another unit's", "call g", calls + "nop", false},
		{"one that calls itself", "call f", "call f", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := newSameCode(pointedText(t, row.orig).File, pointedText(t, row.patched).File).has("f"); got != row.want {
				t.Errorf("the same: %v", got)
			}
		})
	}
}
