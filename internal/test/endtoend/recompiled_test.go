package endtoend

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// reachingOriginal is a program that holds no copy of a library's variable.
const reachingOriginal = `#include <unistd.h>

static __attribute__((noinline, noclone)) long scale(long x)
{
	return x * 3;
}

static __attribute__((noinline, noclone)) long scaled(long x)
{
	return scale(x) + 7;
}

long f(long x)
{
	return scaled(x) * 31;
}

int main(int argc, char **argv)
{
	return f(argc);
}
`

// reachingPatched stores to the variable with an instruction that cannot be rewritten to go through the GOT: the unit is
// compiled anew. Nothing calls scaled any more.
const reachingPatched = `#include <unistd.h>

static __attribute__((noinline, noclone)) long scale(long x)
{
	return x * 5;
}

long f(long x)
{
	__asm__ volatile("fnstcw %0" : "=m"(optind));
	return scale(x) * 33;
}

int main(int argc, char **argv)
{
	return f(argc);
}
`

// A unit that is compiled anew waits for the functions that are gone, too: they call what the patch replaces.
func TestRecompiledWaits(t *testing.T) {
	programs(t)
	testkit.Require(t, "gcc")
	t.Parallel()
	dir := t.TempDir()
	makefile := strings.Replace(optimisedProgram, "-O2", "-O2 -fno-pie -no-pie", 1)
	original := map[string]string{"Makefile": makefile, "prog.c": reachingOriginal}
	writeTree(t, dir, original)
	mustRun(t, 0, dir, nil, "make", "CC=carecc")
	writePatch(t, dir, original, map[string]string{"Makefile": makefile, "prog.c": reachingPatched})
	mustRun(t, 0, dir, nil, "patchmake", "fix.patch")
	p := onlyPatch(t, dir)
	if !slices.ContainsFunc(p.Meta.Parts, func(part kpatch.Part) bool { return part.Name == "scaled" && part.Gone }) {
		t.Errorf("the patch does not wait for %q: %+v", "scaled", p.Meta.Parts)
	}
}

// onlyPatch reads the one patch that was made in a tree.
func onlyPatch(t *testing.T, dir string) *kpatch.Patch {
	t.Helper()
	patches, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(patches) != 1 {
		t.Fatalf("patches %q, %v", patches, err)
	}
	p, err := kpatch.Decode([]byte(readFile(t, patches[0])))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
