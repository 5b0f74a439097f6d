package patcher

import "testing"

func TestOnlyCounts(t *testing.T) {
	const enum = "enum e { A, B, N };\n"
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"declared alone", enum, true},
		{"with a comma behind", "typedef enum { A, B, N, } e;", true},
		{"with a value", "enum e { A, B, N = 2 };", false},
		{"a bound", enum + "extern const char *const names[N];", true},
		{"a bound of a member", enum + "struct s { int a; int hits[N]; };", true},
		{"a bound of a parameter", enum + "int f(int hits[N]);", true},
		{"a greater bound", enum + "static int hits[N + 1];", false},
		{"an index", enum + "void f(void) { hits[N] = 1; }", false},
		{"an index that is returned", enum + "int f(void) { return hits[N]; }", false},
		{"an index of a member", enum + "int f(void) { return p->hits[N]; }", false},
		{"a limit", enum + "int f(unsigned x) { if (x >= N || !x) return 0; return x < N ? 1 : 2; }", true},
		{"a limit that is added to", enum + "int f(int x) { return x < N + 1; }", false},
		{"compared for the same value", enum + "int f(int x) { return x == N; }", false},
		{"in a case", enum + "int f(int x) { switch (x) { case N: return 1; } return 0; }", false},
		{"assigned", enum + "void f(void) { last = N; }", false},
		{"an initial value", enum + "static int last = N;", false},
		{"an initial value in braces", enum + "static int last[] = { A, N };", false},
		{"an argument", enum + "void f(void) { g(N); }", false},
		{"returned", enum + "int f(void) { return N; }", false},
		{"another enumerator's value", enum + "enum { M = N };", false},
		{"a modulus", enum + "void f(void) { last = (last + 1) % N; }", true},
		{"a modulus that is added to", enum + "void f(void) { last = last % N + 1; }", false},
		{"a modulus in parentheses", enum + "void f(void) { last = (last % N) + 1; }", false},
		{"a loop with another step", enum + "void f(void) { int i; for (i = 0; i < N; last = ++i) g(); }", false},
		{"a loop with its own variable", enum + "void f(void) { for (int i = 0; i < N; i++) g(i); }", true},
		{"a loop", enum + "void f(void) { int i; for (i = 0; i < N; i++) g(i); }", true},
		{"two loops in braces", enum + "void f(void) { int x, i, y; for (i = 0; i < N; i++) { g(i); } for (i = 0; i < N; i++) if (i) g(i); }", true},
		{"a loop whose variable is used behind", enum + "int f(void) { int i; for (i = 0; i < N; i++) if (g(i)) break; return i; }", false},
		{"a loop whose variable has a value before", enum + "int f(void) { int i = 0; for (i = 0; i < N; i++) g(i); return 0; }", false},
		{"a loop of a static variable", enum + "void f(void) { static int i; for (i = 0; i < N; i++) g(i); }", false},
		{"a loop of another function's variable", enum + "void f(void) { for (i = 0; i < N; i++) g(i); }", false},
		{"a loop whose variable has its address taken", enum + "void f(void) { int i; for (i = 0; i < N; i++) g(&i); }", false},
		{"another loop", enum + "void f(int i) { while (i < N) g(i++); }", false},
		{"a loop of another form", enum + "void f(void) { int i; for (g(0); i < N; i++) g(i); }", false},
		{"a loop backwards", enum + "void f(void) { int i; for (i = N; i >= 0; i--) g(i); }", false},
		{"in a literal", enum + `char *s = "N";`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := onlyCounts([]byte(tt.text), "N"); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
