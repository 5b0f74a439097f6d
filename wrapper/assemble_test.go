package wrapper

import "testing"

func TestHolds(t *testing.T) {
	for text, want := range map[string]bool{
		"\t.include \"a.s\"\n":                         true,
		".include \"a.s\"":                             true,
		"nop;.include \"a.s\"":                         true,
		"# 1 \"/usr/include/a.h\"\n\t.include \"b\"\n": true,
		"includeinclude.include":                       true,
		"include \"a.s\"\n":                            false,
		"\t.file \"/usr/include/a.h\"\n":               false,
		"\t.includ":                                    false,
		"":                                             false,
	} {
		if got := holds([]byte(text), "include"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
