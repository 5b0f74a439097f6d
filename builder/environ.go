package builder

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gocare/buildtree"
	"gocare/internal/fault"
)

// Unrecorded stands for the stage of a command that is no part of a build, of which nothing is recorded.
const Unrecorded buildtree.Stage = "configure"

// Environ is the environment of a build command of a stage: recorded, outside any enclosing make, told where things go.
func (t *Tree) Environ(stage buildtree.Stage, extra ...string) []string {
	drop := map[string]bool{"MAKEFLAGS": true, "MFLAGS": true, "MAKELEVEL": true}
	env := []string{}
	for _, v := range t.o.Environ {
		if name, _, _ := strings.Cut(v, "="); !drop[name] {
			env = append(env, v)
		}
	}
	env = append(append(env, t.shims()...), "KPATCH_STAGE="+string(stage))
	if t.getenv("SOURCE_DATE_EPOCH") == "" {
		env = append(env, "SOURCE_DATE_EPOCH="+t.epoch())
	}
	for name, tool := range map[string]string{"CC": "carecc", "CXX": "carec++"} {
		if t.getenv(name) == "" {
			env = append(env, name+"="+t.toolName(tool))
		}
	}
	for _, out := range []Output{t.o.Original, t.o.Patched, t.o.Patches} {
		env = append(env, out.Variable+"="+out.Dir)
	}
	if stage != buildtree.Original {
		env = t.withInclude(env)
	}
	return append(append(env, libcareMark), extra...)
}

// libcareMark is by what makefiles written for LibcarePlus know that a live patch is being made.
const libcareMark = "IS_LIBCARE_CC=y"

func (t *Tree) getenv(name string) string {
	for _, v := range t.o.Environ {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// findCarecc looks beside this program, then in PATH.
func findCarecc() (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), "carecc")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("carecc")
	if err != nil {
		return "", fault.New(fault.Environment, "", "carecc is neither beside patchmake nor in PATH").WithHint("install it or add its directory to PATH")
	}
	return filepath.Abs(path)
}

// toolName is how the shim is named to the build: bare when PATH finds the same file, so that a tree configured with
// CC=carecc sees no other compiler.
func (t *Tree) toolName(tool string) string {
	path := filepath.Join(filepath.Dir(t.carecc), tool)
	if found, err := exec.LookPath(tool); err == nil && sameFile(found, path) {
		return tool
	}
	return path
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// epoch is the time stamp both stages compile with: set once for a tree.
func (t *Tree) epoch() string {
	path := t.epochFile()
	if b, err := os.ReadFile(path); err == nil {
		return string(b)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	os.WriteFile(path, []byte(now), 0o644)
	return now
}

func (t *Tree) epochFile() string { return filepath.Join(t.Store.Dir(), "epoch") }
