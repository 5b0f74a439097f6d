package correlate

import (
	"testing"

	"gocare/diffasm/machine"
	"gocare/internal/arch"
)

func TestNamedAlike(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"count", "total", false},
		{"n", "n", true},
		{"n", "name", false},
		{"call_count", "count", true},
		{"callCount", "nr_calls", true},
		{"avg", "average", false},
		{"buf", "buffer", true},
		{"lastLine", "line_seen", true},
		{"HTTPPort", "address", false},
		{"__x", "x", true},
	} {
		if got := NamedAlike(row.a, row.b); got != row.want {
			t.Errorf("%s and %s: %v", row.a, row.b, got)
		}
	}
}

func TestOtherInitial(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"", "0", false},
		{"NULL", "", false},
		{"4", "4", false},
		{"4", "", true},
		{"1", "2", true},
	} {
		if got := OtherInitial(row.a, row.b); got != row.want {
			t.Errorf("%q and %q: %v", row.a, row.b, got)
		}
	}
}

// Only code that reads a variable where it stands leaves it alone for certain.
func TestOnlyRead(t *testing.T) {
	for _, row := range []struct {
		name, code string
		want       bool
	}{
		{"a load", "movl\tv(%rip), %eax", true},
		{"a comparison", "cmpl\t$3, v(%rip)", true},
		{"an operand", "addl\tv(%rip), %eax", true},
		{"a store", "movl\t%eax, v(%rip)", false},
		{"a count", "incl\tv(%rip)", false},
		{"its address", "leaq\tv(%rip), %rax", false},
		{"its address as a number", "movl\t$v, %eax", false},
		{"an exchange", "xchgl\t%eax, v(%rip)", false},
		{"inline assembly", "#APP\n\tmovl\tv(%rip), %eax\n#NO_APP", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := "\t.text\n\t.globl\tf\n\t.type\tf, @function\nf:\n\t" + row.code + "\n\tret\n\t.size\tf, .-f\n" +
				"\t.data\n\t.type\tv, @object\n\t.size\tv, 4\nv:\n\t.long\t4\n"
			f, err := machine.Parse(arch.Default(), "a.c", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := onlyRead(f, "v"); got != row.want {
				t.Errorf("%v", got)
			}
		})
	}
}
