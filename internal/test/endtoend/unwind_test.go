package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// A stack that leads through new code is walked by the unwind data in the patch: the frames beyond it are named, and what lies
// about in the new function's frame is not taken for a return address.
func TestWalkThroughPatchedCode(t *testing.T) {
	programs(t)
	t.Parallel()
	tree := func(body string) map[string]string {
		return map[string]string{
			"Makefile": `CFLAGS = -O2 -fomit-frame-pointer
prog: main.o middle.o outer.o innocent.o
	$(CC) -o $@ main.o middle.o outer.o innocent.o
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
			"main.c": `#include <stdio.h>
static char line[64];
int outer(int x);
int wait_line(int x) { puts("inside"); return fgets(line, sizeof line, stdin) ? x : 0; }
int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%d\n", outer(1));
	return 0;
}
`,
			"outer.c": `int middle(int x);
int outer(int x) { return middle(x) + 1; }
`,
			"innocent.c": `int innocent(int x) { __asm__ volatile("nop"); return x + 3; }
char *inside_innocent(void) { return (char *)innocent + 2; }
`,
			"middle.c": body,
		}
	}
	original := tree(`int wait_line(int x);
int middle(int x) { return wait_line(x) + 10; }
`)
	dir := t.TempDir()
	writeTree(t, dir, original)
	patch := func(id, file, text string) string {
		t.Helper()
		patched := maps.Clone(original)
		patched[file] = text
		writePatch(t, dir, original, patched)
		out := filepath.Join(dir, id)
		mustRun(t, 0, dir, []string{"LPMAKE_PATCHROOT=" + out, "CC=carecc"}, "patchmake", "-i", id, "fix.patch")
		return out
	}
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make", "prog")
	first := patch("first", "middle.c", `int wait_line(int x);
char *inside_innocent(void);
int middle(int x)
{
	char *volatile left[40];
	for (int i = 0; i < 40; i++) left[i] = inside_innocent();
	return wait_line(x) + (left[7] != 0) * 20;
}
`)
	outer := patch("outer", "outer.c", "int middle(int x);\nint outer(int x) { return middle(x) + 2; }\n")
	innocent := patch("inno", "innocent.c", strings.Replace(original["innocent.c"], "x + 3", "x + 4", 1))

	p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
	carectl := func(want int, args ...string) result {
		t.Helper()
		return mustRun(t, want, dir, nil, "carectl", append(args, "-p", pid(p))...)
	}
	hold(t, p, []turn{{Input: "call", Want: "inside"}, {Input: "", Want: "12"}})
	carectl(0, "patch", first)
	hold(t, p, []turn{{Input: "call", Want: "inside"}})
	r := carectl(3, "patch", "--wait=0", outer)
	assertContains(t, r.Stderr, `"outer"`)
	assertContains(t, r.Stderr, "wait_line < middle of patch first < outer")
	carectl(0, "patch", "--wait=0", innocent)
	hold(t, p, []turn{{Input: "", Want: "22"}})
}
