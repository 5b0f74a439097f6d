package endtoend

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gocare/internal/test/gobuild"
	"gocare/internal/test/testkit"
)

// buildPrograms is set by TestMain: it builds carecc, patchmake and carectl on its first call and returns their directory.
var buildPrograms func() (string, error)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gocare-programs")
	if err != nil {
		panic(err)
	}
	buildPrograms = sync.OnceValues(func() (string, error) { return dir, goBuild(dir) })
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

func goBuild(dir string) error {
	if err := gobuild.Programs(context.Background(), dir); err != nil {
		return err
	}
	return os.Symlink("carecc", filepath.Join(dir, "carec++"))
}

// programs returns the directory of the three programs, built from the sources as they are.
func programs(t *testing.T) string {
	t.Helper()
	testkit.Require(t, "go", "gcc", "make", "ptrace")
	lookAtSources(t)
	dir, err := buildPrograms()
	if err != nil {
		t.Fatalf("the programs do not build:\n%v", err)
	}
	return dir
}

// looked is what came of looking at the sources. Once will do: a result is cached for the test binary, and each look is noted as 1,000 inputs.
var looked struct {
	once sync.Once
	err  error
}

// lookAtSources makes every Go source an input of this test, so that a cached result is not taken for a result of other sources.
func lookAtSources(t *testing.T) {
	t.Helper()
	looked.once.Do(func() { looked.err = lookBelow(testkit.Root(t)) })
	if looked.err != nil {
		t.Fatal(looked.err)
	}
}

func lookBelow(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if err == nil && (strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), "go.")) {
			_, err = os.Stat(path)
		}
		return err
	})
}

// result is what a program left behind.
type result struct {
	Status         int
	Stdout, Stderr string
}

func (r result) String() string {
	return "exit status " + strconv.Itoa(r.Status) + "\n" + r.Stdout + r.Stderr
}

// run runs one of the programs, or anything else in PATH, in dir with env added; the programs are in its PATH.
func run(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	bin := programs(t)
	if _, err := os.Stat(filepath.Join(bin, name)); err == nil {
		name = filepath.Join(bin, name)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = slices.Concat(cleanEnviron(), []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, env)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// cleanEnviron is the environment less what would steer the programs, make or the compiler.
func cleanEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		for _, prefix := range []string{"KPATCH_", "KPCC", "LPMAKE_", "CC", "CFLAGS", "MAKE", "DESTDIR", "PATH", "COMPILER_PATH"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	})
}

// mustRun is run where anything but the exit status want ends the test.
func mustRun(t *testing.T, want int, dir string, env []string, name string, args ...string) result {
	t.Helper()
	r := run(t, dir, env, name, args...)
	if r.Status != want {
		t.Fatalf("%s %q: want exit status %d, got %v", name, args, want, r)
	}
	return r
}

// patchEdit writes a tree and makes patch c1 of one edit in it.
func patchEdit(t *testing.T, dir string, original map[string]string, file, before, after string) {
	t.Helper()
	patched := maps.Clone(original)
	patched[file] = strings.Replace(original[file], before, after, 1)
	writeTree(t, dir, original)
	writePatch(t, dir, original, patched)
	mustRun(t, 0, dir, nil, "patchmake", "-i", "c1", "fix.patch")
}

// writePatch writes the difference of two trees as fix.patch into dir, with strip level 1.
func writePatch(t *testing.T, dir string, original, patched map[string]string) {
	t.Helper()
	testkit.Require(t, "diff")
	trees := t.TempDir()
	writeTree(t, filepath.Join(trees, "a"), original)
	writeTree(t, filepath.Join(trees, "b"), patched)
	cmd := exec.Command("diff", "-uprN", "a", "b")
	cmd.Dir = trees
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("diff: want exit status 1, got %v", err)
	}
	testkit.WriteFile(t, filepath.Join(dir, "fix.patch"), string(out))
}

func pid(p *testkit.Proc) string { return strconv.Itoa(p.PID) }
