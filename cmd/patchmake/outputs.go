package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// output is a directory that a run writes to, and the variable that names it.
type output struct {
	dir, variable string
	inView        bool // written to by the patched build alone, whose view of the tree is always writable
}

// outputs lists the directories that this run will write to.
func (w *workspace) outputs() []output {
	var list []output
	if !w.o.DryRun {
		list = append(list, output{dir: w.o.PatchRoot, variable: "LPMAKE_PATCHROOT"})
	}
	if !w.o.Update {
		list = append(list, output{dir: w.o.OriginalDir, variable: "LPMAKE_ORIGINAL_DIR"},
			output{dir: w.o.PatchedDir, variable: "LPMAKE_PATCHED_DIR", inView: isolate.Within(w.o.PatchedDir, w.tree)})
	}
	return list
}

// checkOutputs finds out before anything is built what would be noticed after it.
func (w *workspace) checkOutputs() error {
	for _, out := range w.outputs() {
		if err := out.check(); err != nil {
			return fault.New(fault.Environment, out.dir, "cannot write to this output directory").WithCause(err).
				WithState("tree unchanged").WithHint("make room for it, or name another directory with %s", out.variable)
		}
	}
	return nil
}

// check reports why the directory, or the nearest one above it that exists, cannot be written to. It asks and makes nothing:
// a read-only file system refuses root too.
func (o output) check() error {
	dir := o.dir
	for {
		st, err := os.Stat(dir)
		switch {
		case err == nil && !st.IsDir():
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		case err == nil && o.inView:
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
