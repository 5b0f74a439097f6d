package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// A C program loads its first C++ library after it was patched. carectl says that this one does not know the patch; once the patch was
// removed and applied again, exceptions pass through the patched function.
func TestLateUnwinder(t *testing.T) {
	programs(t)
	testkit.Require(t, "g++")
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": `prog: prog.c libplugin.so
	$(CC) -O2 -fexceptions -o prog prog.c
libplugin.so: plugin.cc
	g++ -O2 -shared -fPIC -o $@ $<
install: prog
	mkdir -p $(DESTDIR) && cp prog libplugin.so $(DESTDIR)
clean:
	rm -f prog libplugin.so
`,
		"prog.c": `#include <dlfcn.h>
#include <stdio.h>
__attribute__((noinline)) int through(int (*call)(int), int x) { return call(x) + 1; }
static int plain(int x) { return x; }
int main(int argc, char **argv)
{
	char line[64];
	int (*run)(int (*)(int (*)(int), int), int) = 0;
	(void) argc;
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'l') {
			char path[4096];
			snprintf(path, sizeof path, "%s.so", argv[1]);
			run = (int (*)(int (*)(int (*)(int), int), int)) dlsym(dlopen(path, RTLD_NOW), "run");
		}
		printf("%d\n", run ? run(through, 5) : through(plain, 5));
	}
	return 0;
}
`,
		"plugin.cc": `static int thrower(int x) { if (x) throw x; return 0; }
extern "C" int run(int (*through)(int (*)(int), int), int x)
{
	try { return through(thrower, x); } catch (int caught) { return caught * 100; }
}
`,
	}
	patchEdit(t, dir, original, "prog.c", "call(x) + 1", "call(x) * 2 + 7")
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"), filepath.Join(dir, "libplugin"))
	hold(t, p, []turn{{Input: "", Want: "6"}})
	said := mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	assertContains(t, said.Stderr, "a C++ library that the process loads from now on does not know the patch")
	hold(t, p, []turn{{Input: "", Want: "17"}})
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-i", "c1", "-p", pid(p))
	hold(t, p, []turn{{Input: "l", Want: "500"}})
	said = mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	if strings.Contains(said.Stderr, "does not know the patch") {
		t.Errorf("the library is loaded, but carectl says: %s", said.Stderr)
	}
	hold(t, p, []turn{{Input: "", Want: "500"}})

	started := mustRun(t, 0, dir, nil, "carectl", "run", "patchroot", "--", filepath.Join(dir, "lpmake", "prog"))
	if started.Stderr != "" {
		t.Errorf("the standard error of a command that is started with a patch is its own; it has: %s", started.Stderr)
	}
	started = mustRun(t, 0, dir, nil, "carectl", "-v", "run", "patchroot", "--", filepath.Join(dir, "lpmake", "prog"))
	assertContains(t, started.Stderr, "does not know the patch")
}
