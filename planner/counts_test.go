package planner

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
		{"a modulus", enum + "void f(void) { last = (last + 1) % N; }", false},
		{"a place by a modulus", enum + "static int tab[16]; void f(int x) { tab[x % N]++; }", false},
		{"a place by a mask", enum + "static int tab[16]; void f(int x) { tab[x & (N - 1)]++; }", false},
		{"a constant by a modulus", enum + "static const int tab[N]; int f(int x) { return tab[(x + 1) % N]; }", true},
		{"a constant pointer by a modulus", enum + "static const char *const tab[N]; const char *f(int x) { return tab[x % N]; }", true},
		{"a pointer to constants by a modulus", enum + "static const char *tab[16]; void f(int x) { tab[x % N] = 0; }", false},
		{"a member by a modulus, of a constant's name", enum + "static const int tab[N]; void f(struct s *p, int x) { p->tab[x % N]++; }", false},
		{"a constant of one function, by a modulus in another", enum + "void f(int x) { static const int t[N]; } void g(int x) { static int t[9]; t[x % N]++; }", false},
		{"a constant by what a modulus leaves", enum + "static const int tab[N]; int f(void) { return tab[last = last % N]; }", false},
		{"a modulus of the number of elements", enum + "static const char *const tab[N]; int f(int x) { return x % (sizeof(tab) / sizeof(tab[0])); }", false},
		{"a place by the number of elements", enum + "static const int tab[N]; void f(int x) { at[x % (sizeof tab / sizeof *tab)]++; }", false},
		{"a limit by the number of elements", enum + "static const int tab[N]; int f(unsigned x) { return x < (sizeof(tab) / sizeof((tab)[0])) ? tab[x] : 0; }", true},
		{"a loop by the number of elements", enum + "static const int tab[N]; void f(void) { for (unsigned i = 0; i < sizeof tab / sizeof tab[0]; i++) g(tab[i]); }", true},
		{"a size that ends a call", enum + "void f(void) { int seen[N]; memset(seen, 0, sizeof(seen)); }", true},
		{"a size that is kept", enum + "void f(void) { int seen[N]; size = sizeof(seen); }", false},
		{"the size of an element", enum + "void f(void) { int seen[N]; g(sizeof(seen[0]) + sizeof *seen); }", true},
		{"a limit of a member", enum + "int f(struct s *p) { return p->kind < N && p->a[1].kind >= N; }", true},
		{"a limit of an element", enum + "int f(int *kinds, int i) { if (kinds[i + 1] < N) return 1; return 0; }", true},
		{"a limit of what a call gives", enum + "int f(void) { if (kind(1) < N) return 1; return 0; }", true},
		{"a limit with a cast", enum + "int f(int x) { if ((unsigned)x >= N) return 1; return 0; }", true},
		{"a limit of what is set before", enum + "int f(char *p) { int x; x = *p; if (x >= N) return 1; return 0; }", true},
		{"a wrap", enum + "void f(void) { if (++at >= N) at = 0; }", false},
		{"a wrap of what is counted before", enum + "void f(void) { at++; if (at >= N) at = 0; }", false},
		{"a wrap of a member", enum + "void f(struct s *p) { ++p->at; if (p->at >= N) p->at = 0; }", false},
		{"a wrap of an element's member", enum + "void f(struct s *p) { ++p[1].at; if (p[1].at >= N) g(); }", false},
		{"a wrap by a sum", enum + "void f(void) { at = at + 1 < N ? at + 1 : 0; }", false},
		{"a wrap by another variable", enum + "void f(int n) { n += 1; if (n >= N) n = 0; at = n; }", false},
		{"a value that is set at its limit", enum + "void f(void) { if (x >= N) x = 0; }", false},
		{"a place that fills", enum + "void f(int x) { if (used < N) list[used++] = x; }", false},
		{"a place that fills by steps", enum + "void f(int x) { if (used < N) { list[used] = x; used += 1; } }", false},
		{"elements that fill", enum + "void f(int k) { if (used[k] < N) used[k]++; }", false},
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
