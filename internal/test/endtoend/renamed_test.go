package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// A process keeps the addresses of private functions, on the heap and in a table, which the patch renames and edits: what it keeps leads
// to the new code, as before once the patch is off.
func TestRenamedCallbacks(t *testing.T) {
	programs(t)
	for _, flags := range []string{"-O0", "-O2", "-O2 -g"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			original := map[string]string{
				"Makefile": "CFLAGS = " + flags + `
prog: prog.o list.o
	$(CC) $(CFLAGS) -o prog prog.o list.o
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`,
				"prog.c": `#include <stdio.h>
void setup(void);
int work(int x);
int main(void)
{
	char line[64];
	setup();
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%d\n", work(1));
	return 0;
}
`,
				"list.c": `#include <stdlib.h>
struct node { struct node *next; int (*call)(int); };
static struct node *list;
static void add(int (*call)(int))
{
	struct node *n = malloc(sizeof *n);
	n->call = call;
	n->next = list;
	list = n;
}
static int first(int x)
{
	static int calls;
	return x + ++calls;
}
static int second(int x)
{
	return x * 3;
}
static struct { const char *name; int (*call)(int); } table[] = { { "one", first }, { "two", second } };
void setup(void)
{
	add(first);
	add(second);
}
int work(int x)
{
	int sum = table[1].call(x);
	for (struct node *n = list; n; n = n->next)
		sum = sum * 100 + n->call(x);
	return sum;
}
`,
			}
			patched := maps.Clone(original)
			patched["list.c"] = strings.NewReplacer("first", "primary", "second", "other", "return x + ++calls", "return x + ++calls + 50", "x * 3", "x * 4").
				Replace(original["list.c"])
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			mustRun(t, 0, dir, nil, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, p, []turn{{Input: "", Want: "30302"}})
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
			hold(t, p, []turn{{Input: "", Want: "40453"}})
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-i", "c1", "-p", pid(p))
			hold(t, p, []turn{{Input: "", Want: "30304"}})
		})
	}
}
