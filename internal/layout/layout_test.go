package layout_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/layout"
	"gocare/internal/testkit"
)

// read compiles a source with debugging information and reads its layouts.
func read(t *testing.T, source string) *layout.Unit {
	t.Helper()
	return readWith(t, "-g", source)
}

func readWith(t *testing.T, flag, source string) *layout.Unit {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "u.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := elfobj.Load(testkit.CC(t, dir, "u.o", flag, "-c", "u.c"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	u, err := layout.Read(d)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCompare(t *testing.T) {
	testkit.Require(t, "gcc")
	const use = "; struct s v; int f(struct s *p) { return p->a; }"
	for _, tt := range []struct{ name, before, after, want string }{
		{"the same", "struct s { int a, b; }" + use, "struct s { int a, b; }" + use, ""},
		{"a member more", "struct s { int a; }" + use, "struct s { int a, b; }" + use, "type struct s"},
		{"members swapped", "struct s { int a; int b; }" + use, "struct s { int b; int a; }" + use, "type struct s"},
		{"a member of another type", "struct s { int a; }" + use, "struct s { unsigned a; }" + use, "type struct s"},
		{"a bit field moved", "struct s { int a; int b:1, c:2; }" + use, "struct s { int a; int c:2, b:1; }" + use, "type struct s"},
		{"an array grew", "struct s { int a; char b[4]; }" + use, "struct s { int a; char b[5]; }" + use, "type struct s"},
		{"in an unnamed union", "struct s { int a; union { int x; char y; }; }" + use, "struct s { int a; union { int x; long y; }; }" + use, "type struct s"},
		{"a new enumerator", "enum e { A, B } x;", "enum e { A, B, C } x;", ""},
		{"an enumeration that needs more room", "enum e { A, B } x;", "enum e { A, B = 1L << 40 } x;", "type enum e"},
		{"a typedef of another type", "typedef int t; t x;", "typedef long t; t x;", "type t"},
		{"a new type", "int x;", "struct n { int a; } y; int x;", ""},
		{"a parameter more", "int f(int a) { return a; }", "int f(int a, int b) { return a + b; }", "signature f"},
		{"another result", "int f(int a) { return a; }", "long f(int a) { return a; }", "signature f"},
		{"a renamed parameter", "int f(int a) { return a; }", "int f(int b) { return b; }", ""},
		{
			"a static function", "static __attribute__((noinline)) int f(int a) { return a; } int g(void) { return f(1); }",
			"static __attribute__((noinline)) int f(int a, int b) { return a + b; } int g(void) { return f(1, 2); }", "",
		},
		{"a variable of another type", "int x;", "float x;", "variable x"},
		{"a variable of another sign", "int x;", "unsigned x;", "variable x"},
		{"a constant variable", "int x;", "const int x;", ""},
		{
			"members of a nameless structure swapped", "static struct { int a, b; } x; int f(void) { return x.a; }",
			"static struct { int b, a; } x; int f(void) { return x.a; }", "variable x",
		},
		{"a static local", "int f(void) { static int x; return x++; }", "int f(void) { static float x; return x++; }", "variable x"},
		{"a static local of an inlined function", inlined("int"), inlined("float"), "variable x"},
		{
			"one of two", "int f(void) { static int x; return x++; } int g(void) { static long x; return x++; }",
			"int f(void) { static float x; return x++; } int g(void) { static long x; return x++; }", "variable x",
		},
		{
			"one more of the name", "int f(void) { static int x; return x++; }",
			"int f(void) { static int x; return x++; } int g(void) { static int x; return x++; }", "",
		},
		{
			"another one of the name and another type", "int f(void) { static int x; return x++; }",
			"int f(void) { static int x; return x++; } int g(void) { static long x; return x++; }", "",
		},
		{
			"one becomes like the other", "int f(void) { static int x; return x++; } int g(void) { static long x; return x++; }",
			"int f(void) { static long x; return x++; } int g(void) { static long x; return x++; }", "variable x",
		},
		{"two types of a name, moved", local("int", "long"), local("long", "int"), ""},
		{"two types of a name, one changed", local("int", "long"), local("float", "long"), "type struct s"},
		{"a variable of the frame", "int f(void) { int x = 1; return x; }", "int f(void) { long x = 1; return x; }", ""},
		{"a block inside", "int f(int a) { { int q = a; return q; } }", "int f(int a) { { long q = a; return q; } }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range layout.Compare(read(t, tt.before), read(t, tt.after)) {
				got = append(got, string(c.Kind)+" "+c.Name)
			}
			if strings.Join(got, ",") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func inlined(typ string) string {
	return "static inline __attribute__((always_inline)) int g(int a) { static " + typ + " x; x += a; return x; } int f(void) { return g(1) + g(2); }"
}

func local(first, second string) string {
	return "int f(void) { struct s { " + first + " a; } v = { 1 }; return v.a; } int g(void) { struct s { " + second + " a; } v = { 1 }; return v.a; }"
}

func TestCompareNamesTheMember(t *testing.T) {
	testkit.Require(t, "gcc")
	const use = "; struct s v; int f(struct s *p) { return p->a; }"
	changes := layout.Compare(read(t, "struct s { int a; long b; }"+use), read(t, "struct s { int a; int c; long b; int d; }"+use))
	if len(changes) != 1 || changes[0].Before != "16 bytes, … long int b @8" || changes[0].After != "24 bytes, … int c @4" {
		t.Errorf("got %+v", changes)
	}
	changes = layout.Compare(read(t, "struct s { int a; }"+use), read(t, "struct s { int a; int b; }"+use))
	if len(changes) != 1 || changes[0].Before != "4 bytes, … no more members" || changes[0].After != "8 bytes, … int b @4" {
		t.Errorf("got %+v", changes)
	}
}

// TestEmpty asks that the few types -g1 writes are not taken for all of them.
func TestEmpty(t *testing.T) {
	testkit.Require(t, "gcc")
	const source = "struct s { int a; }; extern struct s *x; extern int n; struct s *x; int n; int f(struct s *p) { return p->a; }"
	for flag, want := range map[string]bool{"-g": false, "-g1": true} {
		if got := readWith(t, flag, source).Empty(); got != want {
			t.Errorf("%s: empty %v, want %v", flag, got, want)
		}
	}
}
