package diffasm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

const numbering = "#define CAT_(a, b) a##b\n#define CAT(a, b) CAT_(a, b)\n#define HERE(n) CAT(n, __LINE__)\nextern void a(void), b(void), c(void), use(void *);\n"

// macroNameRows are sources with names that macros make of __LINE__ or __COUNTER__. What becomes of each of the variables that are
// named in from is written as NAME=NAME of the original, "new", "?" or a reason code; code is what Decide says.
var macroNameRows = []struct{ name, before, after, want, code string }{
	{
		name:   "they move on to each other's names",
		before: "static int HERE(n_);\nint *f(void) { return &n_5; }\nstatic int HERE(n_);\nint *g(void) { return &n_7; }\n",
		after:  "\n\nstatic int HERE(n_);\nint *f(void) { return &n_7; }\nstatic int HERE(n_);\nint *g(void) { return &n_9; }\n",
		want:   "n_7=n_5 n_9=n_7",
	},
	{
		name:   "they move by one",
		before: "#define M(f) static int HERE(n_); int *f(void) { return &HERE(n_); }\nM(f)\nM(g)\nM(h)\nint k(int x) { return x; }\n",
		after:  "#define M(f) static int HERE(n_); int *f(void) { return &HERE(n_); }\n\nM(f)\nM(g)\nM(h)\nint k(int x) { return x + 1; }\n",
		want:   "n_7=n_6 n_8=n_7 n_9=n_8",
	},
	{
		name:   "one comes between them",
		before: "#define M(f) static int HERE(n_); int *f(void) { return &HERE(n_); }\nM(f)\nM(g)\n",
		after:  "#define M(f) static int HERE(n_); int *f(void) { return &HERE(n_); }\nM(f)\nM(h)\nM(g)\n",
		want:   "n_6=n_6 n_7=new n_8=n_7",
	},
	{
		name:   "by a counter",
		before: "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\nM(f)\nM(g)\n",
		after:  "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\nM(f)\nM(h)\nM(g)\n",
		want:   "n_0=n_0 n_1=new n_2=n_1",
	},
	{
		name:   "the call of the macro says the number",
		before: "#define M(n) static int n_##n; int *n(void) { return &n_##n; }\nM(x1)\nM(x2)\n",
		after:  "#define M(n) static int n_##n; int *n(void) { return &n_##n; }\nM(x2)\nM(x1)\n",
		want:   "n_x1=n_x1 n_x2=n_x2",
	},
	{
		name:   "moved by hand, by a counter",
		before: "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\nM(f)\nM(g)\nM(h)\n",
		after:  "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\nM(k)\nM(h)\nM(f)\n",
		want:   "n_0=? n_1=n_2 n_2=?", code: "static-ambiguous",
	},
	{
		name:   "one line declares two",
		before: "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\n#define MM(f, g) M(f) M(g)\nMM(f, g)\nint k(void) { return 1; }\n",
		after:  "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\n#define MM(f, g) M(f) M(g)\nMM(f, g)\nint k(void) { return 2; }\n",
		want:   "n_0=n_0 n_1=n_1",
	},
	{
		name:   "one line declares two, and another comes before",
		before: "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\n#define MM(f, g) M(f) M(g)\nMM(f, g)\n",
		after:  "#define M(f) M_(f, __COUNTER__)\n#define M_(f, n) M__(f, n)\n#define M__(f, n) static int n_##n; int *f(void) { return &n_##n; }\n#define MM(f, g) M(f) M(g)\nM(h)\nMM(f, g)\n",
		want:   "n_0=? n_1=? n_2=?", code: "static-ambiguous",
	},
	{
		name:   "the only one, and its line changes",
		before: "#define M(v) static int HERE(n_) = v; int *f(void) { return &HERE(n_); }\nM(3)\n",
		after:  "#define M(v) static int HERE(n_) = v; int *f(void) { return &HERE(n_); }\nM(4)\n",
		want:   "n_6=n_6", code: "data-changed",
	},
	{
		name:   "static locals of a function that changes",
		before: "#define ONCE(x) ({ static int HERE(n_); HERE(n_) += (x); })\nint f(int x)\n{\n\tx += ONCE(x);\n\tx ^= ONCE(x);\n\treturn x;\n}\n",
		after:  "#define ONCE(x) ({ static int HERE(n_); HERE(n_) += (x); })\nint f(int x)\n{\n\tx++;\n\tx += ONCE(x);\n\tx ^= ONCE(x);\n\treturn x;\n}\n",
		want:   "n_10=n_9 n_9=n_8",
	},
	{
		name:   "static locals of inlined functions",
		before: "#define ONCE(x) ({ static int HERE(n_); HERE(n_) += (x); })\nstatic int g(int x) { return ONCE(x); }\nstatic int h(int x) { return ONCE(x); }\nint f(int x) { return g(x) - h(x); }\n",
		after:  "#define ONCE(x) ({ static int HERE(n_); HERE(n_) += (x); })\n\nstatic int g(int x) { return ONCE(x); }\nstatic int h(int x) { return ONCE(x); }\nint f(int x) { return g(x) - h(x) + 1; }\n",
		want:   "n_7=n_6 n_8=n_7",
	},
	{
		name:   "nameless variables that they hold",
		before: "#define AT(f) static void **HERE(cb_) __attribute__((used, section(\"calls\"))) = (void *[]){ (void *)f }\nAT(a);\nAT(b);\nAT(c);\n",
		after:  "#define AT(f) static void **HERE(cb_) __attribute__((used, section(\"calls\"))) = (void *[]){ (void *)f }\n\nAT(a);\nAT(b);\nAT(c);\n",
		want:   "cb_7=cb_6 cb_8=cb_7 cb_9=cb_8",
	},
	{
		name:   "the original kept nothing of one",
		before: "#define M(f) static int HERE(n_); void f(int x) { HERE(n_) = x; }\nM(f)\nint k(void) { return 1; }\n",
		after:  "#define M(f) static int HERE(n_); void f(int x) { HERE(n_) = x; }\n\nM(f)\nint k(void) { return n_7; }\n",
		want:   "n_7=static-lost", code: "static-lost",
	},
}

// TestMacroNames pairs variables by the lines that declare them, where their names are those of others in the original.
func TestMacroNames(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, row := range macroNameRows {
			t.Run(cc+"/"+row.name, func(t *testing.T) {
				testkit.Require(t, cc)
				before, after := numbering+row.before, numbering+row.after
				lines := lineMap(before, after)
				o, p := compileSource(t, cc, "-O2 -g", before), compileSource(t, cc, "-O2 -g", after)
				restored, _ := tryCompile(t, cc, "-O2 -g", restored(lines))
				for _, r := range []*debuginfo.Unit{nil, restored} {
					d, err := Matching{Sources: func(string) *correlate.SourceFile { return lines }}.Match(o, p, r)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(row.want, macroFates(d)); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
					_, err = Decide(d, Options{})
					code := ""
					if e := fault.As(err); e != nil {
						code = e.Code
					}
					if code != row.code {
						t.Errorf("Decide: got %q (%v), want %q", code, err, row.code)
					}
				}
			})
		}
	}
}

// restored is the patched text with the line numbers of the original.
func restored(s *correlate.SourceFile) string {
	var b strings.Builder
	last := 0
	for i, line := range s.After {
		if old := s.Origin[i]; old > 0 {
			if old != last+1 {
				fmt.Fprintf(&b, "#line %d \"a.c\"\n", old)
			}
			last = old
		} else {
			last = -2
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// macroFates says by their names in the source which variable of the original each is that macros made.
func macroFates(d *Delta) string {
	is := d.patched.Declarations().BySymbol
	var list []string
	for _, v := range d.Variables {
		p := is[v.Name]
		if v.Status == Gone || p == nil || !strings.Contains(p.Name, "_") {
			continue
		}
		list = append(list, fmt.Sprintf("%s=%s", p.Name, fate(d, v.Name, v.Orig, func(o *debuginfo.Declaration) string { return o.Name })))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
