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
