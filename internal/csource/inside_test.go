package csource

import "testing"

func TestNamedInside(t *testing.T) {
	for _, row := range []struct {
		text string
		want bool
	}{
		{"int f(void) { return 1; }\n", false},
		{"int f(void);\nint g(void) { return f(); }\n", true},
		{"int (*table[])(void) = {\n\tf,\n};\n", true},
		{"int g(void) { return ff() + f2(); } /* { f } */\n", false},
		{"int g(void) { return puts(\"f\"); }\nint f(void);\n", false},
		{"#define X {\nint f(void) { return 1; }\n", false},
		{"#define X \\\n{\nint f(void) { return 1; }\n", false},
		{"int g(void) { char c = '{'; return c; }\nint f(void) { return 1; }\n", false},
		{"int g(void)\n{\n#if X\n\tf();\n#endif\n}\n", true},
		{"int g(void) { return f\n; }\n", true},
	} {
		if got := NamedInside(row.text, "f"); got != row.want {
			t.Errorf("%q: %t", row.text, got)
		}
	}
}
