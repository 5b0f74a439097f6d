package endtoend

import (
	"testing"

	"gocare/internal/test/testkit"
)

// New code needs what --gc-sections left out: the patch has it, with all that it needs in turn, and shares with the program what that kept.
func TestRevivedSections(t *testing.T) {
	programs(t)
	for _, flags := range []string{"-O2 -ffunction-sections -fdata-sections", "-O0 -ffunction-sections -fdata-sections"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			reviveSections(t, flags)
		})
	}
}

func reviveSections(t *testing.T, flags string) {
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": "CFLAGS = " + flags + `
prog: prog.o lib.o more.o unused.o
	$(CC) $(CFLAGS) -o prog prog.o lib.o more.o unused.o -Wl,--gc-sections
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
		"prog.c": `#include <stdio.h>
int counted(int x);
int spare(int x);
__attribute__((noinline)) int work(int x) { return counted(x); }
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%d\n", work(1));
	return 0;
}
`,
		"lib.c": `#include <string.h>
static int calls, before = 40;
int counted(int x) { return ++calls + x; }
static __attribute__((noinline)) int twice(int x) { return 2 * x + before++; }
int deeper(int x);
static int (*const table[])(int) = { twice, counted, deeper };
int spare(int x)
{
	const char *name = "spare";
	int sum = 0;
	for (int i = 0; i < 3; i++) sum = sum * 100 + table[i](x);
	return sum + (int) strlen(name) * 1000000;
}
`,
		"more.c": `static int depth = 7;
static __attribute__((noinline)) int step(int x) { return x + depth++; }
int deeper(int x) { return step(x); }
`,
		"unused.c": "int unused(void) { return 1; }\n",
	}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	patched := map[string]string{}
	for name, text := range original {
		patched[name] = text
	}
	patched["prog.c"] = `#include <stdio.h>
int counted(int x);
int spare(int x);
__attribute__((noinline)) int work(int x) { return spare(x); }
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%d\n", work(1));
	return 0;
}
`
	writePatch(t, dir, original, patched)
	mustRun(t, 0, dir, nil, "patchmake", "-i", "spare", "fix.patch")
	p := testkit.Start(t, dir+"/prog")
	hold(t, p, []turn{{Input: "", Want: "2"}})
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	hold(t, p, []turn{{Input: "", Want: "5420308"}, {Input: "", Want: "5430409"}})
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "spare")
	hold(t, p, []turn{{Input: "", Want: "5"}})
}
