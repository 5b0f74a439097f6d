package diffasm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm"
	"gocare/internal/arch"
)

func TestSameButStamps(t *testing.T) {
	for _, r := range []struct {
		name, a, b string
		want       bool
	}{
		{"equal", "\tret\n", "\tret\n", true},
		{"date", "\t.string\t\"on Jan  1 2001\"\n", "\t.string\t\"on Nov 22 2026\"\n", true},
		{"time", "\t.ascii\t\"at 01:46:40\"\n", "\t.ascii\t\"at 22:13:20\"\n", true},
		{"text beside it", "\t.string\t\"on Jan  1 2001\"\n", "\t.string\t\"in Nov 22 2026\"\n", false},
		{"no date", "\t.string\t\"Jan  1 201\"\n", "\t.string\t\"Nov 22 202\"\n", false},
		{"date in no string", "\t.size\tJan  1 2001\n", "\t.size\tNov 22 2026\n", false},
		{"copied by a mov", "\tmovabsq\t$3473465217088368944, %rax\n", "\tmovabsq\t$3472902254199714354, %rax\n", true},
		{"another register", "\tmovabsq\t$3473465217088368944, %rax\n", "\tmovabsq\t$3472902254199714354, %rdx\n", false},
		{"a number", "\tmovl\t$500, %eax\n", "\tmovl\t$501, %eax\n", false},
		{"one character", "\tmovl\t$49, %eax\n", "\tmovl\t$50, %eax\n", false},
		{"not a mov", "\tcmpl\t$12849, %eax\n", "\tcmpl\t$12850, %eax\n", false},
		{"a line more", "\tret\n", "\tnop\n\tret\n", false},
	} {
		if got := diffasm.SameButStamps([]byte(r.a), []byte(r.b)); got != r.want {
			t.Errorf("%s: %v", r.name, got)
		}
	}
}

func TestStamps(t *testing.T) {
	for _, r := range []struct {
		name, text  string
		want, files []string
	}{
		{"date and time", "\t.string \"Feb  3 2001 01:02:03\"\n", []string{"Feb  3 2001", "01:02:03"}, nil},
		{"time alone, at the end", ".L1:\t.ascii \"01:02:03", []string{"01:02:03"}, nil},
		{"date alone", ".L1:\n\t.ascii \"Feb  3 2001", []string{"Feb  3 2001"}, nil},
		{"time of a file", "\"Sat Feb  3 00:00:00 2001\"", []string{"Sat Feb  3 00:00:00 2001"}, []string{"Sat Feb  3 00:00:00 2001"}},
		{"nothing like it", ".L1:\n.L2:\t.loc 1 2 3\n\t.string \"Feb\"", nil, nil},
		{"nearly", "f:ab:c Feb :: 1:2:3 Dec 40", nil, nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			if diff := cmp.Diff(r.want, diffasm.Stamps([]byte(r.text))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(r.files, diffasm.FileStamps([]byte(r.text))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRestamp(t *testing.T) {
	const text = "\t.string \"of Sat Feb  3 00:00:00 2001\"\n\t.string \"Sun Nov 29 11:29:51 2026, Sat Feb  3 00:00:00 2001\"\n\t.string \"Feb  3 2001\"\n"
	from := diffasm.FileStamps([]byte(text))
	if diff := cmp.Diff([]string{"Sat Feb  3 00:00:00 2001", "Sun Nov 29 11:29:51 2026"}, from); diff != "" {
		t.Fatal(diff)
	}
	const want = "\t.string \"of A\"\n\t.string \"B, A\"\n\t.string \"Feb  3 2001\"\n"
	if diff := cmp.Diff(want, string(diffasm.Restamp([]byte(text), from, []string{"A", "B"}))); diff != "" {
		t.Error(diff)
	}
}

// TestStampsExplained: what a changed function is said to differ in is none of the time of the compile.
func TestStampsExplained(t *testing.T) {
	parse := func(time, number string) *diffasm.File {
		text := `	.text
	.globl f
	.type f, @function
f:
	leaq .LC0(%rip), %rdi
	call puts
	movl $` + number + `, %eax
	ret
	.size f, .-f
	.section .rodata.str1.1,"aMS",@progbits,1
.LC0:
	.string "at ` + time + `"
`
		f, err := diffasm.Parse(&arch.X86_64, "f.s", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	match := func(orig *diffasm.File) *diffasm.Delta {
		d, err := diffasm.Matching{}.Match(orig, parse("11:11:11", "2"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := match(parse("10:10:10", "1"))
	d.Stamps(match(parse("11:11:11", "1")))
	f := d.Functions[0]
	if got := string(f.Status) + ": " + f.Before + " " + f.After; got != "changed: movl $1,%eax movl $2,%eax" {
		t.Error(got)
	}
}
