package diffasm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/test/testkit"
)

// numbering is what the sources of these tests begin with.
const numbering = `#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define HERE(n) CAT(n, __LINE__)
extern void a(void), b(void), c(void), use(void *);
`

// init1 declares a function and a variable that holds its address.
const init1 = "#define INIT(n) static void HERE(n_)(void); " +
	"static void (*const n)(void) __attribute__((used, section(\"calls\"))) = HERE(n_); " +
	"static void HERE(n_)(void)\n"

// pasted is a macro that pastes the numbers of functions together of its own and of what it is called with.
func pasted(value string) string {
	return "#define F(n) __attribute__((used)) static int n_##n(void) { return " + value + "; }\n#define F10(n) F(n##0) F(n##1)\n"
}

// counted is a macro that numbers the functions it makes.
func counted(calls string) string {
	return `#define M(f) M_(f, __COUNTER__)
#define M_(f, n) M__(f, n)
#define M__(f, n) __attribute__((used)) static void n_##n(void) { f(); }
#define MM ` + calls + "\n"
}

// TestMacroFunctions pairs functions with names that macros made, by the lines that declare them.
func TestMacroFunctions(t *testing.T) {
	for _, row := range []struct{ name, before, after, want string }{
		{
			"one changes", "INIT(x)\n{\n\ta();\n}\nINIT(y)\n{\n\tb();\n}\n", "\n\n\n\nINIT(x)\n{\n\ta();\n}\nINIT(y)\n{\n\tc();\n}\n",
			"n_10=n_6 unchanged, n_14=n_10 changed",
		},
		{
			"one comes before", "INIT(x)\n{\n\ta();\n}\nINIT(y)\n{\n\tb();\n}\n", "INIT(z)\n{\n\tc();\n}\nINIT(x)\n{\n\ta();\n}\nINIT(y)\n{\n\tb();\n}\n",
			"n_6= new, n_10=n_6 unchanged, n_14=n_10 unchanged",
		},
		{
			"one takes the place of two", "INIT(x)\n{\n\ta();\n}\nINIT(y)\n{\n\tb();\n}\n", "INIT(z)\n{\n\tc();\n}\n",
			"n_6= new, n_6=n_6 gone, n_10=n_10 gone",
		},
		{
			"the only one, and its line changes", "INIT(x) { a(); }\n", "INIT(x) { b(); }\n",
			"n_6=n_6 changed",
		},
		{
			"static locals", `INIT(x)
{
	static int n;
	if (n++) a();
}
INIT(y)
{
	static int n;
	if (n++) b();
}
`,
			`




INIT(x)
{
	static int n;
	if (n++) a();
}
INIT(y)
{
	static int n;
	if (n++ > 7) b();
}
`,
			"n_11=n_6 unchanged, n_16=n_11 changed; 13=8 18=13",
		},
		{
			"one line makes two names of numbers that its macro has", pasted("n + 1") + "F10(1)\n", pasted("n + 2") + "F10(1)\n",
			"n_10=n_10 changed, n_11=n_11 changed",
		},
		{
			"and swaps what has them", counted("M(a) M(b)") + "MM\n", counted("M(b) M(a)") + "MM\n",
			"n_0= new, n_1= new, n_0=n_0 gone, n_1=n_1 gone",
		},
		{
			"they say their line", "INIT(x)\n{\n\tuse((void *)__LINE__);\n}\n", "\nINIT(x)\n{\n\tuse((void *)__LINE__);\n}\n",
			"n_7=n_6 line-only",
		},
	} {
		for _, cc := range []string{"gcc", "clang"} {
			t.Run(cc+"/"+row.name, func(t *testing.T) {
				testkit.Require(t, cc)
				before, after := numbering+init1+row.before, numbering+init1+row.after
				lines := lineMap(before, after)
				o, p := compileSource(t, cc, "-O2 -g", before), compileSource(t, cc, "-O2 -g", after)
				restored, _ := tryCompile(t, cc, "-O2 -g", restored(lines))
				for _, r := range []*debuginfo.Unit{nil, restored} {
					if r == nil && strings.Contains(row.want, string(LineOnly)) {
						continue
					}
					d, err := Matching{Sources: func(string) *correlate.SourceFile { return lines }}.Match(o, p, r)
					if err != nil {
						t.Fatal(err)
					}
					var got []string
					for _, f := range d.Functions {
						got = append(got, fmt.Sprintf("%s=%s %s", f.Name, f.Orig, f.Status))
					}
					if diff := cmp.Diff(row.want, strings.TrimSuffix(strings.Join(got, ", ")+"; "+fates(d), "; ")); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				}
			})
		}
	}
}
