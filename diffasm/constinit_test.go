package diffasm

import (
	"strings"
	"testing"

	"gocare/internal/arch"
)

// TestCopiedConstants: clang copies parts of local variables from constants that it numbers and puts where variables are, those of zeros by .comm: they
// are told by content, never by number, and a patch has its own.
func TestCopiedConstants(t *testing.T) {
	const (
		seven  = "\t.data\n\t.p2align\t3\n.Lconstinit.1:\n\t.quad\t7\n\t.quad\t0\n"
		eight  = "\t.data\n\t.p2align\t3\n.Lconstinit.1:\n\t.quad\t8\n\t.quad\t0\n"
		zeros  = "\t.local\t.Lconstinit.1\n\t.comm\t.Lconstinit.1,16,8\n"
		moved  = "\t.data\n\t.p2align\t3\n.Lconstinit.2:\n\t.quad\t7\n\t.quad\t0\n"
		others = "\t.data\n\t.p2align\t3\n.Lconstinit.1:\n\t.quad\t9\n\t.quad\t0\n"
	)
	for _, row := range []struct {
		name, orig, patched string
		number              string // of the constant that the patched function copies from
		changed             bool
	}{
		{"same", seven, seven, "1", false},
		{"other content", seven, eight, "1", true},
		{"zeros now", seven, zeros, "1", true},
		{"no zeros now", zeros, seven, "1", true},
		{"other number", seven, moved, "2", false},
		{"another one has its number", seven, moved + others, "2", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := Match(copying(t, "1", row.orig), copying(t, row.number, row.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			var changed bool
			for _, f := range d.Functions {
				changed = changed || f.Status == Changed
			}
			if changed != row.changed {
				t.Errorf("changed: %v", changed)
			}
		})
	}
}

// copying is a unit of clang's with a function that copies from a constant.
func copying(t *testing.T, number, constants string) *File {
	t.Helper()
	text := "\t.text\n\t.type\tf,@function\nf:\n\tmovq\t.Lconstinit.N(%rip), %rax\n\tmovq\t%rax, -16(%rsp)\n\tretq\n\t.size\tf, .-f\n\t.globl\tf\n" + constants +
		"\t.ident\t\"clang version 14\"\n"
	f, err := Parse(&arch.X86_64, "unit.s", []byte(strings.ReplaceAll(text, "N(", number+"(")))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
