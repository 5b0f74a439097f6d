package diffasm

import (
	"regexp"
	"strings"
	"testing"

	"gocare/diffasm/correlate"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// unstoredText has variables that compilers keep nothing of: the conditions under which they are written never hold, or nobody reads them.
const unstoredText = `#define ON 0
typedef const int fixed;
struct pair { int a; char b[3]; };
int other = 7;
int step(int x);
static int first(int x)
{
	return x * 3;
}
static int limit = 30;
static int seen;
static int list[4] = {1, 2, 3, 4};
static struct pair both = {5, "ab"};
static int *where = &other;
static int (*call)(int) = first;
static int *unset;
int f(int x)
{
	if (ON) {
		limit = step(x);
		list[x & 3] = step(x);
		both.a = step(x);
		where = 0;
		call = 0;
	}
	if (x > 4)
		seen = step(x);
	unset = &other;
	return x * 2;
}
int g(int x)
{
	return step(x);
}
`

// TestUnstored: a variable that neither version keeps is no reason to refuse where compiles on the side show that nobody reads it, or that it is
// always the same in both; without these it is one.
func TestUnstored(t *testing.T) {
	dead := []string{"return step(x);\n}\n", "if (ON)\n\t\treturn seen;\n\treturn step(x);\n}\n"}
	reads := func(what string) []string {
		return []string{"return step(x);\n}\n", "return step(x) + " + what + ";\n}\n"}
	}
	edited := []string{"= step(x);", "= step(x + 1);"}
	written := []string{"int g(int x)\n{\n", "int g(int x)\n{\n\tif (x > 9)\n\t\tlimit = step(x);\n"}
	for _, row := range []struct {
		name, variable string
		first, patch   []string // edits of the original, and what the patch edits
		refuse         bool     // all the same
		compilers      string
	}{
		{"never written", "limit", reads("limit"), edited, false, "clang gcc"},
		{"never read", "seen", dead, edited, false, "clang gcc"},
		{"an array", "list", reads("list[2]"), edited, false, "clang"},
		{"a structure", "both", reads("both.a"), edited, false, "clang"},
		{"another first value", "limit", reads("limit"), append([]string{"limit = 30", "limit = 31"}, edited...), true, "clang"},
		{"read from now on", "seen", nil, append(reads("seen"), "seen = step(x);", "if (ON) seen = step(x);"), true, "clang"},
		{"const from now on", "seen", nil, append(reads("seen"), "static int seen;", "static const int seen = 2;", "seen = step(x);", "step(x);"), true, "clang gcc"},
		{"const by its type from now on", "seen", nil, append(reads("seen"), "static int seen;", "static fixed seen = 2;", "seen = step(x);", "step(x);"), true, "clang"},
		{"no longer written", "seen", nil, append(reads("seen"), "seen = step(x);", "step(x);"), true, "clang gcc"},
		{"its name is a macro behind it", "seen", []string{"int f(int", "int twin;\nint f(int", "int g(int", "#define NOW 0\nint g(int"}, append(reads("seen"), "seen = step(x);", "step(x);", "NOW 0", "seen seen"), true, "clang"},
		{"the address of a variable", "where", reads("*where"), append([]string{"where = 0", "where = &other + 1"}, edited...), false, "clang gcc"},
		{"the address of another variable", "where", append(reads("*where"), "int other", "int more = 3, other"), append([]string{"*where = &other", "*where = &more"}, edited...), true, "clang"},
		{"kept from now on", "limit", reads("limit"), written, false, "clang gcc"},
		{"kept from now on, with another first value", "limit", reads("limit"), append([]string{"limit = 30", "limit = 31"}, written...), true, "clang gcc"},
		{"read and kept from now on", "seen", nil, append(reads("seen"), "x > 4", "x > 5"), true, "clang gcc"},
		{"the address of a function", "call", reads("call(x)"), append([]string{"call = 0", "call = step"}, edited...), true, "clang"},
	} {
		for _, cc := range strings.Fields(row.compilers) {
			t.Run(row.name+" "+cc, func(t *testing.T) {
				testkit.Require(t, cc)
				before := strings.NewReplacer(row.first...).Replace(unstoredText)
				without, with := unstoredVerdicts(t, cc, row.variable, before, strings.NewReplacer(row.patch...).Replace(before))
				if without != fault.StaticLost {
					t.Errorf("%q without compiles on the side", without)
				}
				if row.refuse != (with == fault.StaticLost) {
					t.Errorf("%q, want it refused: %v", with, row.refuse)
				}
			})
		}
	}
}

// unstoredVerdicts returns the codes that two versions are refused for without and with what compiles on the side show of a variable.
func unstoredVerdicts(t *testing.T, cc, variable, before, after string) (without, with fault.Code) {
	t.Helper()
	compile := func(source, behind string) *File { return compileSource(t, cc, "-O2 -g", source+behind) }
	orig, patched := compile(before, ""), compile(after, "")
	names := []string{variable}
	shown := &Unstored{OrigRead: []*File{compile(before, ReadersOf(names))}, PatchedRead: []*File{compile(after, ReadersOf(names))}, PatchedWritten: compile(after, WritersOf(names)), OrigKept: compile(before, KeeperOf(names, 0))}
	return unstoredCode(before, after, orig, patched, nil), unstoredCode(before, after, orig, patched, func() *Unstored { return shown })
}

// unstoredCode returns the code that two versions are refused for, "" if they are not.
func unstoredCode(before, after string, orig, patched *File, unstored func() *Unstored) fault.Code {
	m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(before, after) }, Unstored: unstored}
	d, err := m.Match(orig, patched, nil)
	if err == nil {
		_, err = Decide(d, Options{})
	}
	if e := fault.As(err); e != nil {
		return e.Code
	}
	return ""
}

// localsText has static locals that compilers keep nothing of: what comes to them never runs, or nobody reads them.
const localsText = `int step(int x);
int f(int x)
{
	static int kept;
	if (x > 4 && x < 3) {
		static int seen[4];
		seen[x & 3] = step(x);
		return seen[1];
	}
	return kept += x;
}
int g(int x)
{
	static int mode;
	mode = step(x);
	return x;
}
`

// TestUnstoredLocals: a static local that neither version keeps is no reason to refuse where no code of the patched version names it, though that
// has to keep it.
func TestUnstoredLocals(t *testing.T) {
	unread := []string{"mode = step(x);", "if (x > 4)\n\t\tmode = step(x);\n\telse\n\t\tmode = 4;"}
	for _, row := range []struct {
		name, variable string
		patch          []string
		refuse         bool
	}{
		{"never reached", "seen", []string{"] = step(x);", "] = step(x + 1);"}, false},
		{"read, with what never comes to it", "mode", []string{"mode = step(x);\n\treturn x;", "if (x > 4 && x < 3)\n\t\tmode = step(x);\n\treturn x + mode;"}, true},
		{"const from now on", "mode", []string{"static int mode;", "static const int mode = 2;", "mode = step(x);\n\treturn x;", "step(x);\n\treturn x + mode;"}, true},
		{"written for nobody", "mode", append(unread, "return x;", "if (x > 4 && x < 3)\n\t\treturn mode;\n\treturn x;"), true},
	} {
		for _, cc := range []string{"gcc", "clang"} {
			t.Run(row.name+" "+cc, func(t *testing.T) {
				testkit.Require(t, cc)
				after := strings.NewReplacer(row.patch...).Replace(localsText)
				declared := regexp.MustCompile(`static (const )?int ` + row.variable + `[^;]*;`).FindString(after)
				kept := strings.Replace(after, declared, declared+LocalKeeper(row.variable, 0), 1)
				with := &Unstored{PatchedLocals: compileSource(t, cc, "-O2 -g", kept)}
				orig, patched := compileSource(t, cc, "-O2 -g", localsText), compileSource(t, cc, "-O2 -g", after)
				without, shown := unstoredCode(localsText, after, orig, patched, nil), unstoredCode(localsText, after, orig, patched, func() *Unstored { return with })
				if without != fault.StaticLost || row.refuse != (shown == fault.StaticLost) {
					t.Errorf("%q, with the compile on the side %q, want it refused: %v", without, shown, row.refuse)
				}
			})
		}
	}
}
