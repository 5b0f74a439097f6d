package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

const (
	helloOld = "Hello world!"
	helloNew = "Hello world being patched!"
)

// fooTree copies the sample program into a directory of its own; with noinline, print_hello is never inlined.
func fooTree(t *testing.T, noinline bool) string {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join(testkit.Root(t), "testdata", "foo")
	for _, name := range []string{"foo.c", "bar.c", "foo.patch", "Makefile"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if noinline {
			text = []byte(strings.Replace(string(text), "void print_hello", "__attribute__((noinline)) void print_hello", 1))
		}
		testkit.WriteFile(t, filepath.Join(dir, name), string(text))
	}
	return dir
}

// onePatch returns the one patch below dir, which patchmake has to have named in its last line.
func onePatch(t *testing.T, dir string, r result) string {
	t.Helper()
	patches, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(patches) != 1 {
		t.Fatalf("want one patch, got %q", patches)
	}
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	want := regexp.MustCompile(`^patch for .*/foo is in .*/patchroot/([0-9a-f]{40})\.kpatch$`)
	m := want.FindStringSubmatch(lines[len(lines)-1])
	if m == nil || m[1]+".kpatch" != filepath.Base(patches[0]) {
		t.Errorf("last line on standard output: %q for %s", lines[len(lines)-1], patches[0])
	}
	return patches[0]
}

func TestSample(t *testing.T) {
	programs(t)
	tests := []struct {
		name     string
		flags    string
		noinline bool
	}{
		{"the compiler's defaults", "", false},
		{"O0", "-O0", false},
		{"fixed addresses", "-no-pie", false},
		{"O2, not inlined", "-O2", true},
		{"O2 and debug information, not inlined", "-O2 -g", true},
		{"fixed addresses at O2, not inlined", "-O2 -fno-pie -no-pie", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := fooTree(t, tt.noinline)
			made := mustRun(t, 0, dir, []string{"CFLAGS=" + tt.flags}, "patchmake", "--clean", "-i", "0001", "foo.patch")
			patch := onePatch(t, dir, made)
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "foo"))
			p.WaitLine(helloOld)

			applied := mustRun(t, 0, dir, nil, "carectl", "-v", "patch", "-p", pid(p), patch)
			assertContains(t, applied.Stdout, "1 patch hunk(s) have been successfully applied to PID '"+pid(p)+"'")
			p.WaitLine(helloNew)

			info := mustRun(t, 0, dir, nil, "carectl", "info", "-p", pid(p))
			id := strings.TrimSuffix(filepath.Base(patch), ".kpatch")
			for _, row := range []string{`Pid: +` + pid(p), `Target: +foo`, `Build id: +` + id, `Applied patch number: +1`, `Patch id: +0001`} {
				if !regexp.MustCompile(`(?m)^` + row + `$`).MatchString(info.Stdout) {
					t.Errorf("info has no row %q:\n%s", row, info.Stdout)
				}
			}

			removed := mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "0001")
			assertContains(t, removed.Stdout, "1 patch hunk(s) were successfully cancelled from PID '"+pid(p)+"'")
			p.Drain()
			p.WaitLine(helloOld)
			gone := mustRun(t, 0, dir, nil, "carectl", "info", "-p", pid(p))
			if strings.Contains(gone.Stdout, "0001") {
				t.Errorf("info after removal:\n%s", gone.Stdout)
			}
		})
	}
}

// The manual route: two assembly files with different .file names and a program linked from the first, without a build.
func TestSampleFromAssembly(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := fooTree(t, false)
	testkit.Run(t, dir, "gcc", "-S", "foo.c", "bar.c")
	testkit.Run(t, dir, "gcc", "-o", "foo", "foo.s")
	mustRun(t, 0, dir, nil, "patchmake", "from-asm", "--orig", "foo.s", "--patched", "bar.s", "--binary", "foo", "-i", "0001", "-o", "foo.kpatch")
	p := testkit.Start(t, filepath.Join(dir, "foo"))
	p.WaitLine(helloOld)
	mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), "foo.kpatch")
	p.WaitLine(helloNew)
	mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "0001")
	p.Drain()
	p.WaitLine(helloOld)
}

// At -O2 the compiler inlines print_hello into main, which never returns: never safe, said so, and nothing is changed.
func TestSampleInlinedIsBusy(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := fooTree(t, false)
	made := mustRun(t, 0, dir, []string{"CFLAGS=-O2"}, "patchmake", "--clean", "-i", "0001", "foo.patch")
	patch := onePatch(t, dir, made)
	p := testkit.Start(t, filepath.Join(dir, "lpmake", "foo"))
	p.WaitLine(helloOld)
	r := mustRun(t, 3, dir, nil, "carectl", "patch", "--wait=1s", "-p", pid(p), patch)
	assertContains(t, r.Stderr, "main")
	assertContains(t, r.Stderr, "state: process unchanged and running")
	p.Drain()
	if line := p.Next(); line != helloOld {
		t.Errorf("after the refusal: %q", line)
	}
}

// The headings are LibcarePlus', on standard output, in this order; what the compiler says is not among them.
func TestSampleHeadings(t *testing.T) {
	programs(t)
	t.Parallel()
	dir := fooTree(t, false)
	made := mustRun(t, 0, dir, nil, "patchmake", "--clean", "-i", "0001", "foo.patch")
	rest := made.Stdout
	for _, heading := range []string{
		"BUILDING ORIGINAL CODE\n",
		"INSTALLING ORIGINAL OBJECTS INTO " + dir + "/lpmake\n",
		"applying foo.patch...\n",
		"BUILDING PATCHED CODE\n",
		"INSTALLING PATCHED OBJECTS INTO " + dir + "/.lpmaketmp/patched\n",
		"MAKING PATCHES\n",
		"patch for " + dir + "/lpmake/foo is in " + dir + "/patchroot/",
	} {
		_, after, found := strings.Cut(rest, heading)
		if !found {
			t.Fatalf("no %q in its place in:\n%s", heading, made.Stdout)
		}
		rest = after
	}
	assertFileEqual(t, filepath.Join(testkit.Root(t), "testdata", "foo", "foo.c"), filepath.Join(dir, "foo.c"))
	assertFileEqual(t, filepath.Join(testkit.Root(t), "testdata", "foo", "bar.c"), filepath.Join(dir, "bar.c"))
}

func assertContains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("no %q in:\n%s", want, text)
	}
}

func assertFileEqual(t *testing.T, want, got string) {
	t.Helper()
	w, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	g, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(w) != string(g) {
		t.Errorf("%s was changed", got)
	}
}
