package planner

import (
	"context"
	"io/fs"
	"os/exec"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
)

// Builds are the two recorded builds of a tree, and what is known of them.
type Builds struct {
	Store     *buildtree.Store
	Dirs      Dirs
	Change    *srcpatch.Change
	Patches   []*srcpatch.Patch
	View      View                                         // where the patched build was made
	Build     func(context.Context, buildtree.Stage) error // builds in the view as the patched build did, recorded for a stage; "" for none
	Before    *Reads                                       // what the original read, see ReadOriginal
	Env       []string                                     // environment of compiles on the side, which are not recorded
	Clean     bool                                         // the original was built anew by this run
	NoRestore bool                                         // do not compile with the old line numbers
	Allow     func(code fault.Code) bool
	Progress  func(format string, args ...any) // told of long work
	Warn      func(format string, args ...any) // told of what the user should know
}

// Dirs are the directories of a tree, absolute.
type Dirs struct {
	Tree       string // holds source and build directory
	Source     string // where source patches are applied
	Installed  string // install root of the original build
	Patched    string // of the patched build, in the view
	InstallVar string // name of the variable that tells an install step where to, for hints
}

// View is a view of the tree with the patched sources; isolate.Sandbox is one.
type View interface {
	Command(context.Context, isolate.Cmd) *exec.Cmd
	WriteFiles(contents map[string][]byte, modes map[string]fs.FileMode) error
	Mode() isolate.Mode
}
