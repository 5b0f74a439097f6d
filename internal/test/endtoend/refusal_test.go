package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// fooPatch returns a patch that replaces one line of foo.c by others.
func fooPatch(old, replacement string) string {
	return "--- a/foo.c\n+++ b/foo.c\n@@ -8,1 +8,1 @@\n-" + old + "\n+" + replacement + "\n"
}

// What patchmake finds out in a tree, some of it only after building: one message on standard error, the exit status that scripts rely on, no patch written,
// and a tree that is as it was.
func TestPatchmakeRefuses(t *testing.T) {
	programs(t)
	const line = "\tprintf(\"Hello world!\\n\");"
	tests := []struct {
		name   string
		patch  string // content of fix.patch
		args   []string
		status int
		say    []string
	}{
		{"clean and update", "x", []string{"-c", "-u", "fix.patch"}, 2, []string{"--clean", "--update"}},
		{"a patch for no file", "--- a/none.c\n+++ b/none.c\n@@ -1 +1 @@\n-a\n+b\n", []string{"fix.patch"}, 1, []string{"none.c"}},
		{"a patch that does not apply", fooPatch("\tputs(\"Hello\");", "\tputs(\"Bye\");"), []string{"fix.patch"}, 1, []string{"foo.c:8"}},
		{"a build that fails", fooPatch(line, "\tprintf(\"Hello world!\\n\")"), []string{"fix.patch"}, 1, []string{"foo.c:", "expected"}},
		{"nothing changed in the code", fooPatch(line, line+" // hello"), []string{"fix.patch"}, 1, []string{"nothing changed"}},
		{"a filter that leaves nothing", fooPatch(line, "\tprintf(\"Hello moon!\\n\");"), []string{"--functions", "other", "fix.patch"}, 1, []string{"--functions other", "leaves nothing"}},
		{"no such source directory", "x", []string{"-s", "none", "fix.patch"}, 2, []string{"none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := fooTree(t, false)
			testkit.WriteFile(t, filepath.Join(dir, "fix.patch"), tt.patch)
			before := sources(t, dir)
			r := mustRun(t, tt.status, dir, []string{"CFLAGS=-O2 -g"}, "patchmake", tt.args...)
			for _, say := range tt.say {
				assertContains(t, r.Stderr, say)
			}
			if n := strings.Count(r.Stderr, "patchmake: error: "); n != 1 {
				t.Errorf("%d errors on standard error:\n%s", n, r.Stderr)
			}
			if patches, _ := filepath.Glob(filepath.Join(dir, "patchroot", "*")); len(patches) != 0 {
				t.Errorf("written: %q", patches)
			}
			if after := sources(t, dir); after != before {
				t.Errorf("the sources were changed:\n%s", after)
			}
		})
	}
}

func sources(t *testing.T, dir string) string {
	t.Helper()
	return readFile(t, filepath.Join(dir, "foo.c")) + readFile(t, filepath.Join(dir, "bar.c"))
}

// What carectl cannot or will not do to a process, which goes on as before.
func TestCarectlRefuses(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := fooTree(t, false)
	patch := onePatch(t, dir, mustRun(t, 0, dir, nil, "patchmake", "--clean", "-i", "0001", "foo.patch"))
	good := readFile(t, patch)
	testkit.WriteFile(t, filepath.Join(dir, "short.kpatch"), good[:len(good)/2])
	testkit.WriteFile(t, filepath.Join(dir, "corrupt.kpatch"), good[:600]+"corrupt!"+good[608:])
	testkit.WriteFile(t, filepath.Join(dir, "foreign.kpatch"), strings.Repeat("not a patch\n", 100))
	if err := os.Mkdir(filepath.Join(dir, "none"), 0o755); err != nil {
		t.Fatal(err)
	}
	other := testkit.CCText(t, `#include <unistd.h>
int main(void) { write(1, "up\n", 3); pause(); return 0; }
`, nil)

	p := testkit.Start(t, filepath.Join(dir, "lpmake", "foo"))
	p.WaitLine(helloOld)
	q := testkit.Start(t, other)
	q.WaitLine("up")
	tests := []struct {
		name   string
		args   []string
		status int
		say    string
	}{
		{"no command", nil, 2, "no command"},
		{"no process", []string{"patch", patch}, 2, "no process given"},
		{"no patch", []string{"patch", "-p", pid(p)}, 2, "no patch given"},
		{"no id", []string{"unpatch", "-p", pid(p)}, 2, "no patch id given"},
		{"a process that does not exist", []string{"patch", "-p", "2147483646", patch}, 1, "2147483646"},
		{"a process without the object", []string{"patch", "-p", pid(q), patch}, 1, "pid " + pid(q)},
		{"a patch that does not exist", []string{"patch", "-p", pid(p), "missing.kpatch"}, 1, "missing.kpatch"},
		{"a truncated patch", []string{"patch", "-p", pid(p), "short.kpatch"}, 1, "short.kpatch"},
		{"a corrupt patch", []string{"patch", "-p", pid(p), "corrupt.kpatch"}, 1, "corrupt.kpatch"},
		{"a file of another kind", []string{"patch", "-p", pid(p), "foreign.kpatch"}, 1, "foreign.kpatch"},
		{"a directory without patches", []string{"patch", "-p", pid(p), "none"}, 1, "no patch is for an object"},
		{"an id that is not applied", []string{"unpatch", "-p", pid(p), "-i", "0001"}, 1, "0001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := mustRun(t, tt.status, dir, nil, "carectl", tt.args...)
			assertContains(t, r.Stderr, tt.say)
			if n := strings.Count(r.Stderr, "carectl: error: "); n != 1 {
				t.Errorf("%d errors on standard error:\n%s", n, r.Stderr)
			}
			p.Drain()
			if line := p.Next(); line != helloOld {
				t.Errorf("the program says %q", line)
			}
		})
	}
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), patch)
	p.WaitLine(helloNew)
	twice := mustRun(t, 1, dir, nil, "carectl", "patch", "-p", pid(p), patch)
	assertContains(t, twice.Stderr, "already applied")
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "0001")
}
