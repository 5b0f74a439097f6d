package builder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// checkDirs finds out before anything is built what would be noticed after it, or would do harm.
func (t *Tree) checkDirs() error {
	if t.Root == "/" || t.Root == t.getenv("HOME") {
		return fault.New(fault.Refused, t.Root, "build and source directory have only this directory in common").
			WithState("tree unchanged").WithHint("move both below one directory of their own")
	}
	for _, out := range []Output{t.o.Original, t.o.Patched, t.o.Patches} {
		if isolate.Within(t.o.BuildDir, out.Dir) || isolate.Within(t.o.SourceDir, out.Dir) {
			return fault.New(fault.Usage, out.Dir, "an output directory cannot hold the tree itself").
				WithHint("look at %s, %s and %s", t.o.Original.Variable, t.o.Patched.Variable, t.o.Patches.Variable)
		}
	}
	for _, out := range []Output{t.o.Patches, t.o.Original, t.o.Patched} {
		if err := t.checkOutput(out); err != nil {
			return fault.New(fault.Environment, out.Dir, "cannot write to this output directory").WithCause(err).
				WithState("tree unchanged").WithHint("make room for it, or name another directory with %s", out.Variable)
		}
	}
	return nil
}

func (t *Tree) checkOutput(out Output) error {
	if !out.Written {
		return nil
	}
	// The patched build alone writes there, and its view of the tree is always writable.
	inView := out == t.o.Patched && isolate.Within(out.Dir, t.Root)
	return checkWritable(out.Dir, inView)
}

// checkWritable reports why dir, or the nearest directory above it that exists, cannot be written to; where any may be written
// to, whether it can be a directory at all. It asks and makes nothing: a read-only file system refuses root too.
func checkWritable(dir string, any bool) error {
	for {
		st, err := os.Stat(dir)
		switch {
		case err == nil && !st.IsDir():
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		case err == nil && any:
			return nil
		case err == nil:
			const writeAndSearch = 2 | 1 // W_OK|X_OK of access(2)
			if err := syscall.Access(dir, writeAndSearch); err != nil {
				return &fs.PathError{Op: "write", Path: dir, Err: err}
			}
			return nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return err
		}
		dir = filepath.Dir(dir)
	}
}
