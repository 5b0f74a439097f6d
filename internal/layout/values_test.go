package layout_test

import (
	"testing"

	"gocare/internal/layout"
	"gocare/internal/test/testkit"
)

func TestValues(t *testing.T) {
	testkit.Require(t, "gcc")
	const number, float, pointer = layout.Number, layout.Real, layout.Pointer
	for _, tt := range []struct {
		name, source string
		want         layout.Values
	}{
		{"a number", "static int x; int f(int a) { return x += a; }", number},
		{"a truth value", "static _Bool x; int f(int a) { return x = a; }", number},
		{"an enumeration", "static enum e { A, B } x; int f(int a) { return x = a; }", number},
		{"a pointer", "static int *x; int f(int *a) { x = a; return 0; }", pointer},
		{"a pointer to a function", "static int (*x)(void); int f(int (*a)(void)) { x = a; return x(); }", pointer},
		{"an array", "static const double x[3]; double f(int a) { return x[a]; }", float},
		{"an atomic number", "static _Atomic int x; int f(int a) { return x += a; }", number},
		{"a structure", "static struct { float a; struct s *b; } x; void *f(int a) { x.a = a; return x.b; }", float | pointer},
		{"a union in a structure", "static volatile struct { union { char c; void *p; }; } x; int f(int a) { return x.c = a; }", number | pointer},
		{"two of the name", "int f(int a) { static int x; return x += a; } int g(int *a) { static int *x; x = a; return *x; }", number | pointer},
		{"none of the name", "int f(int a) { return a; }", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(t, tt.source).Values("x"); got != tt.want {
				t.Errorf("%b, want %b", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name string
		a, b layout.Values
		want bool
	}{
		{"numbers", number, number, true},
		{"a number and a pointer", number, pointer, false},
		{"a number and a structure with one", number, number | pointer, true},
		{"what is not known", 0, pointer, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.a.MayBecome(tt.b) != tt.want || tt.b.MayBecome(tt.a) != tt.want {
				t.Errorf("want %v", tt.want)
			}
		})
	}
}
