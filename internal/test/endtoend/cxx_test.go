package endtoend

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// Exceptions pass into, through and out of patched functions, also after the patch is off, is on again, and is off with its memory
// given back. Inline functions, virtual ones and templates are like others.
func TestCXX(t *testing.T) {
	programs(t)
	archive, err := txtar.ParseFile("testdata/cxx.txtar")
	if err != nil {
		t.Fatal(err)
	}
	original := map[string]string{}
	patched := map[string]string{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "patched/"); ok {
			patched[name] = string(f.Data)
		} else {
			original[f.Name] = string(f.Data)
		}
	}
	for name, text := range original {
		if patched[name] == "" {
			patched[name] = text
		}
	}
	for _, tt := range []struct{ name, compiler, flags, link string }{
		{"gcc-O0", "g++", "-O0", ""},
		{"gcc-O2", "g++", "-O2 -g", ""},
		{"gcc-O2-static", "g++", "-O2 -fno-pie", "-static"},
		{"clang-O0", "clang++", "-O0", ""},
		{"clang-O2", "clang++", "-O2 -fno-pie", "-no-pie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Require(t, tt.compiler)
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, original)
			writePatch(t, dir, original, maps.Clone(patched))
			env := []string{"KPCXXREAL=" + tt.compiler, "CXXFLAGS=" + tt.flags, "LINK=" + tt.link}
			mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			carectl := func(args ...string) {
				t.Helper()
				mustRun(t, 0, dir, nil, "carectl", append(args, "-p", pid(p))...)
			}
			hold(t, p, []turn{{Input: "1", Want: "24 4"}, {Input: "-5", Want: "-4 -7"}, {Input: "200", Want: "large 0"}})
			carectl("patch", "patchroot")
			hold(t, p, []turn{{Input: "1", Want: "839 8"}, {Input: "-5", Want: "-400 -9"}, {Input: "200", Want: "too large 0"}, {Input: "7", Want: "failure 0"}})
			carectl("unpatch", "-i", "c1")
			hold(t, p, []turn{{Input: "-5", Want: "-4 -3"}, {Input: "200", Want: "large 0"}})
			carectl("patch", "patchroot")
			hold(t, p, []turn{{Input: "200", Want: "too large 0"}})
			carectl("unpatch", "-i", "c1", "--unmap")
			hold(t, p, []turn{{Input: "200", Want: "large 0"}, {Input: "-5", Want: "-4 -2"}})
		})
	}
}

const cleanupProgram = `CFLAGS = -O2 -fexceptions
prog: prog.c
	$(CC) $(CFLAGS) -static -o prog prog.c
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog
`

// A process is not patched with handlers that its unwinder cannot be told of: one without symbols, or one in which no thread can make
// the call now.
func TestUnwinderRefuses(t *testing.T) {
	programs(t)
	testkit.Require(t, "g++")
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{
		"Makefile": strings.Replace(cleanupProgram, "$(CC) $(CFLAGS)", "carec++ $(CFLAGS)", 1),
		"prog.c": `#include <stdio.h>
#include <unistd.h>
static volatile int ended;
struct end { ~end() { ended++; } };
__attribute__((noinline)) int work(int x) { end e; if (x > 5) throw x; return x * 2; }
int main()
{
	puts("up");
	fflush(stdout);
	if (isatty(0) || getppid() < 0) try { return work(getpid()); } catch (int) {}
	for (;;) ended++;
}
`,
	}
	writeTree(t, dir, original)
	patched := maps.Clone(original)
	patched["prog.c"] = strings.Replace(original["prog.c"], "x * 2", "x * 3", 1)
	writePatch(t, dir, original, patched)
	mustRun(t, 0, dir, nil, "patchmake", "-i", "c1", "fix.patch")

	refuse := func(status int, code, program string) {
		t.Helper()
		p := testkit.Start(t, program)
		p.WaitLine("up")
		r := mustRun(t, status, dir, nil, "carectl", "patch", "--json", "--wait=0", "-p", pid(p), "patchroot")
		assertContains(t, r.Stdout, `"`+code+`"`)
	}
	program := filepath.Join(dir, "lpmake", "prog")
	refuse(3, "unwinder-busy", program)
	stripped := filepath.Join(dir, "stripped")
	mustRun(t, 0, dir, nil, "strip", "-o", stripped, program)
	refuse(1, "no-unwinder", stripped)
}
