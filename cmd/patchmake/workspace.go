package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/ui"
	"gocare/patcher"
	"gocare/wrapper"
)

// workspace is where one run works: the tree, the record store beside it and the tools.
type workspace struct {
	o       options
	u       *ui.UI
	store   *buildtree.Store
	lock    *flock.Flock
	carecc  string            // absolute path
	shipped []patcher.Shipped // given with --target
	tree    string            // directory that holds build and source directory: what the patched build must not change
	fresh   bool              // the store was made by this run, and nothing is in it yet
}

func openWorkspace(o options, u *ui.UI) (*workspace, error) {
	if _, err := o.makeCommand(""); err != nil {
		return nil, err
	}
	dir, err := buildtree.FindStore(o.BuildDir, os.Getenv)
	if err != nil {
		return nil, err
	}
	w := &workspace{o: o, u: u, tree: commonDir(o.BuildDir, o.SourceDir)}
	if filepath.Base(dir) == ".gocare" && isolate.Within(w.tree, filepath.Dir(dir)) {
		w.tree = filepath.Dir(dir)
	}
	if err := w.checkDirs(); err != nil {
		return nil, err
	}
	if w.shipped, err = patcher.LoadShipped(o.Targets); err != nil {
		return nil, err
	}
	if w.carecc, err = findCarecc(); err != nil {
		return nil, err
	}
	if err := isolate.Recover(w.tree); err != nil {
		return nil, err
	}
	if rescued := filepath.Join(w.tree, isolate.RescueName); exists(rescued) {
		u.Note("%s holds what was made or changed after a run that was killed; remove it when you need nothing of it", rescued)
	}
	w.fresh = !exists(dir)
	if w.store, err = buildtree.CreateStore(dir); err != nil {
		return nil, recordFailure(dir, err)
	}
	return w, w.lockStore()
}

// forget removes the store of a run that failed before there was anything to record.
func (w *workspace) forget() {
	if w.fresh {
		os.RemoveAll(w.store.Dir())
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func recordFailure(dir string, err error) error {
	return fault.New(fault.Environment, dir, "cannot write the record").WithCause(err).
		WithState("tree unchanged").WithHint("make the directory writable, or name another with KPATCH_ASM_DIR")
}

func (w *workspace) checkDirs() error {
	home, _ := os.UserHomeDir()
	if w.tree == "/" || w.tree == home {
		return fault.New(fault.Refused, w.tree, "build and source directory have only this directory in common").
			WithState("tree unchanged").WithHint("move both below one directory of their own")
	}
	for _, dir := range []string{w.o.OriginalDir, w.o.PatchedDir, w.o.PatchRoot} {
		if isolate.Within(w.o.BuildDir, dir) || isolate.Within(w.o.SourceDir, dir) {
			return fault.New(fault.Usage, dir, "an output directory cannot hold the tree itself").
				WithHint("look at LPMAKE_ORIGINAL_DIR, LPMAKE_PATCHED_DIR and LPMAKE_PATCHROOT")
		}
	}
	return w.checkOutputs()
}

// lockStore keeps a second patchmake out of the same tree for as long as this process lives.
func (w *workspace) lockStore() error {
	w.lock = flock.New(filepath.Join(w.store.Dir(), "lock"))
	ok, err := w.lock.TryLock()
	if err != nil {
		return recordFailure(w.store.Dir(), err)
	}
	if !ok {
		return fault.New(fault.Busy, w.tree, "another patchmake works in this tree").WithState("tree unchanged").WithHint("wait until it is done")
	}
	return nil
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

// environ is the environment of a build command of a stage: recorded, outside any enclosing make.
func (w *workspace) environ(stage buildtree.Stage, extra ...string) []string {
	drop := map[string]bool{"MAKEFLAGS": true, "MFLAGS": true, "MAKELEVEL": true}
	env := []string{}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !drop[name] {
			env = append(env, v)
		}
	}
	env = append(env, wrapper.Env(w.carecc, w.store.Dir(), string(stage))...)
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		env = append(env, "SOURCE_DATE_EPOCH="+w.epoch())
	}
	for name, tool := range map[string]string{"CC": "carecc", "CXX": "carec++"} {
		if os.Getenv(name) == "" {
			env = append(env, name+"="+w.toolName(tool))
		}
	}
	return append(env, extra...)
}

// toolName is how the shim is named to the build: bare when PATH finds the same file, so that a tree configured with
// CC=carecc sees no other compiler.
func (w *workspace) toolName(tool string) string {
	path := filepath.Join(filepath.Dir(w.carecc), tool)
	if found, err := exec.LookPath(tool); err == nil && sameFile(found, path) {
		return tool
	}
	return path
}

// epoch is the time stamp both stages compile with: set once for a tree.
func (w *workspace) epoch() string {
	path := filepath.Join(w.store.Dir(), "epoch")
	if b, err := os.ReadFile(path); err == nil {
		return string(b)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	os.WriteFile(path, []byte(now), 0o644)
	return now
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (w *workspace) recordErrors() []string {
	lines, err := w.store.Errors()
	if err != nil {
		return []string{err.Error()}
	}
	return lines
}

// commonDir returns the deepest directory that holds both.
func commonDir(a, b string) string {
	for !isolate.Within(b, a) {
		a = filepath.Dir(a)
	}
	return a
}
