package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

const optimisedProgram = `CFLAGS = -O2
prog: prog.c
	$(CC) $(CFLAGS) -o prog prog.c
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog
`

// A caller keeps values in registers that its callee leaves alone, as gcc saw it do (-fipa-ra). A patch made apart, whose
// version of the callee uses them, would make the other patch's caller wrong.
func TestCompiledApart(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": optimisedProgram,
		"prog.c": `#include <stdio.h>
static __attribute__((noinline, noclone)) long scale(long x) { return x * 3; }
__attribute__((noinline, noclone)) long sum(long a, long b, long c) { return scale(a) + 1; }
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("%ld\n", sum(10, 20, 30));
	return 0;
}
`,
	}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	patch := func(id, old, text string) string {
		t.Helper()
		writePatch(t, dir, original, map[string]string{"Makefile": original["Makefile"], "prog.c": strings.Replace(original["prog.c"], old, text, 1)})
		out := filepath.Join(dir, id)
		mustRun(t, 0, dir, []string{"LPMAKE_PATCHROOT=" + out}, "patchmake", "-i", id, "fix.patch")
		return out
	}
	const keeps, uses, spares = "scale(a) * b + c", "x % 7 * x % 1000", "x * 5"
	caller := patch("caller", "scale(a) + 1", keeps)
	callee := patch("callee", "x * 3", uses)
	sparing := patch("sparing", "x * 3", spares)
	both := patch("both", "x * 3; }\n__attribute__((noinline, noclone)) long sum(long a, long b, long c) { return scale(a) + 1",
		uses+"; }\n__attribute__((noinline, noclone)) long sum(long a, long b, long c) { return "+keeps)

	proto := patch("proto", "scale(long x) { return x * 3; }\n__attribute__((noinline, noclone)) long sum(long a, long b, long c) { return scale(a)",
		"scale(long x, long y) { return x * y; }\n__attribute__((noinline, noclone)) long sum(long a, long b, long c) { return scale(a, b)")

	start := func() (*testkit.Proc, func(want int, command string, args ...string) result) {
		p := testkit.Start(t, filepath.Join(dir, "prog"))
		hold(t, p, []turn{{Input: "", Want: "31"}})
		return p, func(want int, command string, args ...string) result {
			t.Helper()
			return mustRun(t, want, dir, nil, "carectl", append([]string{command, "-p", pid(p)}, args...)...)
		}
	}
	for _, order := range [][2]string{{caller, callee}, {callee, caller}} {
		_, carectl := start()
		carectl(0, "patch", order[0])
		r := carectl(1, "patch", order[1])
		assertContains(t, r.Stderr, `patch caller: "sum" calls "scale", which patch callee replaces: they were compiled apart`)
		assertContains(t, carectl(1, "check", "--json", order[1]).Stdout, `"code": "compiled-apart"`)
	}
	_, carectl := start()
	carectl(1, "patch", caller, callee)

	// A function without a hook counts as replaced.
	q, carectl := start()
	carectl(0, "patch", proto)
	hold(t, q, []turn{{Input: "", Want: "201"}})
	for _, other := range []string{callee, sparing} {
		assertContains(t, carectl(1, "patch", other).Stderr, `patch proto: "sum" calls "scale", which patch `+filepath.Base(other)+" replaces")
	}
	assertContains(t, carectl(1, "patch", caller).Stderr, `patch caller: "sum" calls "scale", which patch proto replaces`)
	carectl(0, "unpatch", "-i", "proto")
	carectl(0, "patch", callee)
	carectl(0, "patch", "--allow", "over-patch", proto)
	hold(t, q, []turn{{Input: "", Want: "201"}})
	carectl(0, "unpatch", "-i", "proto")

	p, carectl := start()
	carectl(0, "patch", caller)
	hold(t, p, []turn{{Input: "", Want: "630"}})
	carectl(0, "patch", sparing)
	hold(t, p, []turn{{Input: "", Want: "1030"}})
	r := carectl(0, "patch", "--replace", "caller,sparing", both)
	assertContains(t, r.Stderr, "patch caller of prog was removed in the same stop")
	hold(t, p, []turn{{Input: "", Want: "630"}})
	carectl(0, "unpatch", "-i", "both")
	hold(t, p, []turn{{Input: "", Want: "31"}})
	carectl(0, "patch", sparing)
	assertContains(t, carectl(1, "patch", callee).Stderr, `"scale" is replaced already by patch sparing`)
	r = carectl(0, "patch", "--allow", "over-patch", callee)
	assertContains(t, r.Stderr, `patch callee replaces "scale" of patch sparing`)
	carectl(0, "unpatch", "-i", "sparing")
	carectl(0, "unpatch", "-i", "callee")
	carectl(0, "patch", both)
	hold(t, p, []turn{{Input: "", Want: "630"}})
	r = carectl(1, "patch", sparing)
	assertContains(t, r.Stderr, `patch both: "sum" calls "scale", which patch sparing replaces`)
}

// A thread is in a function that the patch does away with, and whose caller has left the stack by a tail call: it may rely on
// registers that the new code of its callee overwrites, so the patch waits for it.
func TestGoneCaller(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": optimisedProgram,
		"prog.c": `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __attribute__((noinline, noclone)) long scale(long x) { return x * 3; }
static __attribute__((noinline, noclone)) int rounds(long a, long b)
{
	char line[64];
	while (fgets(line, sizeof line, stdin) && strcmp(line, "out\n")) printf("%ld\n", scale(a) * b);
	return !feof(stdin);
}
__attribute__((noinline, noclone)) int work(long a) { return rounds(a, a + 1); }
int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) printf("left %d\n", work(atoi(line)));
	return 0;
}
`,
	}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	edit := strings.NewReplacer("x * 3", "x % 8 * x % 1000", "int rounds(", "int turns(", "return rounds(", "return turns(", "%ld\\n\", scale", "%li\\n\", scale")
	writePatch(t, dir, original, map[string]string{"Makefile": original["Makefile"], "prog.c": edit.Replace(original["prog.c"])})
	mustRun(t, 0, dir, nil, "patchmake", "-i", "gone", "fix.patch")
	assertContains(t, mustRun(t, 0, dir, nil, "sh", "-c", "patchmake inspect patchroot/*.kpatch").Stdout,
		`(gone; it calls "scale", which overwrites registers that it left alone before)`)

	p := testkit.Start(t, filepath.Join(dir, "prog"))
	apply := func(want int) string {
		return mustRun(t, want, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot").Stderr
	}
	p.Send("10")
	hold(t, p, []turn{{Input: "", Want: "330"}})
	assertContains(t, apply(3), `"rounds"`)
	hold(t, p, []turn{{Input: "", Want: "330"}, {Input: "out", Want: "left 1"}})
	apply(0)
	p.Send("10")
	hold(t, p, []turn{{Input: "", Want: "220"}})
}

// The new code of a callee overwrites a register in an instruction that has it neither among its operands nor, behind a prefix,
// where one without a prefix has it: a patch of its caller, made apart, must not call that.
func TestCompiledApartUnseen(t *testing.T) {
	programs(t)
	t.Parallel()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "apart.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	original, variants := map[string]string{}, map[string]string{}
	for _, f := range archive.Files {
		if id, ok := strings.CutSuffix(f.Name, "/calc.c"); ok {
			variants[id] = string(f.Data)
		} else {
			original[f.Name] = string(f.Data)
		}
	}
	dir := t.TempDir()
	writeTree(t, dir, original)
	mustRun(t, 0, dir, []string{"CC=carecc"}, "make")
	for id, text := range variants {
		patched := maps.Clone(original)
		patched["calc.c"] = text
		writePatch(t, dir, original, patched)
		mustRun(t, 0, dir, []string{"LPMAKE_PATCHROOT=" + filepath.Join(dir, id)}, "patchmake", "-i", id, "fix.patch")
	}
	for callee, alone := range map[string]string{"product": "7", "xadd": "1"} {
		for _, order := range [][2]string{{"caller", callee}, {callee, "caller"}} {
			p := testkit.Start(t, filepath.Join(dir, "prog"))
			hold(t, p, []turn{{Input: "", Want: "31"}})
			first := map[string]string{"caller": "430", callee: alone}[order[0]]
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), filepath.Join(dir, order[0]))
			hold(t, p, []turn{{Input: "", Want: first}})
			r := mustRun(t, 1, dir, nil, "carectl", "patch", "-p", pid(p), filepath.Join(dir, order[1]))
			assertContains(t, r.Stderr, `patch caller: "sum" calls "scale", which patch `+callee+` replaces: they were compiled apart`)
		}
	}
}
