package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// loader loads and unloads a library, and calls it, as it is told.
const loader = `
#include <dlfcn.h>
#include <stdio.h>
__attribute__((noinline)) int own(int x) { return x * 7 + 3; }
int main(int argc, char **argv) {
	char line[64];
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'c') { dlclose(library); library = 0; }
		if (line[0] == 'o') library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
		int (*inner)(int) = library ? (int (*)(int))dlsym(library, "inner") : 0;
		printf("%d %d\n", inner ? inner(1) : 0, own(1));
	}
	return 0;
}`

// loading is a running loader, with a patch for its library.
func loading(t *testing.T) (g *target) {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	library := testkit.CCText(t, "int inner(int x) { return x * 31 + 7; }\nint outer(int x) { return x * 5 + 1; }", []string{"-O2", "-shared", "-fPIC"})
	program := testkit.CCText(t, loader, []string{"-O2"}, "-ldl")
	g = &target{Proc: testkit.Start(t, program, library), program: program}
	g.pid = strconv.Itoa(g.PID)
	g.patch = handpatch.Build(t, handpatch.Spec{Program: library, Source: "int inner(int x) { return x * 100; }"})
	g.WaitLine("ready")
	return g
}

func (g *target) tell(line string) string { g.Send(line); return g.Next() }

// TestUnloaded: a patched library that is unloaded takes the hooks along; removal says so, and the process goes on.
func TestUnloaded(t *testing.T) {
	g := loading(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	for _, step := range []struct{ tell, want string }{{"", "100 10"}, {"c", "0 10"}} {
		if got := g.tell(step.tell); got != step.want {
			t.Fatalf("%q: %q, want %q", step.tell, got, step.want)
		}
	}
	r := carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	if r.exit != 0 || !strings.Contains(r.errs, "is not loaded any more") {
		t.Errorf("exit %d, %s", r.exit, r.errs)
	}
	if got := g.tell("o"); got != "38 10" {
		t.Errorf("loaded again: %q", got)
	}
	carectl(t, "patch", "-p", g.pid, g.patch)
	if got := g.tell(""); got != "100 10" {
		t.Errorf("patched again: %q", got)
	}
}

// TestLoadedAgain: a library that was unloaded and loaded again runs without the patch: it can be applied, and removed.
func TestLoadedAgain(t *testing.T) {
	g := loading(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	g.tell("c")
	if got := g.tell("o"); got != "38 10" {
		t.Fatalf("loaded again: %q", got)
	}
	s := surveyed(t, 3, "-p", g.pid, g.patch)
	if s.state(g.PID) != vulnerable {
		t.Errorf("%+v", s)
	}
	r := carectl(t, "patch", "-p", g.pid, g.patch)
	if got := g.tell(""); r.exit == 0 && got != "100 10" || r.exit != 0 && got != "38 10" {
		t.Errorf("exit %d, but %q", r.exit, got)
	}
	r = carectl(t, "patch", "-p", g.pid, "--replace=0001", g.patch)
	if got := g.tell(""); r.exit != 0 || got != "100 10" {
		t.Errorf("replaced: exit %d, %q", r.exit, got)
	}
	r = carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	if got := g.tell(""); r.exit != 0 || got != "38 10" {
		t.Errorf("removed: exit %d, %q", r.exit, got)
	}
}

// TestImportThatMayGo: a patch for the program does not call into a library that the program may unload, but into others.
func TestImportThatMayGo(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	const text = "int outer(int x) { return x * 5 + 1; }"
	for name, tt := range map[string]struct {
		flags   []string // of the library
		linked  bool
		preload bool
		allow   []string
		exit    int
	}{
		"opened by the program":       {exit: 1},
		"and the user vouches for it": {allow: []string{"--allow=may-unload"}},
		"never unloaded":              {flags: []string{"-Wl,-z,nodelete"}},
		"preloaded":                   {preload: true},
		"linked with":                 {linked: true},
		"linked with by another name": {linked: true, flags: []string{"-Wl,-soname,other.so"}},
	} {
		t.Run(name, func(t *testing.T) {
			library := testkit.CCText(t, text, append([]string{"-O2", "-shared", "-fPIC"}, tt.flags...))
			after := []string{"-ldl"}
			if tt.linked {
				after = append(after, "-Wl,--no-as-needed", library, "-Wl,-rpath,"+filepath.Dir(library))
				if err := os.Symlink(library, filepath.Join(filepath.Dir(library), "other.so")); err != nil {
					t.Fatal(err)
				}
			}
			program := testkit.CCText(t, loader, []string{"-O2"}, after...)
			cmd := exec.Command(program, library)
			if tt.preload {
				cmd.Env = append(os.Environ(), "LD_PRELOAD="+library)
			}
			g := &target{Proc: testkit.StartCmd(t, cmd), program: program}
			g.pid = strconv.Itoa(g.PID)
			g.WaitLine("ready")
			patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int outer(int); int own(int x) { return outer(x); }"})
			r := carectl(t, append([]string{"patch", "--json", "-p", g.pid, patch}, tt.allow...)...)
			if r.exit != tt.exit || tt.exit != 0 && !strings.Contains(r.out, `"may-unload"`) {
				t.Errorf("exit %d, %s", r.exit, r.errs)
			}
			if tt.allow != nil {
				return
			}
			want := "0 10"
			if tt.exit == 0 {
				want = "0 6"
			}
			if got := g.tell("c"); got != want {
				t.Errorf("unloaded: %q, want %q", got, want)
			}
		})
	}
}

// TestExecutedAgain: a program that executes itself anew is without its patch, and says so to who removes it.
func TestExecutedAgain(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
int main(int argc, char **argv) {
	char line[64];
	setvbuf(stdin, 0, _IONBF, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == 'x') execv("/proc/self/exe", argv);
		printf("value %d\n", value(13));
	}
	return 0;
}`, []string{"-O2"})
	g := &target{Proc: testkit.Start(t, program), program: program}
	g.pid = strconv.Itoa(g.PID)
	g.patch = handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	g.WaitLine("ready")
	carectl(t, "patch", "-p", g.pid, g.patch)
	if got := g.tell("x"); got != "ready" {
		t.Fatalf("got %q", got)
	}
	r := carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	if r.exit != 1 || !strings.Contains(r.errs, "patch 0001 is not applied") || !strings.Contains(r.errs, "state: process unchanged and running") {
		t.Errorf("exit %d, %s", r.exit, r.errs)
	}
	carectl(t, "patch", "-p", g.pid, g.patch)
	if got := g.ask(); got != "value 66" {
		t.Errorf("patched anew: %q", got)
	}
}
