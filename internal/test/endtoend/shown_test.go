package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// shownTree has a library and two programs with it, one of which has a function that the library does not know yet.
var shownTree = map[string]string{
	"Makefile": `CFLAGS = -O2
all: free taken
free taken: %: main.c l.so
	$(CC) $(CFLAGS) -D$@ -rdynamic -Wl,-rpath,'$$ORIGIN' -o $@ main.c ./l.so
l.so: l.c
	$(CC) $(CFLAGS) -fPIC -shared -Wl,-soname,l.so -o $@ l.c
install: free taken
	mkdir -p $(DESTDIR) && cp free taken l.so $(DESTDIR)
clean:
	rm -f free taken l.so
`,
	"main.c": `#ifdef taken
int step(int x) { return x * 1000; }
#endif
` + keptMain,
	"l.c": `int f(int x)
{
	return x + 1;
}
`,
}

// A function that is new in a library is the library's own in a patch. A process that has another one of that name in front of it, which the
// patched library would call, cannot have the patch.
func TestNameTaken(t *testing.T) {
	programs(t)
	testkit.Require(t, "gcc", "ptrace")
	dir := t.TempDir()
	patched := maps.Clone(shownTree)
	patched["l.c"] = "int step(int x)\n{\n\treturn x * 7;\n}\n\n" + strings.Replace(shownTree["l.c"], "x + 1", "step(x) + 1", 1)
	writeTree(t, dir, shownTree)
	writePatch(t, dir, shownTree, patched)
	mustRun(t, 0, dir, nil, "patchmake", "-i", "c1", "fix.patch")
	for _, row := range []struct {
		program string
		exit    int
		after   string
	}{
		{"free", 0, "15"},
		{"taken", 1, "3"},
	} {
		t.Run(row.program, func(t *testing.T) {
			p := testkit.Start(t, filepath.Join(dir, "lpmake", row.program))
			hold(t, p, calls([]string{"2"}))
			said := mustRun(t, row.exit, dir, nil, "carectl", "patch", "--json", "-p", pid(p), "patchroot")
			if row.exit != 0 {
				assertContains(t, said.Stdout, `"name-taken"`)
			}
			hold(t, p, calls([]string{row.after}))
		})
	}
}

// shownSources are two units of C++. What is in the braces is private in one version and not in the other; the second unit uses that where it can.
var shownSources = map[string]string{
	"a.cc": `int other(int x);
namespace ns { {static} int level = 3; {namespace {} int deep = 1; {}} }
{namespace {} int hidden; {}}
{static} int (*called)(int);
{static} __attribute__((noinline)) int inc(int x) { static int n; hidden += x; ns::level += x; ns::deep++; return ++n + hidden + ns::level + ns::deep; }
extern "C" int f(int x) { if (!called) called = inc; int r = called(1) * 1000; return r + other(x) + (called == inc); }
`,
	"b.cc": "int other(int x) { return x; }\n",
}

const shownUser = "namespace ns { extern int level, deep; } extern int hidden; int inc(int);\n" +
	"int other(int) { inc(10); return hidden + ns::level + ns::deep; }\n"

// Functions and variables of C++ have other symbols where other units see them: a process goes on with what it has, and pointers stay equal.
func TestShownCXX(t *testing.T) {
	programs(t)
	private := strings.NewReplacer("{static}", "static", "{namespace {}", "namespace {", "{}}", "}")
	shown := strings.NewReplacer("{static}", "", "{namespace {}", "", "{}}", "")
	for _, row := range []struct {
		name, compiler, flags string
		hides                 bool
		before, after         []string
	}{
		{"shown-gcc-O0", "g++", "-O0", false, []string{"8002", "12003"}, []string{"16035", "42059"}},
		{"shown-gcc-O2", "g++", "-O2 -fPIE -pie", false, []string{"8002", "12003"}, []string{"16035", "42059"}},
		{"shown-clang-O0", "clang++", "-O0", false, []string{"8002", "12003"}, []string{"16035", "42059"}},
		{"shown-clang-O2", "clang++", "-O2", false, []string{"8002", "12003"}, []string{"16035", "42059"}},
		{"hidden-gcc-O0", "g++", "-O0", true, []string{"8002", "12003"}, []string{"16004", "20005"}},
		{"hidden-clang-O0", "clang++", "-O0", true, []string{"8002", "12003"}, []string{"16004", "20005"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Require(t, row.compiler, "ptrace")
			t.Parallel()
			dir := t.TempDir()
			original := maps.Clone(refusalDefaults)
			original["main.c"], original["b.cc"] = keptMain, shownSources["b.cc"]
			patched := maps.Clone(original)
			original["a.cc"], patched["a.cc"], patched["b.cc"] = private.Replace(shownSources["a.cc"]), shown.Replace(shownSources["a.cc"]), shownUser
			if row.hides {
				original["a.cc"], patched["a.cc"], patched["b.cc"] = patched["a.cc"], original["a.cc"], original["b.cc"]
			}
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{"KPCXXREAL=" + row.compiler, "CFLAGS=" + row.flags}
			mustRun(t, 0, dir, env, "make", "CC=carecc", "CXX=carec++")
			mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "prog"))
			hold(t, p, calls(row.before))
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
			hold(t, p, calls(row.after))
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-i", "c1", "-p", pid(p))
		})
	}
}
