package flow

import (
	"strings"
	"testing"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
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

// TestDispatched: a jump through a table of distances from a label leads to the labels of that table, and not of another.
func TestDispatched(t *testing.T) {
	const text = `	.text
	.type	f, %function
f:
BASE	adr	x1, .Lrtx1
	add	x0, x1, w0, sxtb #2
	br	x0
.Lrtx1:
	.section	.rodata
.L10:
	.byte	(.L1 - .Lrtx1) / 4
	.byte	(FIRST - .Lrtx1) / 4
	.text
.L1:
	mov	x0, 0
	adr	x3, .Lrtx2
	add	x2, x3, w2, sxtb #2
	br	x2
.Lrtx2:
	.section	.rodata
.L20:
	.byte	(.L2 - .Lrtx2) / 4
	.byte	(.L3 - .Lrtx2) / 4
	.text
.L2:
	ret
.L3:
	str	KEPT, [x5]
	ret
	.size	f, .-f
`
	const stored = "is stored in memory that outlives it"
	for _, tt := range []struct {
		name, want string
		edits      []string
	}{
		{"in the other's way", "", []string{"FIRST", ".L1", "KEPT", "x0", "BASE", ""}},
		{"in its own way", stored, []string{"FIRST", ".L1", "KEPT", "x2", "BASE", ""}},
		{"a label of both tables", stored, []string{"FIRST", ".L3", "KEPT", "x0", "BASE", ""}},
		{"another base", stored, []string{"FIRST", ".L1", "KEPT", "x0", "BASE\tadr\tx1, .Lrtx1", "\tcbz\tw2, .L0\n\tadr\tx1, .Lrtx1\n.L0:"}},
		{"a base that is loaded", stored, []string{"FIRST", ".L1", "KEPT", "x0", "BASE\tadr\tx1, .Lrtx1", "\tadr\tx4, .Lrtx1\n\tmov\tx1, x4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := asm.Parse(machine.For(&arch.AArch64).Syntax(), "a.s", []byte(strings.NewReplacer(tt.edits...).Replace(text)))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if p := Escapes(f, f.FunctionByName["f"], Rules{Deep: true, Calls: true}, func(n string) bool { return strings.HasPrefix(n, ".Lrtx") }); p != nil {
				got = p.What
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
