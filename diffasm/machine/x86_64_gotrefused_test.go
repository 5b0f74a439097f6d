package machine

import (
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
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
		"callq\t*stderr(%rip)":              "",
		"jmpq\t*stderr+8(%rip)":             "",
		".quad\tstderr":                     "",
		"leaq\tstderr+8(%rip), %rsp":        "stderr",
		"movl\t8(%rax,%rbx,2), %eax":        "",
		"popq\tb+8(%rip)\n\tpopq a-4(%rip)": "a b",
	} {
		asm := "\t.comm\tcommon,4,4\nmine:\n\t" + text + "\n"
		if got := For(arch.Default()).Stubborn([]byte(asm)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
