package correlate

import (
	"slices"
	"testing"
)

func TestConditionsOf(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"none", "void f(void) { n = 1; }", nil},
		{"a condition", "void f(int x) { if (x > (1)) n = 1; }", []string{"if (x > (1))"}},
		{"both ways", "void f(int x) { if (x) n = 1; else n = 2; }", []string{"if (x); else"}},
		{"a directive", "void f(void) {\n#ifdef A\nn = 1;\n#endif\n}", []string{"#ifdef A; #endif"}},
		{"a choice of values is none", "void f(int x) { put(x); n = 1; log(x, 2); }", nil},
		{"a short cut", "void f(int x) { x && (n = 1); }", []string{"&&"}},
		{"an early end", "int f(int x) { while (x) return 1; n = 1; return 0; }", []string{"while (x); return; return"}},
		{"another function's", "void g(int x) { if (x) put(x); } void f(void) { n = 1; }", nil},
		{"of the caller of a private one", "static void f(void) { n = 1; } void g(int x) { if (x) f(); }", []string{"if (x)"}},
		{"of the caller of a public one", "void f(void) { n = 1; } void g(int x) { if (x) f(); }", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := conditionsOf(tt.text, []write{{text: "= 1", line: 1, in: "f"}}); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
