package flow

import (
	"testing"

	"gocare/diffasm/asm"
)

// TestEscapes follows the address of the constant c through a function.
func TestEscapes(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       string // "" if it stays
	}{
		{"it is read", "\tmovl\tc(%rip), %eax", ""},
		{"kept in the frame and read there", "\tleaq\tc(%rip), %rax\n\tmovq\t%rax, -8(%rsp)\n\tmovq\t-8(%rsp), %rax\n\tmovl\t(%rax), %eax", ""},
		{"stored in a variable", "\tleaq\tc(%rip), %rcx\n\tmovq\t%rcx, v(%rip)", "is stored in memory that outlives it"},
		{"on one way only", "\tleaq\tc(%rip), %rcx\n\ttestl\t%edi, %edi\n\tje\t.L1\n\tmovq\t%rcx, v(%rip)\n.L1:\n\txorl\t%ecx, %ecx", "is stored in memory that outlives it"},
		{"returned", "\tleaq\tc(%rip), %rax", "is returned"},
		{"passed on", "\tleaq\tc(%rip), %rdi\n\tcall\tkeep", `is passed to "keep"`},
		{"passed to what only reads", "\tleaq\tc(%rip), %rdi\n\tcall\tstrlen", ""},
		{"passed to a function of the unit that only reads", "\tleaq\tc(%rip), %rdi\n\tcall\tg", ""},
		{"overwritten before the call", "\tleaq\tc(%rip), %rdi\n\txorl\t%edi, %edi\n\tcall\tkeep", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			function := func(name, body string) string {
				return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n" + body + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
			}
			f, err := asm.Parse(asm.ATT, "a.s", []byte(function("f", tt.body)+function("g", "\tmovl\t(%rdi), %eax")))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if p := Escapes(f, f.FunctionByName["f"], Rules{Calls: true}, func(n string) bool { return n == "c" }); p != nil {
				got = p.What
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
