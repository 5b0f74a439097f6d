package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// The last function of the program's text is too short for a jump, and what follows is the code that runs at exit: a shorter jump leads
// over padding. Patches of the function lie on each other, come off in any order, and replace each other; what they leave is the original.
func TestShortLastFunction(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": `CFLAGS = -O2
prog: prog.o last.o
	$(CC) $(CFLAGS) -o prog prog.o last.o
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
		"prog.c": `#include <stdio.h>
int value(int x), other(int x);
int (*volatile pointer)(int) = value;
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%d %d %d\n", value(1), pointer(1), other(1));
	return 7;
}
`,
		"last.c": `int other(int x) { return x * 31 + 5; }
int value(int x) { return x + 1; }
`,
	}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	patch := func(id, old, text string) string {
		t.Helper()
		patched := map[string]string{"Makefile": original["Makefile"], "prog.c": original["prog.c"], "last.c": strings.Replace(original["last.c"], old, text, 1)}
		writePatch(t, dir, original, patched)
		out := filepath.Join(dir, id)
		mustRun(t, 0, dir, []string{"LPMAKE_PATCHROOT=" + out}, "patchmake", "-i", id, "fix.patch")
		return out
	}
	one, two, both := patch("one", "x + 1", "x * 7 + 3"), patch("two", "x + 1", "x * 9 + 9"), patch("both", "x * 31 + 5; }\nint value(int x) { return x + 1", "x * 33; }\nint value(int x) { return x + 4")

	p := testkit.Start(t, filepath.Join(dir, "prog"))
	carectl := func(want int, command string, args ...string) result {
		t.Helper()
		return mustRun(t, want, dir, nil, "carectl", append([]string{command, "-p", pid(p)}, args...)...)
	}
	says := func(want string) {
		t.Helper()
		hold(t, p, []turn{{Input: "", Want: want}})
	}
	says("2 2 36")
	carectl(0, "patch", one)
	says("10 10 36")
	assertContains(t, carectl(0, "info", "--json").Stdout, `"functions": [
        "value"
      ]`)
	carectl(0, "patch", "--allow", "over-patch", two)
	says("18 18 36")
	assertContains(t, carectl(0, "info", "--json").Stdout, `"inactive": [
        "value"
      ]`)
	carectl(0, "unpatch", "-i", "one")
	says("18 18 36")
	carectl(0, "unpatch", "-i", "two")
	says("2 2 36")
	carectl(0, "patch", "--allow", "over-patch", one, two)
	says("18 18 36")
	carectl(0, "unpatch", "-i", "two")
	says("10 10 36")
	carectl(0, "patch", "--replace", "one", both)
	says("5 5 33")
	carectl(0, "unpatch", "-i", "both")
	says("2 2 36")
	carectl(0, "patch", one)
	says("10 10 36")
	carectl(0, "unpatch", "-i", "one")
	says("2 2 36")
	assertContains(t, carectl(1, "recover").Stderr, "no patch is half applied or half removed")
}
