package diffasm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// A variable that nothing reads, in a function of which nothing is left.
const (
	unreadBefore = `extern void o(void);
static void g(int x)
{
	static int n;
	n = x;
}
int f(int x)
{
	g(x);
	return x;
}
`
	unreadAfter = `extern void o(void);
static void g(int x)
{
	static int n;
	if (n) o();
	n = x;
}
int f(int x)
{
	g(x);
	return x;
}
`
)

// A static local that LLVM takes apart, one whose address is taken, and one with an index.
const (
	apart = `extern int o(int);
int f(int x)
{
	static struct { int a; long b; } s;
	s.a += o(x);
	s.b += 2;
	return s.a ^ (int)s.b;
}
`
	unreadMember = `extern int o(int);
int f(int x)
{
	static struct { int a; long b; int c; } s;
	s.b += o(x);
	s.c += 2;
	s.a = x;
	return s.c ^ (int)s.b;
}
`
	table = `int f(int x)
{
	static int t[4]; t[x & 3] += x; static int *p = t; return *p += 7;
}
`
	whole = `extern int o(int);
int f(int x)
{
	static struct { int a; long b; } s;
	s.a += o(x);
	s.b += o((int)(long)&s);
	return s.a ^ (int)s.b;
}
`
)

// TestSourceIdentity tells static locals apart by their source. What becomes of each static local of the patched version is
// written as LINE=LINE of the original, "new", "?" where it cannot be told, or a reason code; clang: where it is another
// answer.
func TestSourceIdentity(t *testing.T) {
	testkit.Require(t, "gcc", "clang")
	for _, row := range readVersions(t, "statics", "flags", "want", "clang") {
		for _, cc := range []string{"gcc", "clang"} {
			t.Run(row.name+", "+cc, func(t *testing.T) {
				m := Matching{Sources: func(file string) *correlate.SourceFile {
					if file != "a.c" {
						return nil
					}
					return lineMap(row.before, row.after)
				}}
				d, err := m.Match(compileSource(t, cc, row.said["flags"], row.before), compileSource(t, cc, row.said["flags"], row.after), nil)
				if err != nil {
					t.Fatal(err)
				}
				want := row.said["want"]
				if cc == "clang" && row.said["clang"] != "" {
					want = row.said["clang"]
				}
				if got := fates(d); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if len(d.Unproved) > 0 {
					t.Errorf("unproved: %s", d.Unproved)
				}
			})
		}
	}
}

// TestSourceNew decides about static locals of which clang's names say little: f.n.1 may be another n, or a part of n.
func TestSourceNew(t *testing.T) {
	testkit.Require(t, "clang")
	long := "int f(int x)\n{\n\t{ static int n; x += n++; }\n\treturn x;\n}\n"
	for _, row := range []struct {
		name, flags, before, after string
		code                       fault.Code
	}{
		{"new, of another size", "-O0 -g", long, strings.Replace(long, "\treturn", "\t{ static long n; x ^= n--; }\n\treturn", 1), ""},
		{"members become a whole", "-O2 -g", apart, whole, "static-ambiguous"},
		{"renamed, in pieces", "-O2 -g", apart, strings.NewReplacer("s.", "t.", "} s", "} t").Replace(apart), "static-renamed"},
		{"renamed, in pieces now", "-O2 -g", whole, strings.NewReplacer("s.", "t.", "} s", "} t").Replace(apart), "static-renamed"},
		{"a whole becomes a member", "-O1 -g", table, strings.Replace(table, "t[x & 3] += x;", "", 1), "static-ambiguous"},
		{"a member that nothing read", "-O2 -g", unreadMember, strings.Replace(unreadMember, "s.c += 2", "s.c += 2 + s.a", 1), "static-lost"},
		{"a member that nothing writes now", "-O2 -g", strings.Replace(unreadMember, "s.c += 2", "s.c += 2 + s.a", 1), strings.NewReplacer("s.c += 2", "s.c += 2 + s.a", "\ts.a = x;\n", "").Replace(unreadMember), "static-lost"},
		{"the same members", "-O2 -g", unreadMember, strings.Replace(unreadMember, "s.c += 2", "s.c += 3", 1), ""},
		{"unread", "-O2 -g", unreadBefore, unreadAfter, "static-lost"},
		{"a member that nothing read, source unknown", "-O2 -g", unreadMember, strings.Replace(unreadMember, "s.c += 2", "s.c += 2 + s.a", 1), "static-lost"},
		{"unread, source unknown", "-O2 -g", unreadBefore, unreadAfter, "static-lost"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(row.before, row.after) }}
			if strings.HasSuffix(row.name, "unknown") {
				m = Matching{}
			}
			d, err := m.Match(compileSource(t, "clang", row.flags, row.before), compileSource(t, "clang", row.flags, row.after), nil)
			if err == nil {
				_, err = Decide(d, Options{})
			}
			code := ""
			if e := fault.As(err); e != nil {
				code = string(e.Code)
			}
			if code != string(row.code) || code == "" && err != nil {
				t.Errorf("got %q (%v), want %q", code, err, row.code)
			}
		})
	}
}

// TestLostInPatched refuses a variable that the compiler takes for a constant because the patch took away what writes it.
func TestLostInPatched(t *testing.T) {
	testkit.Require(t, "gcc", "clang")
	for _, row := range []struct{ name, before, after, want string }{
		{
			"static local", "int f(int x)\n{\n\tstatic int n = 3;\n\tif (x)\n\t\tn = x;\n\treturn n;\n}\n",
			"int f(int x)\n{\n\tstatic int n = 3;\n\treturn n;\n}\n", "static-lost",
		},
		{
			"static local, inlined", `static int g(int x)
{
	static int n = 3;
	if (x)
		n = x;
	return n;
}
int f(int x)
{
	return g(x);
}
`,
			`static int g(int x)
{
	static int n = 3;
	return n;
}
int f(int x)
{
	return g(x);
}
`, "static-lost",
		},
		{
			"at file level", `static int n = 3;
void g(int x)
{
	n = x;
}
int f(int x)
{
	return n;
}
`,
			"static int n = 3;\nvoid g(int x)\n{\n}\nint f(int x)\n{\n\treturn n;\n}\n", "static-lost",
		},
		{
			"at file level, by a name that a macro makes", `#define G(n) g_##n
static int G(n) = 3;
void g(int x)
{
	G(n) = x;
}
int f(int x)
{
	return G(n);
}
`,
			`#define G(n) g_##n
static int G(n) = 3;
void g(int x)
{
}
int f(int x)
{
	return G(n);
}
`, "static-lost",
		},
		{
			"not used any more", "int f(int x)\n{\n\tstatic int n = 3;\n\treturn x + n++;\n}\n",
			"int f(int x)\n{\n\tstatic int n = 3;\n\treturn x;\n}\n", "",
		},
		{
			"on the stack now", "int f(int x)\n{\n\tstatic int n = 3;\n\treturn x + n++;\n}\n",
			"int f(int x)\n{\n\tint n = 3;\n\treturn x + n++;\n}\n", "",
		},
		{
			"came without storage, at file level", "static int n;\nvoid g(int x)\n{\n\tn = x;\n}\n",
			`static int n;
void g(int x)
{
	n = x;
}
int f(int x)
{
	return n;
}
void h(int x)
{
	g(x + n);
}
`, "static-lost",
		},
	} {
		for _, cc := range []string{"gcc", "clang"} {
			t.Run(row.name+", "+cc, func(t *testing.T) {
				m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(row.before, row.after) }}
				d, err := m.Match(compileSource(t, cc, "-O2 -g", row.before), compileSource(t, cc, "-O2 -g", row.after), nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = Decide(d, Options{})
				got := ""
				if e := fault.As(err); e != nil {
					got = string(e.Code)
				}
				if got != row.want || got == "" && err != nil {
					t.Errorf("got %q (%v), want %q", got, err, row.want)
				}
				allow := func(code fault.Code) bool { return string(code) == row.want }
				if _, err = Decide(d, Options{Allow: allow}); err != nil {
					t.Errorf("allowed: %v", err)
				}
			})
		}
	}
}

// fate says what became of a variable: "?" where it cannot be told, a reason code, the original it is as spell writes it, or new.
func fate(d *Delta, name, orig string, spell func(*debuginfo.Declaration) string) string {
	doubt, doubted := d.m.Doubt(name)
	switch {
	case len(d.m.Candidates(name)) > 0:
		return "?"
	case doubted:
		return string(doubt.Code)
	case orig != "":
		return spell(d.orig.Declarations().BySymbol[orig])
	}
	return "new"
}

// fates says what became of the static locals of the patched version, by line.
func fates(d *Delta) string {
	var list []string
	places := d.patched.Declarations().BySymbol
	for _, v := range d.Variables {
		p := places[v.Name]
		if p == nil || p.Function == "" || v.Status == Gone {
			continue
		}
		list = append(list, fmt.Sprintf("%02d=%s", p.Line, fate(d, v.Name, v.Orig, func(o *debuginfo.Declaration) string { return fmt.Sprint(o.Line) })))
	}
	slices.Sort(list)
	for i := range list {
		list[i] = strings.TrimPrefix(list[i], "0")
	}
	return strings.Join(list, " ")
}

func compileSource(t *testing.T, cc, flags, src string) *debuginfo.Unit {
	f, err := tryCompile(t, cc, flags, src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tryCompile(t *testing.T, cc, flags, src string) (*debuginfo.Unit, error) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(src), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command(cc, append(strings.Fields(flags), "-w", "-S", "a.c")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cc, err, out)
	}
	asm, err := os.ReadFile(filepath.Join(dir, "a.s"))
	if err != nil {
		return nil, err
	}
	return Parse(&arch.X86_64, "a.c", asm)
}

// lineMap pairs as many lines as it can, as diff does.
func lineMap(before, after string) *correlate.SourceFile {
	s := &correlate.SourceFile{Before: strings.Split(before, "\n"), After: strings.Split(after, "\n")}
	common := make([][]int, len(s.Before)+1)
	for i := len(s.Before); i >= 0; i-- {
		common[i] = make([]int, len(s.After)+1)
		for j := len(s.After) - 1; j >= 0 && i < len(s.Before); j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if s.Before[i] == s.After[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	s.Origin = make([]int, len(s.After))
	for i, j := 0, 0; i < len(s.Before) && j < len(s.After); {
		switch {
		case s.Before[i] == s.After[j]:
			s.Origin[j] = i + 1
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			i++
		default:
			j++
		}
	}
	return s
}
