package endtoend

import (
	"maps"
	"os/exec"
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
	original, patched, talk := cxxProgram(t)
	for _, tt := range []struct{ name, compiler, flags, link string }{
		{"gcc-O0", "g++", "-O0", ""},
		{"gcc-O2", "g++", "-O2 -g", ""},
		{"gcc-O2-static", "g++", "-O2 -fno-pie", "-static"},
		{"clang-O0", "clang++", "-O0", ""},
		{"clang-O2", "clang++", "-O2", "-no-pie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Require(t, tt.compiler)
			t.Parallel()
			dir := t.TempDir()
			writeTree(t, dir, original)
			writePatch(t, dir, original, patched)
			env := []string{"KPCXXREAL=" + tt.compiler, "CXXFLAGS=" + tt.flags, "LINK=" + tt.link}
			mustRun(t, 0, dir, env, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			carectl := func(args ...string) {
				t.Helper()
				mustRun(t, 0, dir, nil, "carectl", append(args, "-p", pid(p))...)
			}
			removal := []string{"unpatch", "-i", "c1"}
			for _, next := range talk {
				switch next.Act {
				case "say":
					hold(t, p, []turn{next})
				case "patch":
					carectl("patch", "patchroot")
				case "unpatch":
					carectl(removal...)
					removal = append(removal, "--unmap") // the second time
				}
			}
		})
	}
}

// cxxProgram reads the C++ program, and what to ask it around two times of the patch.
func cxxProgram(t *testing.T) (original, patched map[string]string, talk []turn) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/cxx.txtar")
	if err != nil {
		t.Fatal(err)
	}
	original, changes := map[string]string{}, map[string]string{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "patched/"); ok {
			changes[name] = string(f.Data)
		} else {
			original[f.Name] = string(f.Data)
		}
	}
	if talk, err = parseTalk(original["talk"]); err != nil {
		t.Fatal(err)
	}
	delete(original, "talk")
	patched = maps.Clone(original)
	maps.Copy(patched, changes)
	return original, patched, talk
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
	patchEdit(t, dir, original, "prog.c", "x * 2", "x * 3")

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

const unwinderMakefile = `prog: prog.cc
	carec++ -O1 -o prog prog.cc $(LIBS)
install: prog
	mkdir -p $(DESTDIR) && cp prog $(DESTDIR)
clean:
	rm -f prog
`

// TestUnwinderUnknown: an unwinder that cannot be told of a patch, though another that nobody uses could be.
func TestUnwinderUnknown(t *testing.T) {
	programs(t)
	testkit.Require(t, "g++", "gcc")
	for _, tt := range []struct{ name, library, libs, want string }{
		{
			name: "llvm", libs: "-Wl,--no-as-needed,-rpath,'$$ORIGIN/..' -L. -lother -lgcc_s", want: "libother.so is its unwinder",
			library: "int _Unwind_RaiseException(void) { return 1; } int unw_getcontext; void __register_frame_info(void) {} void __deregister_frame_info(void) {}",
		},
		{
			name: "other", libs: "-Wl,--no-as-needed,-rpath,'$$ORIGIN/..' -L. -lother -lgcc_s", want: "libother.so is its unwinder",
			library: "int _Unwind_RaiseException(void) { return 1; }",
		},
		{name: "hidden", libs: "-static-libgcc -s", want: "prog has an unwinder of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.library != "" {
				testkit.WriteFile(t, filepath.Join(dir, "other.c"), tt.library)
				testkit.Run(t, dir, "gcc", "-shared", "-fPIC", "-o", "libother.so", "other.c")
			}
			original := map[string]string{"Makefile": unwinderMakefile, "prog.cc": `#include <stdio.h>
static volatile int ended;
struct end { ~end() { ended++; } };
__attribute__((noinline)) int work(int x) { end e; if (x > 500) throw x; return x * 2; }
int main()
{
	char line[64];
	int x;
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin) && sscanf(line, "%d", &x) == 1)
		printf("%d\n", work(x));
}
`}
			writeTree(t, dir, original)
			patched := maps.Clone(original)
			patched["prog.cc"] = strings.Replace(original["prog.cc"], "x * 2", "x * 3", 1)
			writePatch(t, dir, original, patched)
			mustRun(t, 0, dir, []string{"LIBS=" + tt.libs}, "patchmake", "-i", "c1", "fix.patch")
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, p, []turn{{Input: "2", Want: "4"}})
			r := mustRun(t, 1, dir, nil, "carectl", "patch", "--json", "-p", pid(p), "patchroot")
			assertContains(t, r.Stdout, `"no-unwinder"`)
			assertContains(t, r.Stdout, tt.want)
		})
	}
}

// TestUnwinderLoadedLater: a library with an unwinder of its own comes into a process that has a patch. To that the patch becomes known
// when it is applied again, and it is never told to forget what it does not know: that would end the process.
func TestUnwinderLoadedLater(t *testing.T) {
	programs(t)
	testkit.Require(t, "g++")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "plugin.cc"), `#include <stdio.h>
struct end { ~end() { puts("cleaned"); } };
extern "C" int plugin(int (*call)(void (*)()))
{
	try {
		end e;
		return call([] { throw 7; });
	} catch (int i) {
		return i;
	}
}
`)
	testkit.Run(t, dir, "g++", "-shared", "-fPIC", "-static-libgcc", "-static-libstdc++", "-Wl,--exclude-libs,ALL", "-o", "plugin.so", "plugin.cc")
	original := map[string]string{"Makefile": unwinderMakefile, "prog.cc": `#include <dlfcn.h>
#include <stdio.h>
static volatile int calls;
struct end { ~end() { calls++; } };
__attribute__((noinline)) int through(void (*f)()) { end e; f(); return calls; }
int main()
{
	char line[64];
	int x;
	int (*plugin)(int (*)(void (*)())) = 0;
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin) && sscanf(line, "%d", &x) == 1) {
		if (x > 1 && !plugin)
			plugin = (int (*)(int (*)(void (*)())))dlsym(dlopen("./plugin.so", RTLD_NOW), "plugin");
		if (x == 2)
			printf("plugin %d ", plugin(through));
		try {
			through([] { throw 1; });
		} catch (int) {
			printf("calls %d\n", calls);
		}
	}
}
`}
	patchEdit(t, dir, original, "prog.cc", "calls++", "calls += 10")
	for _, tt := range []struct {
		name  string
		steps []string // lines for the program, each with what it then prints, or arguments of carectl
	}{
		{"applied again", []string{
			"1", "calls 1", "patch", "1", "calls 11", "unpatch", "2", "plugin 7 calls 13", "patch", "2", "plugin 7 calls 33",
			"unpatch --unmap", "2", "plugin 7 calls 35",
		}},
		{"while applied", []string{"1", "calls 1", "patch", "3", "calls 11", "unpatch --unmap", "2", "plugin 7 calls 13"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(filepath.Join(dir, "lpmake", "prog"))
			cmd.Dir = dir
			p := testkit.StartCmd(t, cmd)
			for steps := tt.steps; len(steps) > 0; {
				args := strings.Fields(steps[0])
				switch args[0] {
				case "patch":
					args = append(args, "patchroot")
				case "unpatch":
					args = append(args, "-i", "c1")
				default:
					p.Send(steps[0])
					p.WaitLine(steps[1])
					steps = steps[2:]
					continue
				}
				mustRun(t, 0, dir, nil, "carectl", append(args, "-p", pid(p))...)
				steps = steps[1:]
			}
		})
	}
}

// TestCancelled: clean-ups of the callers of a patched function are done when its thread is cancelled there. C has some with -fexceptions.
func TestCancelled(t *testing.T) {
	programs(t)
	testkit.Require(t, "gcc")
	t.Parallel()
	dir := t.TempDir()
	original := map[string]string{"Makefile": strings.ReplaceAll(unwinderMakefile, "carec++ -O1", "carecc -O1 -fexceptions -pthread -x c"), "prog.cc": `#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static int ends[2], up[2];
static volatile int cleaned;
static void clean(void *p) { cleaned++; }
__attribute__((noinline)) int inner(int x)
{
	char c = 0;
	return write(up[1], &c, 1) + read(ends[0], &c, 1) + x + 1;
}
static void *outer(void *arg)
{
	int x;
	pthread_cleanup_push(clean, 0);
	x = inner(1);
	pthread_cleanup_pop(0);
	return (void *)(long)x;
}
int main(void)
{
	char line[64], c;
	pthread_t thread;
	setvbuf(stdout, 0, _IOLBF, 0);
	if (pipe(ends) || pipe(up))
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		pthread_create(&thread, 0, outer, 0);
		if (read(up[0], &c, 1) == 1)
			pthread_cancel(thread);
		pthread_join(thread, 0);
		printf("cleaned %d\n", cleaned);
	}
}
`}
	patchEdit(t, dir, original, "prog.cc", "x + 1", "x + 2")
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
	hold(t, p, []turn{{Want: "cleaned 1"}})
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "patchroot")
	hold(t, p, []turn{{Want: "cleaned 2"}})
}
