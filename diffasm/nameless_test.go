package diffasm

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

const twoLiterals = "static int *const p = (int[]){0};\nstatic int *const q = (int[]){0};\nextern void use(void);\n"

// namelessRows are sources with compound literals at file level. In the patch, function f has to use those that the functions
// named in as use in the original; or the patch is refused with a code.
var namelessRows = []struct{ name, before, after, as, code string }{
	{
		name:   "another one comes before them",
		before: twoLiterals + "int f(int x) { return p[0] += x; }\nint g(int x) { return q[0] -= x; }\nint h(int x) { return p[0] - q[0]; }\n",
		after:  "static int *const n = (int[]){0};\nint *k(void) { return n; }\n" + twoLiterals + "int f(int x) { use(); return p[0] += x; }\nint g(int x) { return q[0] -= x; }\nint h(int x) { return p[0] - q[0]; }\n",
		as:     "f",
	},
	{
		name:   "they swap places",
		before: twoLiterals + "int f(int x) { return p[0] += x; }\nint g(int x) { return q[0] -= x; }\nint h(int x) { return p[0] - q[0]; }\n",
		after:  "static int *const q = (int[]){0};\nstatic int *const p = (int[]){0};\nextern void use(void);\nint f(int x) { use(); return p[0] += x; }\nint g(int x) { return q[0] -= x; }\nint h(int x) { return p[0] - q[0]; }\n",
		as:     "f",
	},
	{
		name:   "nothing but their users tells which is which, and these were edited",
		before: twoLiterals + "int f(int x) { return p[0] += x; }\nint g(int x) { return q[0] -= x; }\n",
		after:  twoLiterals + "int f(int x) { use(); return p[0] += x; }\nint g(int x) { return p[0] -= x; }\n",
		code:   "static-unproved",
	},
	{
		name:   "the only user was edited and looks the same",
		before: twoLiterals + "int f(int x) { return p[0] += x; }\n",
		after:  twoLiterals + "int f(int x) { return q[0] += x; }\n",
		code:   "static-unproved",
	},
	{
		name:   "pointers that can be written hold them",
		before: "static int *p = (int[]){0};\nstatic int *q = (int[]){0};\nint f(void) { return p++ - q++; }\n",
		after:  "static int *q = (int[]){0};\nstatic int *p = (int[]){0};\nint f(void) { return p++ - q++ + 1; }\n",
		as:     "f",
	},
	{
		name:   "constants that are compared by address",
		before: "static const int *const p = (const int[]){1, 2};\nstatic const int *const q = (const int[]){1, 2};\nextern void use(void);\nint f(const int *x) { return x == p; }\nint g(const int *x) { return x == q; }\nint h(const int *x) { return x == p || x == q + 1; }\n",
		after:  "static const int *const q = (const int[]){1, 2};\nstatic const int *const p = (const int[]){1, 2};\nextern void use(void);\nint f(const int *x) { use(); return x == p; }\nint g(const int *x) { return x == q; }\nint h(const int *x) { return x == p || x == q + 1; }\n",
		as:     "f",
	},
	{
		name:   "constants that nothing tells apart",
		before: "static const int *const p = (const int[]){1, 2};\nstatic const int *const q = (const int[]){1, 2};\nextern void use(void);\nint f(const int *x) { return x == p || x == q + 1; }\n",
		after:  "static const int *const p = (const int[]){1, 2};\nstatic const int *const q = (const int[]){1, 2};\nextern void use(void);\nint f(const int *x) { use(); return x == p || x == q; }\n",
		code:   "static-ambiguous",
	},
}

// TestNameless binds compound literals at file level to those of the original.
func TestNameless(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, row := range namelessRows {
			t.Run(cc+"/"+row.name, func(t *testing.T) {
				testkit.Require(t, cc)
				lines := lineMap(row.before, row.after)
				o, p := compileSource(t, cc, "-O2 -g", row.before), compileSource(t, cc, "-O2 -g", row.after)
				for _, r := range []*debuginfo.Unit{nil, compileSource(t, cc, "-O2 -g", restored(lines))} {
					d, err := Matching{Sources: func(string) *correlate.SourceFile { return lines }}.Match(o, p, r)
					if err != nil {
						t.Fatal(err)
					}
					names, code := boundIn(t, d)
					if code != row.code {
						t.Fatalf("got %q, want %q", code, row.code)
					}
					if diff := cmp.Diff(nameless(o, row.as), names); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				}
			})
		}
	}
}

// boundIn returns the nameless variables that f uses in the patch, or why there is none.
func boundIn(t *testing.T, d *Delta) (names []string, code string) {
	s, err := Decide(d, Options{})
	if e := fault.As(err); e != nil {
		return nil, e.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := Emit(s)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(e.Statics, func(n string) bool { return slices.Contains(d.Unproved, n) }) {
		return nil, "static-unproved"
	}
	back, err := Parse("patch.s", e.Asm)
	if err != nil {
		t.Fatal(err)
	}
	return nameless(back, "f.kpatch"), ""
}

// nameless lists the nameless variables that a function uses.
func nameless(f *debuginfo.Unit, fn string) (names []string) {
	if f.FunctionByName[fn] == nil {
		return nil
	}
	canon.Walk(f.File, f.FunctionByName[fn], func(n string) {
		if asm.IsNameless(n) && !strings.HasSuffix(n, ".kpnew") {
			names = append(names, n)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}
