package endtoend

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

func makeTarget(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{"-s", "-C", testkit.Root(t)}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, out)
	}
}

// files lists everything below dir but directories, and what lies in directories whose names begin with a dot.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What is installed works, under LibcarePlus' names too; what is uninstalled is gone, and nothing else is.
func TestInstall(t *testing.T) {
	programs(t)
	t.Parallel()
	dest := t.TempDir()
	target := []string{"DESTDIR=" + dest, "PREFIX=/usr", "LINKS=yes", "BIN=" + t.TempDir()}
	makeTarget(t, append(target, "install")...)
	got := files(t, dest)
	for _, want := range []string{
		"usr/bin/carecc", "usr/bin/carec++", "usr/bin/patchmake", "usr/bin/carectl", "usr/bin/gocare-dpkg", "usr/bin/gocare-rpm",
		"usr/bin/libcare-cc", "usr/bin/libcare-patch-make", "usr/bin/libcare-ctl",
		"usr/share/man/man1/carecc.1", "usr/share/man/man1/patchmake.1", "usr/share/man/man1/carectl.1", "usr/share/man/man7/gocare.7",
		"usr/share/man/man7/gocare.h.7", "usr/include/gocare.h",
		"usr/share/man/man1/gocare-dpkg.1", "usr/share/man/man1/gocare-rpm.1", "usr/lib/gocare/gocare-packages", "usr/lib/rpm/macros.d/macros.gocare",
		"usr/share/bash-completion/completions/carectl", "usr/share/zsh/site-functions/_patchmake", "usr/share/bash-completion/completions/gocare-rpm",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not installed", want)
		}
	}
	bin := filepath.Join(dest, "usr", "bin")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "empty.c"), "int main(void) { return 0; }\n")
	testkit.Run(t, dir, filepath.Join(bin, "libcare-cc"), "-o", "empty", "empty.c")
	testkit.Run(t, dir, filepath.Join(bin, "libcare-patch-make"), "--help")
	testkit.Run(t, dir, filepath.Join(bin, "libcare-ctl"), "--help")
	testkit.Run(t, dir, filepath.Join(bin, "gocare-dpkg"), "--help")
	testkit.Run(t, dir, filepath.Join(bin, "gocare-rpm"), "--help")
	if out := testkit.Run(t, dir, "readelf", "-l", filepath.Join(bin, "carectl")); strings.Contains(out, "INTERP") {
		t.Error("carectl is not static")
	}

	foreign := filepath.Join(bin, "libcare-ctl")
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, foreign, "somebody else's\n")
	makeTarget(t, append(target, "uninstall")...)
	if got := files(t, dest); !slices.Equal(got, []string{"usr/bin/libcare-ctl"}) {
		t.Errorf("left after uninstall: %q", got)
	}
}

func TestBashCompletion(t *testing.T) {
	testkit.Require(t, "bash")
	tests := []struct {
		name, line string // words, the last one to be completed
		want       string
	}{
		{"a command", "carectl un", "unpatch"},
		{"a command that starts others", "carectl r", "run"},
		{"a long option", "patchmake --cle", "--clean"},
		{"an option of a command", "carectl patch --wa", "--wait"},
		{"a code that can be overridden", "patchmake --allow struct-", "struct-layout"},
		{"a code to explain", "patchmake explain data-s", "data-size"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			words := strings.Fields(tt.line)
			script := `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gocare_complete; printf '%s\n' "${COMPREPLY[@]}"`
			args := append([]string{"-c", script, filepath.Join(testkit.Root(t), "scripts", "completion.bash")}, words...)
			got := strings.Fields(mustRun(t, 0, t.TempDir(), nil, "bash", args...).Stdout)
			if !slices.Contains(got, tt.want) {
				t.Errorf("%q completes to %q, want %q among them", tt.line, got, tt.want)
			}
		})
	}
}

// rpm itself takes the macro file, and what %carecc_env expands to makes a gcc build recorded.
func TestRPMMacros(t *testing.T) {
	testkit.Require(t, "rpm")
	macros := filepath.Join(testkit.Root(t), "scripts", "macros.gocare")
	shell := strings.TrimSpace(mustRun(t, 0, t.TempDir(), nil, "rpm", "--load", macros, "--eval", "%carecc_env").Stdout)
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "Makefile"), "all:\n")
	testkit.WriteFile(t, filepath.Join(dir, "empty.c"), "int main(void) { return 0; }\n")
	mustRun(t, 0, dir, nil, "sh", "-c", shell+"; gcc -o empty empty.c")
	if records := files(t, filepath.Join(dir, ".gocare")); len(records) == 0 {
		t.Error("the build left no record")
	}
}
