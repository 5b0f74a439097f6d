package builder

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/wrapper"
)

// Options say what to build, how, and for whom. Directories are absolute.
type Options struct {
	BuildDir  string // where the commands run
	SourceDir string // where patches are applied
	Commands  Commands
	Clean     bool   // run the clean command before the original build
	Original  Output // install root of the original build
	Patched   Output // install root of the patched build
	Patches   Output // where the caller writes the patches
	Isolation isolate.Mode
	Environ   []string // of this process
	Output    *os.File // for what the commands print: a file, since a pipe would wait for all their descendants
	Say       Reporter
}

// Output is a directory that a run may write to, and the variable that names it.
type Output struct {
	Dir, Variable string
	Written       bool // by this run
}

// Reporter is told what goes on.
type Reporter interface {
	Heading(format string, args ...any)  // a step begins
	Progress(format string, args ...any) // details
	Note(format string, args ...any)
	Warn(format string, args ...any)
	Working(stage string, far func() string) (ended func()) // long work begins
}

// Tree is a source tree with its record, which no other process builds meanwhile.
type Tree struct {
	Store *buildtree.Store
	Root  string // directory that holds build and source directory: what the patched build must not change

	o        Options
	unlock   func() error
	carecc   string          // absolute path
	shims    func() []string // what makes compilers record, the same for every command: to look for clangs in PATH takes time
	expected int             // units that the patch surely changes, see Expect
	known    int             // units that the original build is known to have, 0 if that is not known
	included string          // directory of the header for patches; "" where none includes it
	fresh    bool            // the store was made by this run, and nothing is in it yet
}

// Open checks that the tree can be built, rolls back what an interrupted run left, and locks the tree.
func Open(o Options) (*Tree, error) {
	if _, err := o.Commands.line("", o.BuildDir); err != nil {
		return nil, err
	}
	t := &Tree{o: o, Root: commonDir(o.BuildDir, o.SourceDir)}
	dir, err := buildtree.FindStore(o.BuildDir, t.getenv)
	if err != nil {
		return nil, err
	}
	if filepath.Base(dir) == ".gocare" && isolate.Within(t.Root, filepath.Dir(dir)) {
		t.Root = filepath.Dir(dir)
	}
	if err := t.checkDirs(); err != nil {
		return nil, err
	}
	if t.carecc, err = findCarecc(); err != nil {
		return nil, err
	}
	if err := isolate.Recover(t.Root); err != nil {
		return nil, err
	}
	if rescued := filepath.Join(t.Root, isolate.RescueName); exists(rescued) {
		o.Say.Note("%s holds what was made or changed after a run that was killed; remove it when you need nothing of it", rescued)
	}
	t.fresh = !exists(dir)
	if t.Store, err = buildtree.CreateStore(dir); err != nil {
		return nil, recordFailure(dir, err)
	}
	t.shims = sync.OnceValue(func() []string { return wrapper.Env(t.carecc, t.Store.Dir()) })
	if err := t.lockStore(); err != nil {
		return t, err
	}
	return t, t.follow()
}

// follow makes the record one of this place, if the tree was moved or copied after it was built.
func (t *Tree) follow() error {
	from, err := follow(t.Store)
	if from != "" {
		t.o.Say.Note("the record is of %s: it counts for %s from now on", from, t.Store.Root())
	}
	return err
}

// Follow does that for a record that nothing is built with. It returns where the tree stood, "" if it did not move.
func Follow(store *buildtree.Store, tree string) (from string, err error) {
	if !store.Moved() {
		return "", nil
	}
	unlock, err := LockStore(store.Dir(), tree)
	if err != nil {
		return "", err
	}
	from, err = follow(store)
	store.HandOver()
	return from, errors.Join(err, unlock())
}

func follow(store *buildtree.Store) (from string, err error) {
	from, err = store.Follow()
	switch {
	case errors.Is(err, buildtree.ErrInUse):
		return "", fault.New(fault.Busy, store.Dir(), "%v, and the tree was moved", err).WithState("tree unchanged").WithHint("wait until the build is done")
	case err != nil:
		return "", recordFailure(store.Dir(), err)
	}
	return from, nil
}

// Close lets others into the tree, and removes the store of a run that failed before there was anything to record.
func (t *Tree) Close() error {
	if t.fresh {
		os.RemoveAll(t.Store.Dir())
	}
	t.Store.HandOver()
	return t.unlock()
}

// lockStore keeps a second patchmake out of the same tree.
func (t *Tree) lockStore() (err error) {
	t.unlock, err = LockStore(t.Store.Dir(), t.Root)
	return err
}

// LockStore keeps every other patchmake out of the tree that has its record in dir.
func LockStore(dir, tree string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, recordFailure(dir, err)
	}
	if !ok {
		return nil, fault.New(fault.Busy, tree, "another patchmake works in this tree").WithState("tree unchanged").WithHint("wait until it is done")
	}
	return lock.Close, nil
}

func recordFailure(dir string, err error) error {
	return fault.New(fault.Environment, dir, "cannot write the record").WithCause(err).
		WithState("tree unchanged").WithHint("make the directory writable, or name another with KPATCH_ASM_DIR")
}

// RecordErrors lists what went wrong in recording, a line each.
func (t *Tree) RecordErrors() []string {
	lines, err := t.Store.Errors()
	if err != nil {
		return []string{err.Error()}
	}
	return lines
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// commonDir returns the deepest directory that holds both.
func commonDir(a, b string) string {
	for !isolate.Within(b, a) {
		a = filepath.Dir(a)
	}
	return a
}
