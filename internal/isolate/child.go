package isolate

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// RunChild must be called first thing in main. In a process that was started to set up a view it does that, executes the
// command and never returns; in any other it returns at once.
func RunChild() {
	if len(os.Args) < 2 || os.Args[0] != childName {
		return
	}
	sp, err := parseSpec(os.Args[1])
	if err != nil {
		childFails(exitSetup, err)
	}
	if sp.Op == "watch" {
		finish(sp.watch())
	}
	if err := sp.setUp(); err != nil {
		childFails(exitSetup, err)
	}
	switch sp.Op {
	case "probe":
		finish(sp.probe())
	case "write":
		finish(sp.write(os.Stdin))
	}
	status, err := sp.run(os.Args[2:])
	if err != nil {
		childFails(exitNotRun, err)
	}
	os.Exit(status)
}

func finish(err error) {
	if err != nil {
		childFails(1, err)
	}
	os.Exit(0)
}

func childFails(status int, err error) {
	fmt.Fprintf(os.Stderr, "isolate: %v\n", err)
	os.Exit(status)
}

// setUp takes the lock, mounts the view and drops what only mounting needed.
func (sp *spec) setUp() error {
	if err := sp.holdLock(); err != nil {
		return err
	}
	if !sp.Names {
		return nil
	}
	if err := sp.mountView(); err != nil {
		return err
	}
	if sp.ReadOnly {
		if err := sp.restrict(); err != nil {
			return err
		}
	}
	if sp.User {
		return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	return nil
}

// holdLock opens the lock file so that the command and all its children inherit it: what they use is not stale while
// one of them lives.
func (sp *spec) holdLock() error {
	if sp.Lock == "" {
		return nil
	}
	fd, err := unix.Open(sp.Lock, unix.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", sp.Lock, err)
	}
	return unix.Flock(fd, unix.LOCK_SH)
}

// probe makes and removes a file in the tree, to see that the view can be written.
func (sp *spec) probe() error {
	if sp.Mode == "" {
		return nil
	}
	f, err := os.CreateTemp(sp.Tree, ".gocare-probe-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// run runs the command and returns its exit status.
func (sp *spec) run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("no command")
	}
	if err := os.Chdir(sp.Dir); err != nil {
		return 0, err
	}
	path := args[0]
	if !strings.Contains(path, "/") {
		found, err := exec.LookPath(path)
		if err != nil && !errors.Is(err, exec.ErrDot) {
			return 0, err
		}
		path = found
	}
	k, err := newKeeper(sp.Parent)
	if err != nil {
		return 0, err
	}
	status, err := k.run(path, args, withPWD(os.Environ(), sp.Dir), sp.Mode != "")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", args[0], err)
	}
	return status, nil
}

// withPWD sets PWD, so that programs see the working directory as the user wrote it, symbolic links included.
func withPWD(env []string, dir string) []string {
	out := []string{"PWD=" + dir}
	for _, e := range env {
		if !strings.HasPrefix(e, "PWD=") {
			out = append(out, e)
		}
	}
	return out
}

// edit is one file to write: path relative to the tree.
type edit struct {
	Path   string
	Data   []byte
	Delete bool
	Mode   fs.FileMode // 0: keep, or 0644
}

// write makes the edits that it reads from r. No path leaves the tree, not by symbolic links either.
func (sp *spec) write(r io.Reader) error {
	var edits []edit
	if err := gob.NewDecoder(r).Decode(&edits); err != nil {
		return err
	}
	root, err := os.OpenRoot(sp.Tree)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, e := range edits {
		if err := e.makeAnyway(root); err != nil {
			return err
		}
	}
	return nil
}

// makeAnyway also makes the edit in a directory of the user's own that he may not write to; its mode is as before then.
func (e *edit) makeAnyway(root *os.Root) error {
	err := e.make(root)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	dir := filepath.Dir(e.Path)
	info, statErr := root.Stat(dir)
	if statErr != nil {
		return err
	}
	if open := root.Chmod(dir, info.Mode()&modeBits|0o200); open != nil {
		return errors.Join(err, open)
	}
	return errors.Join(e.make(root), root.Chmod(dir, info.Mode()&modeBits))
}

// make writes beside the file and renames, so that neither a symbolic nor a hard link leads the bytes elsewhere.
func (e *edit) make(root *os.Root) error {
	if e.Delete {
		if err := root.Remove(e.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	mode := e.Mode
	if info, err := root.Stat(e.Path); mode == 0 && err == nil {
		mode = info.Mode() & modeBits
	} else if mode == 0 {
		mode = 0o644
	}
	if dir := filepath.Dir(e.Path); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	temp := e.Path + ".gocare-new"
	if err := root.WriteFile(temp, e.Data, 0o600); err != nil {
		return err
	}
	if err := root.Chmod(temp, mode); err != nil {
		return err
	}
	return stampAndRename(root, temp, e.Path)
}
