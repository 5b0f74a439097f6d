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

// TestFreeToClobber: callers in the unit may rely on what a function leaves alone, unless it calls what they cannot see.
func TestFreeToClobber(t *testing.T) {
	function := func(name, body string) string {
		return "\t.text\n\t.type\t" + name + ", @function\n" + name + ":\n\t" + body + "\n\tret\n\t.size\t" + name + ", .-" + name + "\n"
	}
	for _, tt := range []struct {
		name, f, g string
		want       bool
	}{
		{"nobody calls it", "nop", "nop", true},
		{"a caller", "nop", "call\tf", false},
		{"a caller's jump", "nop", "jmp\tf", false},
		{"it calls a library", "call\tputs@PLT", "call\tf", true},
		{"it ends in a library", "jmp\tputs", "call\tf", true},
		{"it calls through a pointer", "call\t*%rax", "call\tf", true},
		{"it jumps through a table", "jmp\t*%rax", "call\tf", false},
		{"it jumps to a label", "jmp\t1f\n1:", "call\tf", false},
		{"it calls what the caller can see", "call\th", "call\tf", false},
	} {
		file, err := Parse("u.s", []byte(function("f", tt.f)+function("g", tt.g)+function("h", "nop")))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Match(file, file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.FreeToClobber("f"); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
