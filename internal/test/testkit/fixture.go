package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Root returns the absolute path of the module's root directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}

// CC runs `gcc ARGS -o OUTPUT` in dir and returns the absolute path of the output. It requires gcc.
func CC(t testing.TB, dir, output string, args ...string) string {
	t.Helper()
	Require(t, "gcc")
	Run(t, dir, "gcc", append(append([]string{}, args...), "-o", output)...)
	if filepath.IsAbs(output) {
		return output
	}
	abs, err := filepath.Abs(filepath.Join(dir, output))
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// CCText compiles a program or library from C text in a temporary directory, with flags before the source, and returns
// its path. Flags that must follow the source, such as -lm, go into after.
func CCText(t testing.TB, source string, flags []string, after ...string) string {
	t.Helper()
	dir := t.TempDir()
	WriteFile(t, filepath.Join(dir, "fixture.c"), source)
	args := append(append([]string{}, flags...), "fixture.c")
	return CC(t, dir, "fixture", append(args, after...)...)
}

// Run runs a command in dir to its end and returns its standard output and error; a failure ends the test.
func Run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// WriteFile writes text to path, making the directories above it.
func WriteFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Golden compares got with the file at path, or writes the file when update is set.
func Golden(t testing.TB, path string, got []byte, update bool) {
	t.Helper()
	if update {
		WriteFile(t, path, string(got))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
