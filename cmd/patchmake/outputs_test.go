package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// TestOutputs: an output directory that cannot be written is noticed before anything is built, by root too.
func TestOutputs(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go", "unshare", "userns")
	bin := buildPrograms(t)
	for _, c := range []struct {
		name, variable, value string
		args                  []string
		exit                  int
		want                  string
	}{
		{"a file in the way", "LPMAKE_PATCHROOT", "file/out", nil, 1, "file: not a directory"},
		{"a file instead", "LPMAKE_PATCHROOT", "file", nil, 1, "file: not a directory"},
		{"a read-only mount", "LPMAKE_PATCHROOT", "ro/x/out", nil, 1, "ro: read-only file system"},
		{"a dry run", "LPMAKE_PATCHROOT", "ro/x/out", []string{"-n"}, 0, ""},
		{"the install", "LPMAKE_ORIGINAL_DIR", "ro/x", nil, 1, "ro: read-only file system"},
		{"the patched install", "LPMAKE_PATCHED_DIR", "tree/prog.c/x", nil, 1, "prog.c: not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"tree/prog.c":   "int main(void) { return 1; }\n",
				"tree/Makefile": "prog: prog.c\n\t$(CC) -o prog prog.c\ninstall: prog\n\tmkdir -p $(DESTDIR); cp prog $(DESTDIR)\n",
				"tree/fix":      "--- prog.c\n+++ prog.c\n@@ -1 +1 @@\n-int main(void) { return 1; }\n+int main(void) { return 2; }\n",
				"file":          "",
				"ro/empty":      "",
			} {
				testkit.WriteFile(t, filepath.Join(dir, name), text)
			}
			script := `mount -t tmpfs none ../ro; mount -o remount,ro ../ro; exec "$0" "$@"`
			args := append([]string{"-Urm", "sh", "-ec", script, filepath.Join(bin, "patchmake"), "fix"}, c.args...)
			cmd := exec.Command("unshare", args...)
			cmd.Dir = filepath.Join(dir, "tree")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), c.variable+"="+filepath.Join(dir, c.value))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.exit || !strings.Contains(string(out), c.want) {
				t.Errorf("exit %d, want %d: %s", got, c.exit, out)
			}
			if c.exit == 0 {
				return
			}
			for _, want := range []string{"error: ", "state: tree unchanged", c.variable} {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in: %s", want, out)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "tree", "*")); len(left) != 3 || strings.Contains(string(out), "BUILDING") {
				t.Errorf("something was built: %v: %s", left, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "tree", ".gocare")); err == nil {
				t.Error("a record was begun")
			}
		})
	}
}
