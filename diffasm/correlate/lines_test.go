package correlate

import (
	"strings"
	"testing"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
)

// TestBeforeCall asks for the first statement of a function whether a call can come behind it.
func TestBeforeCall(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       bool
	}{
		{"a call", "call\tf", true},
		{"a call behind a label", ".L1:|call\tf", true},
		{"none", "addl\t$1, %eax|ret", false},
		{"a call behind the end", "ret|call\tf", false},
		{"a jump to another function", "jmp\tf", true},
		{"a jump to another function through the PLT", "jmp\tf@PLT", true},
		{"a jump over the call", "jmp\t.L1|call\tf|.L1:|ret", false},
		{"a jump to the call", "jmp\t.L1|ret|.L1:|call\tf", true},
		{"a jump behind a prefix over the call", "bnd jmp\t.L1|call\tf|.L1:|ret", false},
		{"a branch over the call", "je\t.L1|call\tf|.L1:|ret", true},
		{"a branch to the call", "je\t.L1|ret|.L1:|call\tf", true},
		{"a jump to a number", "jmp\t1f|1:|call\tf", false},
		{"a jump by a pointer", "jmp\t*%rax|ret", true},
		{"a jump by a pointer behind a prefix", "notrack jmp\t*%rax|ret", true},
		{"a jump by a pointer in the other spelling", "jmpq\t*%rax|ret", true},
		{"a jump by a pointer in memory in the other spelling", "jmpq\t*tab(,%rax,8)|ret", true},
		{"a jump by a table behind a prefix in the other spelling", "notrack jmpq\t*.L4(,%rax,8)|ret", true},
		{"a loop", ".L1:|jmp\t.L1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := []canon.Mark{{Statement: asm.Statement{Kind: asm.Instruction, Op: "movl", Args: "$7, %edi"}}}
			for _, text := range strings.Split(tt.body, "|") {
				st := asm.Statement{Kind: asm.Instruction}
				if label, is := strings.CutSuffix(text, ":"); is {
					st.Kind, st.Op = asm.Label, label
				} else {
					i := strings.IndexAny(text+" ", " \t")
					st.Op, st.Args = text[:i], strings.TrimSpace(text[i:])
				}
				list = append(list, canon.Mark{Statement: st})
			}
			if got := beforeCall(machine.For(arch.Default()), list, 0); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
