package canon

import (
	"slices"
	"strings"
	"testing"

	"gocare/diffasm/asm"
)

// parsed is a unit with a function f of this body, and data behind it.
func parsed(t *testing.T, body, data string) *asm.File {
	t.Helper()
	f, err := asm.Parse(asm.ATT, "a.s", []byte("\t.text\n\t.type\tf, @function\nf:\n"+body+"\n\tret\n\t.size\tf, .-f\n"+data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFunction: what is accidental makes no difference, and nothing else is taken for accidental.
func TestFunction(t *testing.T) {
	const literal = `
	.section	.rodata.str1.1,"aMS",@progbits,1
.LC7:
	.string	"one"
.LC8:
	.string	"two"
`
	for _, tt := range []struct {
		name, one, other string
		same             bool
	}{
		{"labels have other numbers", "\tje\t.L2\n.L2:", "\tje\t.L9\n.L9:", true},
		{"a label that nothing refers to", "\tnop", ".L3:\n\tnop", true},
		{"jumps to other places", "\tje\t.L2\n\tnop\n.L2:", "\tje\t.L2\n.L2:\n\tnop", false},
		{"numbers are spelt otherwise", "\taddl\t$0x10, %eax", "\taddl\t$16, %eax", true},
		{"other numbers", "\taddl\t$17, %eax", "\taddl\t$16, %eax", false},
		{"places in the source", "\t.loc 1 2 3\n\tnop", "\t.loc 1 4 5\n\tnop", true},
		{"one literal and another", "\tleaq\t.LC7(%rip), %rax", "\tleaq\t.LC8(%rip), %rax", false},
		{"another symbol", "\tcall\tg", "\tcall\th", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := func(body string) string {
				f := parsed(t, body, literal)
				return string(New(f, func(n string) string { return n }).Function(f.FunctionByName["f"]))
			}
			if one, other := text(tt.one), text(tt.other); (one == other) != tt.same {
				t.Errorf("the same: %v\n%s\n%s", !tt.same, one, other)
			}
		})
	}
}

// TestTooDeep: what is circular is marked, and the text has an end.
func TestTooDeep(t *testing.T) {
	f := parsed(t, "\tleaq\tx(%rip), %rax", "\t.set\tx,y\n\t.set\ty,x\n")
	c := New(f, func(n string) string { return n })
	if c.Function(f.FunctionByName["f"]); !c.Deep {
		t.Error("aliases of each other are not marked")
	}
}

// TestWalk: a function stands on what it names and on what its literals refer to.
func TestWalk(t *testing.T) {
	f := parsed(t, "\tleaq\t.LC1(%rip), %rax\n\tcall\tg", "\t.section\t.data.rel.ro.local,\"aw\"\n.LC1:\n\t.quad\tv+4\n")
	var got []string
	Walk(f, f.FunctionByName["f"], func(n string) { got = append(got, n) })
	if want := strings.Fields("v g"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
