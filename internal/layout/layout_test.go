package layout_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/layout"
	"gocare/internal/test/testkit"
)

// read compiles a source with debugging information and reads its layouts.
func read(t *testing.T, source string) *layout.Unit {
	t.Helper()
	return readWith(t, "gcc", "-g", source)
}

func readWith(t *testing.T, cc, flag, source string) *layout.Unit {
	t.Helper()
	d, err := compile(t, source, cc, flag).DWARF()
	if err != nil {
		t.Fatal(err)
	}
	u, err := layout.Read(d)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func compile(t *testing.T, source, cc string, flags ...string) *elfobj.File {
	t.Helper()
	dir := t.TempDir()
	file := "u.c"
	if strings.HasSuffix(cc, "++") {
		file = "u.cc"
	}
	testkit.WriteFile(t, filepath.Join(dir, file), source)
	testkit.Run(t, dir, cc, append(flags, "-c", file, "-o", "u.o")...)
	f, err := elfobj.Load(filepath.Join(dir, "u.o"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Types in sections of their own are not taken for no types.
func TestTypesApart(t *testing.T) {
	testkit.Require(t, "gcc")
	for _, flag := range []string{"-gdwarf-4", "-gdwarf-5"} {
		f := compile(t, "struct s { int a; }; enum e { A } x; struct s y; int f(void) { return x + y.a; }", "gcc", flag, "-fdebug-types-section")
		if d, err := f.DWARF(); err == nil || d != nil {
			t.Errorf("%s: read, %v", flag, err)
		}
	}
}

// Variables of threads count though no place of theirs is known, as gcc for aarch64 leaves it.
func TestThreadLocal(t *testing.T) {
	for _, cc := range []string{"gcc", "aarch64-linux-gnu-gcc"} {
		testkit.Require(t, cc)
		for _, source := range []string{
			"__thread TYPE x; void *f(void) { return &x; }", "static __thread TYPE x; void *f(void) { return &x; }",
			"void *f(void) { static __thread TYPE x; return &x; }",
		} {
			of := func(kind string) *layout.Unit {
				d, err := compile(t, strings.Replace(source, "TYPE", kind, 1), cc, "-g").DWARF()
				if err != nil {
					t.Fatal(err)
				}
				u, err := layout.Read(d, "x")
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			if changes := layout.Compare(of("int"), of("float")); len(changes) != 1 || changes[0].Name != "x" {
				t.Errorf("%s: %s: %v", cc, source, changes)
			}
		}
	}
}

// Compressed sections are read, by the method of the assembler and by that of old ones.
func TestCompressed(t *testing.T) {
	for _, tt := range [][]string{{"gcc", "-gz"}, {"gcc", "-gz=zlib-gnu"}, {"gcc", "-Wa,--compress-debug-sections=zstd"}, {"clang", "-gz"}} {
		testkit.Require(t, tt[0])
		d, err := compile(t, "int x[4]; int f(int a) { return x[a]; }", tt[0], "-g", tt[1]).DWARF()
		if err != nil {
			t.Fatal(err)
		}
		if u, err := layout.Read(d); err != nil || u.Empty() {
			t.Errorf("%v: %v", tt, err)
		}
	}
}

// clang writes some places in other ways than gcc.
func TestCompareClang(t *testing.T) {
	testkit.Require(t, "clang")
	for before, after := range map[string]string{
		"int x;": "float x;", "extern int x; int x;": "extern float x; float x;", "__thread int x;": "__thread float x;",
		"int f(void) { static int x; return x++; }": "int f(void) { static float x; return x++; }",
		"_Complex float x;":                         "_Complex double x;", "_Complex long double x;": "_Complex double x;", "_Atomic int x;": "_Atomic float x;",
	} {
		for _, flag := range []string{"-gdwarf-4", "-gdwarf-5"} {
			t.Run(flag+" "+before, func(t *testing.T) {
				changes := layout.Compare(readWith(t, "clang", flag, before), readWith(t, "clang", flag, after))
				if len(changes) != 1 || changes[0].Kind != layout.Variable || changes[0].Name != "x" {
					t.Errorf("got %+v", changes)
				}
			})
		}
	}
}

func TestCompare(t *testing.T) {
	testkit.Require(t, "gcc")
	const use = "; struct s v; int f(struct s *p) { return p->a; }"
	for _, tt := range []struct{ name, before, after, want string }{
		{"the same", "struct s { int a, b; }" + use, "struct s { int a, b; }" + use, ""},
		{"a member more", "struct s { int a; }" + use, "struct s { int a, b; }" + use, "type struct s"},
		{"members swapped", "struct s { int a; int b; }" + use, "struct s { int b; int a; }" + use, "type struct s"},
		{"a member of another type", "struct s { int a; }" + use, "struct s { float a; }" + use, "type struct s"},
		{"a member of another sign", "struct s { int a; }" + use, "struct s { unsigned a; }" + use, ""},
		{"a bit field moved", "struct s { int a; int b:1, c:2; }" + use, "struct s { int a; int c:2, b:1; }" + use, "type struct s"},
		{"another alignment", "struct s { long a, b; }" + use, "struct s { long a, b; } __attribute__((aligned(16)))" + use, "type struct s"},
		{"an array grew", "struct s { int a; char b[4]; }" + use, "struct s { int a; char b[5]; }" + use, "type struct s"},
		{
			"in an unnamed union",
			"struct s { int a; union { int x; char y; }; }" + use,
			"struct s { int a; union { int x; long y; }; }" + use,
			"type struct s",
		},
		{"a new enumerator", "enum e { A, B } x;", "enum e { A, B, C } x;", ""},
		{"an enumerator in the middle", "enum e { A, B } x;", "enum e { A, N, B } x;", "enumerator B"},
		{"several", "enum e { A, B, C, D } x;", "enum e { N, A, B, C, D } x;", "enumerator A"},
		{"of several enumerations", "enum e { A, B } x; enum f { C, D } y;", "enum e { N, A, B } x; enum f { M, C, D } y;", "enumerator A,enumerator C"},
		{"of an enumeration without a name", "enum { A, B }; int f(void) { return B; }", "enum { A, N, B }; int f(void) { return B; }", "enumerator B"},
		{
			"used in a case alone",
			"enum { A, B }; int f(int x) { switch (x) { case B: return 3; } return x; }",
			"enum { A, N, B }; int f(int x) { switch (x) { case B: return 3; } return x; }",
			"enumerator B",
		},
		{"used in an initial value alone", "enum { A, B }; int t[] = { [B] = 1, [5] = 1 };", "enum { A, N, B }; int t[] = { [B] = 1, [5] = 1 };", "enumerator B"},
		{"of a block", "int f(void) { enum { A, B }; return B; }", "int f(void) { enum { A, N, B }; return B; }", "enumerator B"},
		{"of an inlined function", inlinedEnum("A, B"), inlinedEnum("A, N, B"), "enumerator B"},
		{"in a structure", "struct s { enum { A, B } a; } x;", "struct s { enum { A, N, B } a; } x;", "enumerator B"},
		{"a count at the end", "enum e { A, B, COUNT } x;", "enum e { A, B, N, COUNT } x;", "enumerator COUNT"},
		{"two enumerators swapped", "enum e { A, B } x;", "enum e { B, A } x;", "enumerator B"},
		{"an enumerator gone", "enum e { A, B, C } x;", "enum e { A, C = 2 } x;", ""},
		{"an enumeration without a use", "enum { A, B }; int f(void) { return B; }", "enum { A, N, B }; int f(void) { return 1; }", ""},
		{"an enumeration with a use again", "enum { A, B }; int f(void) { return 1; }", "enum { A, N, B }; int f(void) { return B; }", ""},
		{"an enumerator with its value written", "enum e { A, B } x;", "enum e { A, B = 1 } x;", ""},
		{"a negative enumerator beside", "enum e { A = 1, B = 200, C = 0x7fffffff } x;", "enum e { A = 1, B = 200, C = 0x7fffffff, N = -1 } x;", ""},
		{"a negative enumerator", "enum e { A = -1, B } x;", "enum e { A = -1, B, N = 300 } x;", ""},
		{"a negative enumerator in more room", "enum e { A = -1, B } x;", "enum e { A = -1, B, N = 1L << 40 } x;", "type enum e"},
		{"an unsigned enumerator in more room", "enum e { A = 0xffffffff } x;", "enum e { A = 0xffffffff, N = -1 } x;", "type enum e"},
		{
			"an enumerator of 32 bits turned negative",
			"enum { A = 0xffffffff }; long f(void) { return A; }",
			"enum { A = -1 }; long f(void) { return A; }",
			"enumerator A",
		},
		{"a great enumerator", "enum e { A = 1UL << 63 } x;", "enum e { A = (1UL << 63) + 1 } x;", "enumerator A"},
		{"a small enumeration", "enum __attribute__((packed)) e { A = 255 } x;", "enum __attribute__((packed)) e { A = 254, B } x;", "enumerator A"},
		{"two of a name, moved", blocks("0", "5"), blocks("5", "0"), ""},
		{"two of a name, one renumbered", blocks("0", "5"), blocks("1", "5"), "enumerator A"},
		{"two of a name, one renumbered as the other", blocks("0", "5"), blocks("5", "5"), "enumerator A"},
		{"two of a name, one gone", blocks("0", "5"), "int f(void) { enum { A = 5 }; return A; }", ""},
		{"another one of the name", "int f(void) { enum { A = 5 }; return A; }", blocks("0", "5"), ""},
		{"an enumeration that needs more room", "enum e { A, B } x;", "enum e { A, B = 1L << 40 } x;", "type enum e,enumerator B"},
		{"a typedef of another type", "typedef int t; t x;", "typedef long t; t x;", "type t,variable x"},
		{"a new type", "int x;", "struct n { int a; } y; int x;", ""},
		{"a parameter more", "int f(int a) { return a; }", "int f(int a, int b) { return a + b; }", "signature f"},
		{"another result", "int f(int a) { return a; }", "long f(int a) { return a; }", "signature f"},
		{
			"a structure around an array of variable length", variable + "int h(int a) { return a; }",
			strings.Replace(variable, "int a;", "long a;", 1) + "int h(long a) { return a; }", "signature h",
		},
		{"a renamed parameter", "int f(int a) { return a; }", "int f(int b) { return b; }", ""},
		{
			"a static function", "static __attribute__((noinline)) int f(int a) { return a; } int g(void) { return f(1); }",
			"static __attribute__((noinline)) int f(int a, int b) { return a + b; } int g(void) { return f(1, 2); }", "signature f",
		},
		{"a variable of another type", "int x;", "float x;", "variable x"},
		{"a variable of another sign", "int x;", "unsigned x;", ""},
		{"a constant variable", "int x;", "const int x;", ""},
		{"a declared variable of another type", "extern int x; int x;", "extern float x; float x;", "variable x"},
		{"a variable of another unit", ext("int x;"), ext("float x;"), "variable x"},
		{"one of another unit, of another sign", ext("int x;"), ext("unsigned x;"), ""},
		{"an array of another unit", ext("char x[8];"), ext("short x[4];"), "variable x"},
		{"an array of another unit that gets a bound", ext("char x[];"), ext("char x[8];"), ""},
		{"a pointer of another unit", ext("struct s { int a, b; } *x;"), ext("struct t { int b, a; } *x;"), "variable x"},
		{"a pointer to what is complete now", ext("struct s *x;"), ext("struct s { int a; } *x;"), ""},
		{"a structure of another unit", ext("struct s { int a, b; } x;"), ext("struct t { int b, a; } x;"), "variable x"},
		{"a thread's variable of another unit", ext("__thread int x;"), ext("__thread float x;"), "variable x"},
		{"one that a function declares", inBody("int x;"), inBody("float x;"), "variable x"},
		{"one that a function declares, and the file", inBody("int x;"), ext("float x;"), "variable x"},
		{"one of another unit that is defined now", ext("int x;"), "float x;", "variable x"},
		{"one that is of another unit now", "int x;", ext("float x;"), "variable x"},
		{"one of another unit beside a static one of the name", ext("int x;") + hidden("long"), ext("float x;") + hidden("long"), "variable x"},
		{"one of another unit by its symbol", ext("int x __asm__(\"y\");"), ext("float x __asm__(\"y\");"), "variable y"},
		{"another one by its symbol", ext("int x __asm__(\"y\");"), ext("float x __asm__(\"z\");"), ""},
		{"one of another unit that is not used", "extern int x; int g;", "extern float x; int g;", ""},
		{"a weak variable", ext("int x __attribute__((weak));"), ext("float x __attribute__((weak));"), "variable x"},
		{"a function pointer", "int (*x)(int);", "int (*x)(long);", "variable x"},
		{"a function pointer of another sign", "int (*x)(char);", "int (*x)(unsigned char);", "variable x"},
		{"a pointer to anything", "void *x;", "int *x;", "variable x"},
		{"characters of another sign", "char *x[2];", "unsigned char *x[2];", ""},
		{"an atomic variable that was none", "int x;", "_Atomic int x;", ""},
		{"an atomic structure that was none", "struct s { int a; } x;", "struct s { int a; }; _Atomic struct s x;", "variable x"},
		{"a variable of another enumeration", "enum e { A, B } x;", "enum f { C, D } x;", "variable x"},
		{"a variable of a renamed enumeration", "enum e { A, B } x;", "enum f { A, B, C } x;", ""},
		{"a variable of another nameless enumeration", "typedef enum { A, B } t; t x;", "typedef enum { C, D } u; u x;", "variable x"},
		{"a pointer to itself, renamed", "struct s { struct s *n; int a; } x;", "struct t { struct t *n; int a; } x;", ""},
		{"a pointer to itself, of another value", "struct s { struct s *n; int a; } x;", "struct t { struct t *n; float a; } x;", "variable x"},
		{"members renamed", "struct s { int a, b; }" + use, "struct s { int a, c; }" + use, "type struct s b=c"},
		{"members renamed and swapped", "struct s { int a, b, c; }" + use, "struct s { int a, c, b; }" + use, "type struct s"},
		{"a member by the name of another", "struct s { int a, b, c; }" + use, "struct s { int a, c, d; }" + use, "type struct s"},
		{"a member renamed, of another type", "struct s { int a, b; }" + use, "struct s { int a; float c; }" + use, "type struct s"},
		{
			"renamed within, swapped with outside", "struct s { int a; struct { int b; }; int c; }" + use,
			"struct s { int a; struct { int c; }; int b; }" + use, "type struct s",
		},
		{"renamed within", "struct s { int a; struct { int b; } u; }" + use, "struct s { int a; struct { int d; } u; }" + use, "type struct s b=d"},
		{"a bit field renamed", "struct s { int a; int b:3, c:4; }" + use, "struct s { int a; int d:3, c:4; }" + use, "type struct s b=d"},
		{"a member of a variable renamed", "struct { int a, b; } x;", "struct { int a, c; } x;", "variable x b=c"},
		{"a declared array that grew", "extern int x[]; int x[4];", "extern int x[]; int x[5];", "variable x"},
		{"a declared array with and without a bound", "extern int x[]; int x[4];", "extern int x[4]; int x[4];", ""},
		{"an array with and without a bound", "int x[] = {1, 2};", "int x[2] = {1, 2};", ""},
		{"a thread's variable of another type", "__thread int x;", "__thread float x;", "variable x"},
		{"a thread's declared variable", "extern __thread int x; __thread int x;", "extern __thread float x; __thread float x;", "variable x"},
		{"a variable by another name of its type", "typedef int t; t x;", "int x;", ""},
		{"a variable of a renamed typedef", "typedef int t; t *x[2];", "typedef int u; u *x[2];", ""},
		{"a variable of a renamed nameless structure", "typedef struct { int a; } t; t x;", "typedef struct { int a; } u; u x;", ""},
		{"a variable by another name of its structure", "typedef struct s { int a; } t; t x;", "struct s { int a; } x;", ""},
		{"a pointer to a renamed structure", "struct s { int a; } *x;", "struct t { int a; } *x;", ""},
		{"an integer that was an enumeration", "enum e { A } x;", "int x;", ""},
		{"integers of one size", "long x; char y;", "long long x; signed char y;", ""},
		{"rare numbers", rare("", "", "", ""), rare("", "", "", ""), ""},
		{"a greater complex number", rare("float", "", "", ""), rare("double", "", "", ""), "type struct s"},
		{"a complex number of integers", rare("float", "", "", ""), rare("int", "", "", ""), "type struct s"},
		{"a greater decimal number", rare("", "32", "", ""), rare("", "64", "", ""), "type struct s"},
		{"a great decimal number", rare("", "64", "", ""), rare("", "128", "", ""), "type struct s"},
		{"a decimal number", "_Decimal64 x;", "double x;", "variable x"},
		{"a complex integer", "_Complex int x;", "long x;", "variable x"},
		{"numbers of one size and encoding", "long double x;", "_Float128 x;", "variable x"},
		{"complex numbers of one size and encoding", "_Complex long double x;", "_Complex _Float128 x;", "variable x"},
		{"an atomic member", rare("", "", "int", ""), rare("", "", "float", ""), "type struct s"},
		{"behind an atomic pointer", rare("", "", "", "int"), rare("", "", "", "float"), "type struct s"},
		{"an atomic variable", "_Atomic int x;", "_Atomic float x;", "variable x"},
		{"an atomic variable by another name of its type", "typedef int t; _Atomic(t) x;", "_Atomic int x;", ""},
		{"an array of arrays turned", "int x[2][3];", "int x[3][2];", "variable x"},
		{"an array of another element", "struct s { int n; char d[]; }; struct s *x;", "struct s { int n; short d[]; }; struct s *x;", "type struct s"},
		{"a function pointer of another parameter", "struct s { int (*f)(int, ...); } x;", "struct s { int (*f)(long, ...); } x;", "type struct s"},
		{
			"another order of bytes", "struct s { int a; } x;", `struct s { int a; } __attribute__((scalar_storage_order("big-endian"))) x;`,
			"type struct s",
		},
		{
			"an order of single bytes", "struct s { signed char a; } x;", `struct s { signed char a; } __attribute__((scalar_storage_order("big-endian"))) x;`,
			"",
		},
		{"a truth value that was a byte", "_Bool x;", "unsigned char x;", "variable x"},
		{"a member by another name of its type", "typedef int t; struct s { t a; }" + use, "struct s { int a; }" + use, ""},
		{"a parameter by another name of its type", "typedef unsigned long t; int f(t a) { return a; }", "int f(const unsigned long a) { return a; }", ""},
		{"a parameter of another sign", "int f(int a) { return a; }", "int f(unsigned a) { return a; }", "signature f"},
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
		{
			"the name of a function of another length", "const char *f(void) { return __func__; }",
			"static const char *longer(void) { return __func__; } const char *f(void) { return longer(); }", "",
		},
		{"two types of a name, moved", local("int", "long"), local("long", "int"), ""},
		{"two types of a name, one changed", local("int", "long"), local("float", "long"), "type struct s"},
		{"a variable of the frame", "int f(void) { int x = 1; return x; }", "int f(void) { long x = 1; return x; }", ""},
		{"a block inside", "int f(int a) { { int q = a; return q; } }", "int f(int a) { { long q = a; return q; } }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range layout.Compare(read(t, tt.before), read(t, tt.after)) {
				text := string(c.Kind) + " " + c.Name
				for _, r := range c.Renamed {
					text += " " + r.Old + "=" + r.New
				}
				got = append(got, text)
			}
			if strings.Join(got, ",") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// ext is a unit that uses x, which another one defines; declaration says as what.
func ext(declaration string) string {
	return "extern " + declaration + " const volatile void *f(void) { return &x; }"
}

func inBody(declaration string) string {
	return "const volatile void *f(void) { extern " + declaration + " return &x; }"
}

func hidden(typ string) string { return " int g(void) { static " + typ + " x; return x++; }" }

func inlined(typ string) string {
	return "static inline __attribute__((always_inline)) int g(int a) { static " + typ + " x; x += a; return x; } int f(void) { return g(1) + g(2); }"
}

// A changed enumerator is named with its place, in each form that compilers write values and places in; where a value that
// needs another form comes in behind, nothing changed.
func TestEnumerators(t *testing.T) {
	const head = "int pad;\nenum state "
	for _, cc := range []string{"gcc", "clang"} {
		testkit.Require(t, cc)
		for _, flag := range []string{"-gdwarf-4", "-gdwarf-5"} {
			t.Run(cc+" "+flag, func(t *testing.T) {
				for _, list := range []string{"", ", N = 200", ", N = -200", ", N = 70000", ", N = 0x7fffffff"} {
					before := readWith(t, cc, flag, head+"{ A = -1, B = 130, C = 60000, D = 1 << 30, COUNT } x;")
					after := readWith(t, cc, flag, head+"{ A = -1, B = 130, C = 60000, D = 1 << 30, COUNT"+list+" } x;")
					if got := layout.Compare(before, after); len(got) > 0 {
						t.Errorf("%q: %+v", list, got)
					}
				}
				got := layout.Compare(readWith(t, cc, flag, head+"{ A, B, C } x;"), readWith(t, cc, flag, head+"{ A, N, B, C } x;"))
				want := layout.Change{Kind: layout.Enumerator, Name: "B", Before: "1", After: "2", Of: "enum state", Declared: "u.c:2", More: 1}
				if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// variable has a structure whose size is known when it runs only.
const variable = `
int f(int n)
{
	struct s { int i[n]; int a; } x[2];
	int g(struct s *p) { return p->a; }
	x[1].a = n;
	return g(x);
}
`

func inlinedEnum(list string) string {
	return "static inline __attribute__((always_inline)) int g(int a) { enum { " + list + " }; return a + B; } int f(int a) { return g(a) + g(2); }"
}

func blocks(first, second string) string {
	return "int f(void) { enum { A = " + first + " }; return A; } int g(void) { enum { A = " + second + " }; return A; }"
}

// rare is a structure of numbers that few programs use, some of another type than usual.
func rare(complex, decimal, atomic, pointer string) string {
	return fmt.Sprintf(`
struct s {
	_Complex %s a;
	_Decimal%s b;
	_Atomic %s c;
	%s *_Atomic d;
	_Complex int e;
	_Complex long double f;
} x;
int f(struct s *p) { return p->c; }
`,
		cmp.Or(complex, "float"), cmp.Or(decimal, "32"), cmp.Or(atomic, "int"), cmp.Or(pointer, "int"))
}

// A fixed-point number is one of a program in a language that few compilers know.
func TestReadRefuses(t *testing.T) {
	testkit.Require(t, "clang")
	for _, flag := range []string{"-gdwarf-4", "-gdwarf-5"} {
		for _, source := range []string{"_Accum x;", "struct s { struct { unsigned _Fract c[3]; } *p; } x;"} {
			d, err := compile(t, source, "clang", "-ffixed-point", flag).DWARF()
			if err != nil {
				t.Fatal(err)
			}
			if u, err := layout.Read(d); u != nil || err == nil || !strings.Contains(err.Error(), "which is not known") {
				t.Errorf("%s %s: %v", flag, source, err)
			}
		}
	}
}

// TestCompareComplexIntegers: compilers describe neither the name of complex integers nor whether they have a sign.
func TestCompareComplexIntegers(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		testkit.Require(t, cc)
		for _, tt := range []struct {
			before, after string
			same          bool
		}{
			{"_Complex int x;", "_Complex int x;", true},
			{"_Complex int x;", "_Complex unsigned x;", true},
			{"_Complex long x;", "_Complex unsigned long long x;", true},
			{"int f(_Complex short *p) { return __real__ *p; }", "int f(_Complex unsigned short *p) { return __real__ *p; }", true},
			{"_Complex int x;", "_Complex long x;", false},
			{"_Complex unsigned x;", "unsigned long x;", false},
			{"_Complex int x;", "_Complex float x;", false},
			{"_Complex char x;", "char x[2];", false},
			{"_Complex short x;", "struct { short real, imaginary; } x;", false},
			{"int f(_Complex unsigned x) { return __real__ x; }", "int f(_Complex long x) { return __real__ x; }", false},
		} {
			for _, flag := range []string{"-gdwarf-4", "-gdwarf-5"} {
				changes := layout.Compare(readWith(t, cc, flag, tt.before), readWith(t, cc, flag, tt.after))
				if (len(changes) == 0) != tt.same {
					t.Errorf("%s %s: %s -> %s: %+v", cc, flag, tt.before, tt.after, changes)
				}
			}
		}
	}
}

func local(first, second string) string {
	return "int f(void) { struct s { " + first + " a; } v = { 1 }; return v.a; } int g(void) { struct s { " + second + " a; } v = { 1 }; return v.a; }"
}

// DWARF 2 has expressions for the places of members.
func TestCompareExpressions(t *testing.T) {
	testkit.Require(t, "gcc")
	const flag, a, b = "-gdwarf-2", "struct s { char p[300]; int a, b; } x;", "struct s { char p[300]; int b, a; } x;"
	if got := layout.Compare(readWith(t, "gcc", flag, a), readWith(t, "gcc", flag, a)); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if got := layout.Compare(readWith(t, "gcc", flag, a), readWith(t, "gcc", flag, b)); len(got) != 1 || got[0].Before != "308 bytes, … int a @300" {
		t.Errorf("%+v", got)
	}
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
		if got := readWith(t, "gcc", flag, source).Empty(); got != want {
			t.Errorf("%s: empty %v, want %v", flag, got, want)
		}
	}
}

// Base classes are parts of an object like members; static members are none. With a destructor of its own it is passed by address.
func TestBases(t *testing.T) {
	testkit.Require(t, "g++", "clang++")
	const bases, use = "struct x { int a; }; struct y { int b; }; ", " s v;"
	for _, tt := range []struct{ name, before, after, was, is string }{
		{"the same", "struct s: x, y { int c; };", "struct s: x, y { int c; };", "", ""},
		{"two change places", "struct s: x, y { int c; };", "struct s: y, x { int c; };", "struct x base class @0", "struct y base class @0"},
		{"another one", "struct s: x { int c; };", "struct s: y { int c; };", "struct x base class @0", "struct y base class @0"},
		{"a member becomes one", "struct s { x u; int c; };", "struct s: x { int c; };", "struct x u @0", "struct x base class @0"},
		{
			"two virtual ones change places", "struct s: virtual x, virtual y { int c; };", "struct s: virtual y, virtual x { int c; };",
			"struct x virtual base @0", "struct y virtual base @0",
		},
		{"a destructor comes", "struct s: x { int c; };", "struct s: x { int c; ~s(); };", "no more members", "objects passed by address @0"},
		{"a destructor goes", "struct s { int c; ~s(); };", "struct s { int c; };", "objects passed by address @0", "no more members"},
		{"what is a destructor anyway", "struct s: x { int c; };", "struct s: x { int c; ~s() = default; };", "", ""},
		{"a new static member", "struct s: x { int c; };", "struct s: x { int c; static int d; };", "", ""},
	} {
		for _, compiler := range [][2]string{{"g++", "-g"}, {"g++", "-gdwarf-4"}, {"clang++", "-g"}} {
			t.Run(tt.name+" "+compiler[0]+compiler[1], func(t *testing.T) {
				before := readWith(t, compiler[0], compiler[1], bases+tt.before+use)
				var was, is string
				for _, c := range layout.Compare(before, readWith(t, compiler[0], compiler[1], bases+tt.after+use)) {
					was, is = was+c.Before, is+c.After
				}
				_, was, _ = strings.Cut(was, ", … ")
				_, is, _ = strings.Cut(is, ", … ")
				if was != tt.was || is != tt.is {
					t.Errorf("was %q, is %q", was, is)
				}
			})
		}
	}
}
