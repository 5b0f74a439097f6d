package machine

import (
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"
)

func TestArmStubborn(t *testing.T) {
	for text, want := range map[string]string{
		"adrp\tx0, stderr\n\tldr\tx0, [x0, #:lo12:stderr]":         "stderr",
		"adrp x0, stderr // a comment with :lo12:other":            "stderr",
		"add\tx0, x0, :lo12:optind+4":                              "optind",
		"adr\tx0, optind":                                          "optind",
		"movz\tx0, #:abs_g0_nc:optind":                             "optind",
		"adrp\tx0, :pg_hi21:optarg":                                "optarg",
		"adrp\tx0, :got:stderr\n\tldr\tx0, [x0, :got_lo12:stderr]": "",
		"adrp\tx0, mine\n\tldr\tw0, [x0, #:lo12:mine]":             "",
		"adrp\tx0, common\n\tldr\tw0, [x0, #:lo12:common]":         "",
		"adrp\tx0, .LC0\n\tadd\tx0, x0, :lo12:.LC0":                "",
		"adrp\tx0, .LANCHOR0":                                      "",
		"add\tx0, x0, :tprel_lo12_nc:errno":                        "",
		"bl\tputs":                                                 "",
		".xword\tstderr":                                           "",
		"b.ne\tstderr":                                             "",
	} {
		asm := "\t.comm\tcommon,4,4\nmine:\n\t" + text + "\n"
		if got := For(&arch.AArch64).Stubborn([]byte(asm)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
