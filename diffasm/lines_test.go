package diffasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm"
	"gocare/internal/srcpatch"
)

// lineUnit is a unit with one function and one variable; NUMBER stands for a number that may be a line.
func lineUnit(code, data string, number int) string {
	text := "\t.file\t\"a.c\"\n\t.file 1 \"a.c\"\n\t.text\n\t.globl\tf\n\t.type\tf, @function\nf:\n\t.loc 1 10 1\n" + code +
		"\t.size\tf, .-f\n\t.section\t.rodata\n.LC0:\n\t.long\tNUMBER\n\t.long\t7\n" + data
	return strings.ReplaceAll(text, "NUMBER", fmt.Sprint(number))
}

// TestLineRule has for each condition that assembly can tell of the immediate rule a function that fails it.
func TestLineRule(t *testing.T) {
	data := ".LC1:\n\t.long\tlog+NUMBER\n.LC2:\n\t.string\t\"a.c:NUMBER\"\n.LC4:\n\t.string\t\"x: NUMBER\"\n.LC5:\n\t.string\t\"at a.c:NUMBER: no\"\n.LC6:\n\t.string\t\"a.c:NUMBER x NUMBER\"\n.LC3:\n\t.quad\tNUMBER\n"
	for _, r := range []struct {
		name, code string
		want       bool
	}{
		{"argument in a register", "\tmovl\t$NUMBER, %edi\n\tcall\tlog\n\tret\n", true},
		{"argument in a slot", "\tmovl\t$NUMBER, 8(%rsp)\n\tcall\tlog\n\tret\n", true},
		{"pushed", "\tpushq\t$NUMBER\n\tcall\tlog\n\tret\n", true},
		{"tail call", "\tmovl\t$NUMBER, %edi\n\tjmp\tlog\n", true},
		{"twice, once in front of a call", "\tmovl\t$NUMBER, %eax\n\tje\t.L1\n.L1:\n\tmovl\t$NUMBER, %edi\n\tcall\tlog\n\tret\n", true},
		{"constant of a call", "\tmovq\t.LC0(%rip), %xmm0\n\tcall\tlog\n\tret\n", true},
		{"returned", "\tmovl\t$NUMBER, %eax\n\tret\n", false},
		{"a branch between, the call behind it", "\tmovl\t$NUMBER, %edi\n\tjne\t.L1\n\tcall\tlog\n.L1:\n\tret\n", true},
		{"a branch between, the call where it leads", "\tmovl\t$NUMBER, %edi\n\tjne\t.L1\n\tret\n.L1:\n\tjmp\tlog\n", true},
		{"a branch between, no call", "\tmovl\t$NUMBER, %eax\n\tjne\t.L1\n\tret\n.L1:\n\tret\n\tcall\tlog\n", false},
		{"a label between", "\tjne\t.L1\n\tmovl\t$NUMBER, %edi\n.L1:\n\tcall\tlog\n\tret\n", true},
		{"a jump to a call", "\tjne\t.L1\n\tmovl\t$NUMBER, %edi\n\tjmp\t.L2\n.L1:\n\tret\n.L2:\n\tcall\tlog\n\tret\n", true},
		{"a jump to what returns", "\tjne\t.L1\n\tmovl\t$NUMBER, %eax\n\tjmp\t.L2\n.L1:\n\tcall\tlog\n.L2:\n\tret\n", false},
		{"a jump in a circle", "\tmovl\t$NUMBER, %edi\n.L1:\n\tjmp\t.L1\n\tcall\tlog\n\tret\n", false},
		{"the call itself", "\tcall\tlog\n\tmovl\t$NUMBER, %eax\n\tret\n", false},
		{"an address", "\tmovl\tNUMBER(%rax), %edi\n\tcall\tlog\n\tret\n", false},
		{"a sum", "\tmovl\t$-NUMBER, %edi\n\tcall\tlog\n\tret\n", false},
		{"inline assembly", "#APP\n\tmovl\t$NUMBER, %edi\n#NO_APP\n\tcall\tlog\n\tret\n", false},
		{"a constant that is no number", "\tmovq\t.LC1(%rip), %xmm0\n\tcall\tlog\n\tret\n", false},
		{"a string with a file", "\tleaq\t.LC2(%rip), %rdi\n\tjne\t.L1\n\tcall\tlog\n.L1:\n\tret\n", true},
		{"a string", "\tleaq\t.LC4(%rip), %rdi\n\tcall\tlog\n\tret\n", false},
		{"a string with more behind the line", "\tleaq\t.LC5(%rip), %rdi\n\tcall\tlog\n\tret\n", true},
		{"a string with another number", "\tleaq\t.LC6(%rip), %rdi\n\tcall\tlog\n\tret\n", false},
		{"an item of another size", "\tleaq\t.LC3(%rip), %rdi\n\tcall\tlog\n\tret\n", false},
		{"a directive", "\t.skip\t$NUMBER\n\tcall\tlog\n\tret\n", false},
	} {
		t.Run(r.name, func(t *testing.T) {
			o := parse(t, map[string]string{"o": lineUnit(r.code, data, 11)}, "o")
			p := parse(t, map[string]string{"p": lineUnit(r.code, data, 14)}, "p")
			asked := []diffasm.LineChange{}
			d, err := diffasm.MatchLines(o, p, nil, func(c diffasm.LineChange) bool {
				asked = append(asked, c)
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			want := diffasm.Changed
			if r.want {
				want = diffasm.LineOnly
				place := []srcpatch.Place{{File: "a.c", Line: 10}}
				change := []diffasm.LineChange{{Orig: place, Patched: place, Pairs: []srcpatch.Pair{{Old: 11, New: 14}}}}
				if diff := cmp.Diff(change, asked); diff != "" {
					t.Error(diff)
				}
			}
			if got := d.Functions[0].Status; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if d, _ := diffasm.MatchLines(o, p, nil, func(diffasm.LineChange) bool { return false }); d.Functions[0].Status != diffasm.Changed {
				t.Error("not asked")
			}
			if d, _ := diffasm.Match(o, p, nil); d.Functions[0].Status != diffasm.Changed {
				t.Error("without the rule:", d.Functions[0].Status)
			}
		})
	}
}

// Two changes at once: what the numbers leave has to be the same.
func TestLineRuleMore(t *testing.T) {
	code := "\tmovl\t$NUMBER, %edi\n\tcall\tlog\n\tret\n"
	for name, other := range map[string]string{
		"another call":                   strings.Replace(code, "log", "log2", 1),
		"an instruction more":            "\tnop\n" + code,
		"an instruction more at the end": code + "\tnop\n",
		"an instruction less at the end": strings.TrimSuffix(code, "\tret\n"),
		"another register":               strings.Replace(code, "%edi", "%esi", 1),
		"other linkage":                  code + "\t.hidden\tf\n",
	} {
		o := parse(t, map[string]string{"o": lineUnit(code, "", 11)}, "o")
		p := parse(t, map[string]string{"p": lineUnit(other, "", 14)}, "p")
		d, err := diffasm.MatchLines(o, p, nil, func(diffasm.LineChange) bool { return true })
		if err != nil || d.Functions[0].Status != diffasm.Changed {
			t.Errorf("%s: %v, %v", name, d.Functions[0].Status, err)
		}
	}
}
