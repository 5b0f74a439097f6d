package layout_test

import (
	"slices"
	"testing"

	"gocare/internal/layout"
	"gocare/internal/test/testkit"
)

// What cannot be told in a line is told by its members, never in the words of the comparison.
func TestDifference(t *testing.T) {
	testkit.Require(t, "gcc")
	const use = "; struct s v; int f(struct s *p) { return p->a; }"
	for _, tt := range []struct {
		name, before, after, was, is string
		members                      []string
	}{
		{
			"a member more", "struct s { int a; long b; }" + use, "struct s { int a; int c; long b; int d; }" + use,
			"16 bytes, … long int b @8", "24 bytes, … int c @4", nil,
		},
		{"one at the end", "struct s { int a; }" + use, "struct s { int a; int b; }" + use, "4 bytes, … no more members", "8 bytes, … int b @4", nil},
		{
			"in a structure without a name", "struct s { int a; struct { int x; char y; } u; }" + use, "struct s { int a; struct { int x; long y; } u; }" + use,
			"12 bytes", "24 bytes",
			[]string{"- int u.x at 4", "- char u.y at 8", "+ int u.x at 8", "+ long int u.y at 16"},
		},
		{
			"in a union without a name", "struct s { int a; union { int x; char y; }; }" + use, "struct s { int a; union { int x; short y; }; }" + use,
			"8 bytes", "8 bytes",
			[]string{"- char y at 4", "+ short int y at 4"},
		},
		{
			"a bit field", "struct { int a; struct { int b:1, c:2; }; } v;", "struct { int a; struct { int c:2, b:1; }; } v;",
			"struct {…}", "struct {…}",
			[]string{"- int b at 4, bits 0 to 0", "- int c at 4, bits 1 to 2", "+ int c at 4, bits 0 to 1", "+ int b at 4, bits 2 to 2"},
		},
		{
			"a variable", "struct { int a; } v[2];", "struct { int a, b; } v[1];",
			"struct {…}[2]", "struct {…}[1]",
			[]string{"+ int b at 4"},
		},
		{"a pointer", "struct { int a; } *v;", "struct { float a; } *v;", "struct {…}*", "struct {…}*", []string{"- int a at 0", "+ float a at 0"}},
		{
			"behind a pointer", "struct s { int a; struct { int x; } *p; }" + use, "struct s { int a; struct { float x; } *p; }" + use,
			"16 bytes", "16 bytes",
			[]string{"- int x at 0", "+ float x at 0"},
		},
		{"an atomic member", "struct s { _Atomic int a; }" + use, "struct s { _Atomic float a; }" + use, "4 bytes, … _Atomic(int) a @0", "4 bytes, … _Atomic(float) a @0", nil},
		{"another typedef", "typedef int t; t v;", "typedef float t; t v;", "int", "float", nil},
		{"a nameless one for a number", "struct { int a; } v;", "int v;", "struct {…}", "int", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := layout.Compare(read(t, tt.before), read(t, tt.after))
			if len(got) == 0 || got[0].Before != tt.was || got[0].After != tt.is || !slices.Equal(got[0].Members, tt.members) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Of long structures not all members are listed.
func TestDifferenceLong(t *testing.T) {
	testkit.Require(t, "gcc")
	const members = " c, d, e, f, g, h, i, j, k, l; } u; } v;"
	got := layout.Compare(read(t, "struct { struct { int"+members), read(t, "struct { struct { float"+members))
	if len(got) != 1 || len(got[0].Members) != 18 || got[0].Members[8] != "- 2 more" || got[0].Members[17] != "+ 2 more" {
		t.Errorf("got %+v", got)
	}
}
