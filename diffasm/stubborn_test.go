package diffasm

import (
	"slices"
	"strings"
	"testing"
)

func TestStubborn(t *testing.T) {
	for text, want := range map[string]string{
		"movq\tstderr(%rip), %rdi":          "",
		"fnstcw\tstderr(%rip)":              "stderr",
		"1:\tmovl\t$stderr, 8(%rax)":        "stderr",
		"nop; popq optarg(%rip) # stderr":   "optarg",
		"popq\tmine(%rip)":                  "",
		"popq\tcommon(%rip)":                "",
		"popq\t.L4(%rip)":                   "",
		"fnstcw\tstderr@GOTPCREL(%rip)":     "",
		"popq\t%fs:errno@tpoff":             "",
		"call\tputs":                        "",
		"jne\tf":                            "",
		"call\t*stderr(,%rax,8)":            "stderr",
		".quad\tstderr":                     "",
		"leaq\tstderr+8(%rip), %rsp":        "stderr",
		"movl\t8(%rax,%rbx,2), %eax":        "",
		"popq\tb+8(%rip)\n\tpopq a-4(%rip)": "a b",
	} {
		asm := "\t.comm\tcommon,4,4\nmine:\n\t" + text + "\n"
		if got := Stubborn([]byte(asm)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestSparesForCallers: callers in the unit may rely on what a function leaves alone, unless it calls what they cannot see.
func TestSparesForCallers(t *testing.T) {
	function := func(name, body string) string {
		return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n\t" + body + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
	}
	for _, tt := range []struct {
		name, f, fresh, g string
		want              bool
	}{
		{"nobody calls it", "nop", "movl\t$1, %ecx", "nop", true},
		{"another register", "nop", "movl\t$1, %ecx", "call\tf", false},
		{"another register, before a jump to it", "nop", "movl\t$1, %ecx", "jmp\tf", false},
		{"the same register", "movl\t$2, %ecx", "movl\t$1, %ecx", "call\tf", true},
		{"it called a library", "call\tputs@PLT", "movl\t$1, %ecx", "call\tf", true},
		{"it calls a library", "nop", "call\tputs@PLT", "call\tf", false},
		{"it called what the caller can see", "call\th", "movl\t$1, %ecx", "call\tf", false},
	} {
		orig, err := Parse("u.s", []byte(function("f", tt.f)+function("g", tt.g)+function("h", "nop")))
		if err != nil {
			t.Fatal(err)
		}
		patched, err := Parse("u.s", []byte(function("f", tt.fresh)+function("g", tt.g)+function("h", "nop")))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Match(orig, patched, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Spares("f"); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
