package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// keptMain prints what a unit says to each line, and keptUnit has variables that the process has written before the patch comes, of which the
// patched source writes none, or gives one value alone.
const (
	keptMain = `#include <stdio.h>
int f(int x);
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	for (int n = 1; fgets(line, sizeof line, stdin); n++) printf("%d\n", f(n));
	return 0;
}
`
	keptUnit = `static int scale = 10;
static int table[3] = { 1, 2, 3 };
static int mode;
static int never = 7;
__attribute__((noinline)) int f(int x)
{
	if (0)
		never = x;
	if (x < 3) {
		scale = x * 40;
		table[x] = 5;
		mode = x * 2;
	}
	return scale * 1000 + table[1] * 100 + mode * 10 + 1;
}
`
)

// pointedUnit has a pointer that the process has led to a variable of which the patched source takes the address nowhere.
const pointedUnit = `#include <stdlib.h>
#define LEAD(to, v) to = &v
static int spot, *to;
int f(int x)
{
	if (x == 1)
		LEAD(to, spot);
	if (x > 100)
		to = calloc(1, sizeof *to);
	*to += x;
	spot++;
	return *to;
}
`

// narrowUnit has, besides such a pointer, a variable that clang keeps as a byte.
const narrowUnit = `#include <stdlib.h>
#define LEAD(to, v) to = &v
static int spot, *to, mode;
int f(int x)
{
	if (x == 1)
		LEAD(to, spot);
	if (x == 2)
		mode = 7;
	if (x > 100)
		to = calloc(1, sizeof *to);
	*to += x + mode;
	spot++;
	return *to;
}
`

// insideUnit has a static local of which the address goes no further than a function that is inlined, or to the C library.
const insideUnit = `#include <string.h>
static int get(int *p, int i) { return p[i & 7]; }
int f(int x)
{
	static int seen[8], more;
	int *p = &more;
	static char text[16];
	if (x == 2)
		strcpy(text, "abc");
	seen[x & 7] += x;
	*p += 1;
	return get(seen, x) + *p * 100 + strlen(text) * 10;
}
`

// handedUnit leads the pointer there in a way that is to be put in.
const handedUnit = `#define AT(v) &v
struct box { long n; int *p; };
struct node { struct box b; int more[60]; };
static int spot, none, *to = &none;
#define KEEPER __attribute__((noinline)) void
KEEPER by_address(const struct box *b) { to = b->p; }
KEEPER by_value(struct node n) { to = n.b.p; }
KEEPER second(int n, int *p) { to = p; }
int f(int x)
{
	if (x == 1) {
		HAND;
	}
	if (x > 100)
		return spot;
	spot = x;
	*to += 10;
	return spot;
}
`

// handed are the rows of a way to lead the pointer there: the patched source does not.
func handed(name, cc, statement string) keptRow {
	return keptRow{
		name, cc, "-O2", strings.Replace(handedUnit, "HAND", statement, 1), strings.NewReplacer(statement, "", "+= 10", "+= 20"),
		[]string{"11", "12"},
		[]string{"23", "24"},
		[]string{"15"},
	}
}

// keptRow is a program that is patched: what f says to each call.
type keptRow struct {
	name, cc, flags, unit     string
	edit                      *strings.Replacer
	before, patched, restored []string
}

// What the patched source only reads is what the process holds, though the compiler would take the initial value for all there is; what the
// original never wrote begins as it did there; and what the process points to is what is written there.
func TestKeptVariables(t *testing.T) {
	programs(t)
	kept := strings.NewReplacer("if (x < 3) {\n\t\tscale = x * 40;\n\t\ttable[x] = 5;\n\t\tmode = x * 2;", "if (x > 100) {\n\t\tmode = 7;", "* 10 + 1", "* 10 + never",
		"if (0)", "if (x == 4)")
	pointed := strings.NewReplacer("\tif (x == 1)\n\t\tLEAD(to, spot);\n", "", "+= x", "+= x + 10")
	inside := strings.NewReplacer("\tint *p = &more;\n", "", "*p += 1", "more++", "get(seen, x) + *p * 100 + strlen(text) * 10", "seen[x & 7] + more * 100 + (text[0] == 'a') * 1000")
	for _, row := range []keptRow{
		{"kept by gcc", "gcc", "-O2", keptUnit, kept, []string{"40521", "80541"}, []string{"80547", "80544"}, []string{"80541"}},
		{"kept by clang", "clang", "-O2 -g", keptUnit, kept, []string{"40521", "80541"}, []string{"80547", "80544"}, []string{"80541"}},
		{"pointed to by gcc", "gcc", "-O2", pointedUnit, pointed, []string{"2", "5"}, []string{"19", "34"}, []string{"40"}},
		{"pointed to by clang", "clang", "-O2", pointedUnit, pointed, []string{"2", "5"}, []string{"19", "34"}, []string{"40"}},
		{"beside a byte of clang's", "clang", "-O2", narrowUnit, pointed, []string{"2", "12"}, []string{"33", "55"}, []string{"68"}},
		{"pointed to by nothing", "gcc", "-O2", insideUnit, inside, []string{"101", "232"}, []string{"1303", "1404"}, []string{"535"}},
		{"pointed to by nothing of clang's", "clang", "-O2", insideUnit, inside, []string{"101", "232"}, []string{"1303", "1404"}, []string{"535"}},
		handed("led there in a structure", "gcc", "by_address(&(struct box){ x, AT(spot) })"),
		handed("led there in a structure, by clang", "clang", "by_address(&(struct box){ x, AT(spot) })"),
		handed("led there in a copied structure", "gcc", "by_value((struct node){ { x, AT(spot) } })"),
		handed("led there by what was used before", "gcc", "int *p = AT(spot); __asm__(\"\" : \"+r\"(p)); *p = x; second(1, p)"),
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Require(t, row.cc)
			t.Parallel()
			dir := t.TempDir()
			original := map[string]string{"Makefile": "CFLAGS = " + row.flags + `
prog: main.o unit.o
	$(CC) $(CFLAGS) -o prog main.o unit.o
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog *.o
`, "main.c": keptMain, "unit.c": row.unit}
			patched := maps.Clone(original)
			patched["unit.c"] = row.edit.Replace(row.unit)
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{"KPCCREAL=" + row.cc}
			mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, p, calls(row.before))
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
			hold(t, p, calls(row.patched))
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-i", "c1", "-p", pid(p))
			hold(t, p, calls(row.restored))
		})
	}
}

// calls are empty lines, and what is said to them.
func calls(want []string) (turns []turn) {
	for _, w := range want {
		turns = append(turns, turn{Input: "", Want: w})
	}
	return turns
}
