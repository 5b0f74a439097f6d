package diffasm_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// change is a change of a C source and what has to become of it.
type change struct {
	name     string
	cc       string // gcc if empty
	flags    string
	orig     string
	patched  string
	has      string   // a construct the assembly of the original must show, else the row tests nothing
	want     []string // name:status of every function that is not unchanged
	contains []string // in the emitted assembly
	lacks    []string
	code     fault.Code // refusal
	unproved string
}

const twoUsers = `__attribute__((noinline)) int k(int x) { return x + 1; }
int f(int x) { static int n; n += x; return k(n); }
int g(int x) { static int n; n -= x; return k(n); }
`

const writeOnly = `static int last;
void set(int v) { last = v; }
int get(int x) { return x; }
`

var changes = []change{
	{
		name: "function renamed, its static may go with it", flags: "-O0", orig: twoUsers, has: "n.1",
		patched: strings.Replace(twoUsers, "int f(", "int e(int x) { static int n = 3; return n += x; }\nint f(int x) { return e(x); }\nint f2(", 1),
		want:    []string{"e:new", "f:changed", "f2:new"},
		code:    "static-ambiguous", unproved: "n.0",
	},
	{
		name: "renumbered static of a changed function", flags: "-O2", orig: twoUsers, has: "n.1",
		patched:  "int e(int x) { static int n = 3; return n += x; }\n" + strings.Replace(twoUsers, "n += x", "n += 2 * x + e(x)", 1),
		want:     []string{"e:new", "f:changed"},
		contains: []string{"n.1(%rip)", "n.2.kpnew:"}, unproved: "n.0 n.1",
	},
	{
		name: "thread-local static of a changed function, debug information", flags: "-O2 -g", has: "n.1@tpoff",
		orig:    strings.ReplaceAll(twoUsers, "static int", "static __thread int"),
		patched: strings.ReplaceAll(strings.Replace(twoUsers, "n += x", "n += 2 * x", 1), "static int", "static __thread int"),
		want:    []string{"f:changed"}, contains: []string{"n.1@tpoff"},
	},
	{
		name: "static moves to another function, debug information", flags: "-O2 -g", orig: `int f(int x) { static int n; n += x; return n; }
int g(int x) { return x; }
`, has: "n.0",
		patched: `int f(int x) { return x; }
int g(int x) { static int n; n += x; return n; }
`,
		want: []string{"f:changed", "g:changed"}, contains: []string{"n.0.kpnew:"}, lacks: []string{"n.0(%rip)"},
	},
	{
		name: "static moves to another function", flags: "-O2", orig: `int f(int x) { static int n; n += x; return n; }
int g(int x) { return x; }
`, has: "n.0",
		patched: `int f(int x) { return x; }
int g(int x) { static int n; n += x; return n; }
`,
		want: []string{"f:changed", "g:changed"}, code: "static-ambiguous",
	},
	{
		name: "static of an inlined new function, debug information", flags: "-O2 -g", orig: "int f(int x) { static int n; n += x; return n; }\n", has: "n.0",
		patched: `static int e(int x) { static int n; n -= x; return n; }
int f(int x) { return e(x) * 2; }
`,
		want: []string{"f:changed"}, contains: []string{"n.0.kpnew(%rip)"}, lacks: []string{"n.0(%rip)"},
	},
	{
		name: "static of an inlined new function, paired by likeness", flags: "-O2", orig: "int f(int x) { static int n; n += x; return n; }\n", has: "n.0",
		patched: `static int e(int x) { static int n; n -= x; return n; }
int f(int x) { return e(x) * 2; }
`,
		want: []string{"f:changed"}, contains: []string{"n.0(%rip)"}, unproved: "n.0",
	},
	{
		name: "variable that nobody reads gets a reader", flags: "-O2 -g", has: "get", orig: writeOnly,
		patched: strings.Replace(writeOnly, "return x", "return x + last", 1),
		want:    []string{"set:changed", "get:changed"}, code: "static-lost",
	},
	{
		name: "new variable beside one that nobody reads", flags: "-O2 -g", has: "get", orig: writeOnly,
		patched: strings.Replace(writeOnly, "int get(int x) { return x", "static int uses;\nint get(int x) { return x + ++uses", 1),
		want:    []string{"get:changed"}, contains: []string{"uses.kpnew:"},
	},
	{
		name: "constant that nobody used", flags: "-O2 -g", has: "get", orig: "static const int t[] = {1, 2}; int get(int x) { return x + sizeof t; }\n",
		patched: "static const int t[] = {1, 2}; int get(int x) { return x + t[x]; }\n",
		want:    []string{"get:changed"}, contains: []string{"t.kpnew:"},
	},
	{
		name: "changed clone and its changed caller", flags: "-O2 -g", has: "k.constprop.0",
		orig: `extern void o(int, int);
static __attribute__((noinline)) int k(int a, int b) { o(a, b); return a; }
int f(int x) { return k(x, 4) + 1; }
int g(int x) { return x ? k(x, 4) : 2; }
`,
		patched: `extern void o(int, int);
static __attribute__((noinline)) int k(int a, int b) { o(a, b); return a; }
int f(int x) { return k(x, 5) + 1; }
int g(int x) { return x ? k(x, 4) : 2; }
`,
	},
	{
		name: "cold part", flags: "-O2", has: "f.cold",
		orig: `#include <stdlib.h>
extern void o(int) __attribute__((cold));
int f(int x) { if (x < 0) { o(x); abort(); } return x * 3; }
`,
		patched: `#include <stdlib.h>
extern void o(int) __attribute__((cold));
int f(int x) { if (x < 0) { o(x + 1); abort(); } return x * 3; }
`,
		want: []string{"f:changed"}, contains: []string{"f.kpatch.cold:"},
	},
	{
		name: "dispatch table", flags: "-O2", has: "tab:",
		orig: `static int a(int x) { return x; }
static int b(int x) { return -x; }
int (*tab[])(int) = {a, b};
int f(int x) { return tab[x & 1](x); }
`,
		patched: `static int a(int x) { return x; }
static int b(int x) { return -x; }
int (*tab[])(int) = {b, a};
int f(int x) { return tab[x & 1](x); }
`,
		code: "data-changed",
	},
	{
		name: "private table of strings, all users changed", flags: "-O2 -fPIC", has: "tab:",
		orig: `static const char *const tab[] = {"a", "b"};
const char *f(int x) { return tab[x & 1]; }
`,
		patched: `static const char *const tab[] = {"a", "b", "c"};
const char *f(int x) { return tab[x % 3u]; }
`,
		want: []string{"f:changed"}, contains: []string{"tab.kpnew:"},
	},
}

func gcc(t *testing.T, dir, name, flags, src string) []byte {
	t.Helper()
	return compileWith(t, "gcc", dir, name, flags, src)
}

func compileWith(t *testing.T, cc, dir, name, flags, src string) []byte {
	t.Helper()
	out := filepath.Join(dir, name+".s")
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cc, append(strings.Fields(flags), "-S", "-o", out, "a.c")...)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, msg)
	}
	s, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestChanges follows changes of C sources through a real compiler.
func TestChanges(t *testing.T) {
	testkit.Require(t, "gcc")
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

func (c change) run(t *testing.T) {
	dir := t.TempDir()
	cc := cmp.Or(c.cc, "gcc")
	in := map[string]string{
		"original.s": string(compileWith(t, cc, dir, "o", c.flags, c.orig)),
		"patched.s":  string(compileWith(t, cc, dir, "p", c.flags, c.patched)),
	}
	if !strings.Contains(in["original.s"], c.has) {
		t.Fatalf("the compiler made no %q: the row tests nothing", c.has)
	}
	d, err := diffasm.Match(parse(t, in, "original.s"), parse(t, in, "patched.s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Unproved, " "); got != c.unproved {
		t.Errorf("unproved %q, want %q", got, c.unproved)
	}
	if got := statuses(d); c.want != nil && !slices.Equal(got, c.want) {
		t.Errorf("got %v, want %v", got, c.want)
	}
	s, err := diffasm.Decide(d, diffasm.Options{})
	if c.code != "" {
		if err == nil || !strings.HasPrefix(refusals(err), string(c.code+":")) {
			t.Errorf("got %v, want a refusal with code %s", err, c.code)
		}
		return
	}
	if err != nil {
		t.Fatal(refusals(err))
	}
	e, err := diffasm.Emit(s)
	if err != nil {
		t.Fatal(refusals(err))
	}
	for _, want := range c.contains {
		if !strings.Contains(string(e.Asm), want) {
			t.Errorf("no %q in\n%s", want, e.Asm)
		}
	}
	for _, bad := range c.lacks {
		if strings.Contains(string(e.Asm), bad) {
			t.Errorf("%q in\n%s", bad, e.Asm)
		}
	}
}

func statuses(d *diffasm.Delta) (list []string) {
	for _, f := range d.Functions {
		if f.Status != diffasm.Same {
			list = append(list, f.Name+":"+string(f.Status))
		}
	}
	return list
}

// TestBorrowedUnderFlags: a compile with -g has more directives than the unit under some flags, and the same code.
func TestBorrowedUnderFlags(t *testing.T) {
	for _, tt := range []struct{ cc, flags string }{
		{"gcc", "-O2"},
		{"gcc", "-O2 -fno-asynchronous-unwind-tables -fno-unwind-tables"},
		{"gcc", "-O0 -fno-asynchronous-unwind-tables"},
		{"gcc", "-O2 -mfunction-return=thunk"},
		{"clang", "-O2 -fno-asynchronous-unwind-tables"},
	} {
		t.Run(tt.cc+" "+tt.flags, func(t *testing.T) {
			testkit.Require(t, tt.cc)
			const source = "int h(int);\nint f(int x)\n{\n\tstatic int n;\n\tn += h(x);\n\treturn n;\n}\n"
			in := map[string]string{"u": string(compileWith(t, tt.cc, t.TempDir(), "u", tt.flags, source)), "g": string(compileWith(t, tt.cc, t.TempDir(), "g", tt.flags+" -g", source))}
			u, why := parse(t, in, "u").WithDebug(parse(t, in, "g"))
			if why != "" {
				t.Fatal(why)
			}
			if _, line := u.FirstPlace(u.FunctionByName["f"]); line != 3 {
				t.Errorf("the first instruction is of line %d", line)
			}
		})
	}
}

// TestUnprovenByLines: where a header alone is edited, and the lines of the source that uses it are not known, the only variable of its
// name in its function is the same one; so is LLVM's s.0 of a structure of one member. The restored unit has no say.
func TestUnprovenByLines(t *testing.T) {
	const source = `static struct { int a; } s;
int f(int x) { static int n; n += x; s.a += x * %s; return s.a + n; }
`
	for _, cc := range []string{"gcc", "clang"} {
		t.Run(cc, func(t *testing.T) {
			testkit.Require(t, cc)
			dir, in := t.TempDir(), map[string]string{}
			for name, value := range map[string]string{"o": "1", "p": "2"} {
				text := strings.Replace(source, "%s", value, 1)
				in[name] = string(compileWith(t, cc, dir, name, "-O2", text))
				in[name+"g"] = string(compileWith(t, cc, dir, name+"g", "-O2 -g", text))
			}
			o, why := parse(t, in, "o").WithDebug(parse(t, in, "og"))
			p, whyToo := parse(t, in, "p").WithDebug(parse(t, in, "pg"))
			if why+whyToo != "" {
				t.Fatal(why, whyToo)
			}
			d, err := diffasm.Match(o, p, parse(t, in, "p"))
			if err != nil || len(d.Unproved) > 0 {
				t.Errorf("unproved %v, %v", d.Unproved, err)
			}
		})
	}
}

// TestWithDebug takes debug information from a second compilation: it refutes what likeness would have paired.
func TestWithDebug(t *testing.T) {
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	const before = "int f(int x) { static int n; n += x; return n; }\n"
	const after = `static int e(int x) { static int n; n -= x; return n; }
int f(int x) { return e(x) * 2; }
`
	in := map[string]string{
		"o": string(gcc(t, dir, "o", "-O2", before)), "og": string(gcc(t, dir, "og", "-O2 -g", before)),
		"p": string(gcc(t, dir, "p", "-O2", after)), "pg": string(gcc(t, dir, "pg", "-O2 -g", after)),
	}
	o, p := parse(t, in, "o"), parse(t, in, "p")
	if _, why := o.WithDebug(parse(t, in, "pg")); why == "" {
		t.Error("borrowed from another source")
	}
	better, why := o.WithDebug(parse(t, in, "og"))
	betterToo, whyToo := p.WithDebug(parse(t, in, "pg"))
	if why+whyToo != "" {
		t.Fatal("cannot borrow from the same source:", why, whyToo)
	}
	if o.Borrowed() || o.Declarations() != nil || !better.Borrowed() {
		t.Error("the unit itself has changed, or the new one has borrowed nothing")
	}
	d, err := diffasm.Match(better, betterToo, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(d); len(d.Unproved) > 0 || !strings.Contains(got, "variable n.0 (): new") {
		t.Errorf("unproved %v, delta\n%s", d.Unproved, got)
	}
}
