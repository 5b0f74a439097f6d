package diffasm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
	"gocare/internal/test/testkit"
)

// compiled parses a C source as a compiler writes it.
func compiled(t *testing.T, cc, level, source string) *debuginfo.Unit {
	t.Helper()
	testkit.Require(t, cc)
	path := filepath.Join(t.TempDir(), "u.c")
	testkit.WriteFile(t, path, source)
	out, err := exec.Command(cc, "-w", level, "-S", "-o", path+".s", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(path + ".s")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(&arch.X86_64, "u.s", text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var compilers = [][2]string{{"gcc", "-O0"}, {"gcc", "-O2"}, {"clang", "-O0"}, {"clang", "-O2"}}

// Ways by which the address of a label leaves a function; and such as only look like that, where the code shows it.
func TestLabelEscapes(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		kept         string // compilers and levels that show that it stays
	}{
		{"in the middle of a structure", `
struct op { long n; long m; void *go; long z; };
void keep(struct op *);
int f(int x) {
 struct op op = { x, 2, x > 3 ? &&many : &&few, 0 };
 keep(&op);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"of a table, in the middle of a structure", `
struct op { long n; long m; void *go; long z; };
void keep(struct op *);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op = { x, 2, tab[x & 1], 0 };
 keep(&op);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"the table, in the middle of a structure", `
struct op { long n; long m; void *const *go; long z; };
void keep(struct op *);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op = { x, 2, tab, 0 };
 keep(&op);
 goto *op.go[x & 1];
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in the middle of an array", `
void keep(void **);
int f(int x) {
 void *t[4] = { 0, 0, &&few, &&many };
 keep(t);
 goto *t[2 + (x & 1)];
few: return x * 31;
many: return x * 37;
}`, ""},
		{"before the member that is passed", `
struct op { void *go; long m; };
void keep(long *);
int f(int x) {
 struct op op = { x > 3 ? &&many : &&few, 2 };
 keep(&op.m);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure passed by value", `
struct op { long n; long m; void *go; long z; };
void keep(struct op);
int f(int x) {
 struct op op = { x, 2, x > 3 ? &&many : &&few, 0 };
 keep(op);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure returned in registers", `
struct op { long n; void *go; };
struct op f(int x) {
 struct op op = { x, x > 3 ? &&many : &&few };
 if (x > 100) return op;
 goto *op.go;
few: op.n = x * 31; return op;
many: op.n = x * 37; return op;
}`, ""},
		{"in a structure returned in memory", `
struct op { long n; long m; void *go; long z; };
struct op g;
int f2(int);
struct op f(int x) {
 struct op op = { x, 2, x > 3 ? &&many : &&few, 0 };
 if (x > 100) return op;
 goto *op.go;
few: op.n = x * 31; return op;
many: op.n = x * 37; return op;
}`, ""},
		{"in a structure copied by vectors", `
struct op { void *a; void *b; };
struct op g;
int f(int x) {
 struct op op = { &&few, &&many };
 if (x > 100) g = op;
 goto *(x & 1 ? op.a : op.b);
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure copied by memcpy", `
#include <string.h>
struct op { long n; long m; void *go; long z; };
struct op g;
int f(int x) {
 struct op op = { x, 2, x > 3 ? &&many : &&few, 0 };
 if (x > 100) memcpy(&g, &op, sizeof g);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a vector register", `
void keep(double);
int f(int x) {
 union { void *p; double d; } u; u.p = x > 3 ? &&many : &&few;
 keep(u.d);
 goto *u.p;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"the distance of two", `
static int kept;
int f(int x) {
 int off = (char*)&&many - (char*)&&few;
 if (!kept) kept = off;
 goto *((char*)&&few + (x > 3 ? kept : 0));
few: return x * 31;
many: return x * 37;
}`, "clang-O2"},
		{"the ninth argument", `
int keep(int, ...);
int f(int x) {
 void *p = x > 3 ? &&many : &&few;
 keep(1, 2, 3, 4, 5, 6, 7, 8, p, 9);
 goto *p;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure that another one points to", `
struct in { long a; void *go; }; struct out { long q; struct in *in; };
void keep(struct out *);
int f(int x) {
 struct in in = { 1, x > 3 ? &&many : &&few };
 struct out out = { 3, &in };
 keep(&out);
 goto *in.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"of a table, in a structure passed by value", `
struct op { long n; long m; void *go; long z; };
void keep(struct op);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op = { x, 2, tab[x & 1], 0 };
 keep(op);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a large structure passed by value", `
struct op { long n; long m; void *go; long z[30]; };
void keep(struct op, int, int, int, int, int, int);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op = { x, 2, tab[x & 1], {x} };
 keep(op, x, x, x, x, x, x);
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"the eighth argument", `
struct op { long n; long m; void *go; long z; };
void keep(struct op, struct op, int, int);
int g(int, int, int, int, int, int, int, void *, int, int);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 void *go = tab[x & 1];
 x += g(1, 2, 3, 4, 5, 6, 7, go, 9, x);
 goto *go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure that was passed before", `
struct op { long n; void *go; };
void init(struct op *); void run(void);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op;
 init(&op);
 op.go = tab[x & 1];
 run();
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"in a structure whose address is kept", `
struct op { long n; void *go; };
struct op *g; void run(void);
int f(int x) {
 static void *const tab[] = { &&few, &&many };
 struct op op = { x, 0 };
 g = &op;
 op.go = tab[x & 1];
 run();
 goto *op.go;
few: return x * 31;
many: return x * 37;
}`, ""},
		{"beside a variable that is passed", `
void use(long *);
int f(int x) {
 long buf[4] = { x, x, x, x };
 static void *const tab[] = { &&few, &&many };
 void *p = tab[x & 1];
 use(buf);
 goto *p;
few: return x * 31 + buf[0];
many: return x * 37 + buf[1];
}`, "gcc-O2 clang-O2"},
		{"of an interpreter", `
struct v { long a, b; };
void use(struct v *, struct v *); int next(const unsigned char **);
int f(const unsigned char *pc, int n) {
 static const void *const tab[] = { &&a, &&b, &&c, &&d, &&e };
 struct v v = { n, n }, w = { 1, 2 }; long acc = 0, k = n, q = 3, r = 5, s = 7, t= 9;
 #define NEXT goto *tab[next(&pc)]
 NEXT;
a: use(&v, &w); acc += v.a * 31 + k; k += q; NEXT;
b: use(&w, &v); acc -= w.b; q ^= r; NEXT;
c: acc ^= k * s; s += t; r -= acc; NEXT;
d: t += s * r; use(&v, &v); NEXT;
e: return acc + k + q + r + s + t + v.a + w.b;
}`, "gcc-O0 gcc-O2 clang-O2"},
	} {
		for _, c := range compilers {
			t.Run(tt.name+"/"+c[0]+c[1], func(t *testing.T) {
				f := compiled(t, c[0], c[1], tt.source)
				p := labelEscapes(f.File, f.FunctionByName["f"])
				if kept := strings.Contains(tt.kept, c[0]+c[1]); kept != (p == nil) {
					t.Errorf("got %+v", p)
				}
			})
		}
	}
}

// The same for the address of a constant.
func TestConstantEscapes(t *testing.T) {
	const head = `static const int k[] = { 1, 2, 3, 4 };
void keep(); int puts(const char *); int memcmp(const void *, const void *, unsigned long);
`
	for _, tt := range []struct {
		name, source string
		escapes      bool
	}{
		{"read", "int f(int x) { return k[x & 3]; }", false},
		{"passed to the library", "int f(int x) { return memcmp(k, &x, 4); }", false},
		{"passed", "int f(int x) { keep(k); return x; }", true},
		{"passed, its middle", "int f(int x) { keep(k + x); return x; }", true},
		{"the ninth argument", "int f(int x) { keep(1, 2, 3, 4, 5, 6, 7, 8, k, x); return x; }", true},
		{"in a structure that is passed", "struct s { long a; const int *p; } s; int f(int x) { struct s s = { x, k }; keep(&s); return x; }", true},
		{
			"in a structure passed by value",
			"struct s { long a, b; const int *p; }; void take(struct s); int f(int x) { struct s s = { x, x, k }; take(s); return x; }",
			true,
		},
		{"in a structure returned in registers", "struct s { long a; const int *p; }; struct s f(int x) { struct s s = { x, k }; return s; }", true},
		{"in a structure returned in memory", "struct s { long a, b; const int *p; }; struct s f(int x) { struct s s = { x, x, k }; return s; }", true},
		{"stored", "const int *kept; int f(int x) { kept = k; return x; }", true},
		{"compared", "int f(const int *x) { return x == k; }", true},
	} {
		for _, c := range compilers {
			t.Run(tt.name+"/"+c[0]+c[1], func(t *testing.T) {
				f := compiled(t, c[0], c[1], head+tt.source)
				if p := constantEscapes(f.File, f.FunctionByName["f"], "k", true); (p != nil) != tt.escapes {
					t.Errorf("got %+v", p)
				}
			})
		}
	}
}

// An argument on the stack is one even if what takes it from there reads it.
func TestPushedArgument(t *testing.T) {
	f, err := Parse(&arch.X86_64, "u.s", []byte(asmText("f", "\tleaq\t.L1(%rip), %rax\n\tpushq\t%rax\n\tcall\tkeep\n\tpopq\t%rcx\n.L1:")))
	if err != nil {
		t.Fatal(err)
	}
	if labelEscapes(f.File, f.FunctionByName["f"]) == nil {
		t.Error("no escape")
	}
}
