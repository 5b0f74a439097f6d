package patcher

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"

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
	Env       []string                                     // environment of compiles on the side, which are not recorded
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

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// Contents gives for the absolute path of each changed file below source what version makes of it (nil deletes) and its mode.
func Contents(source string, change *srcpatch.Change, version func(srcpatch.FileChange) []byte) (map[string][]byte, map[string]fs.FileMode) {
	files, modes := map[string][]byte{}, map[string]fs.FileMode{}
	for _, f := range change.Files {
		if f.Old != "" && f.Old != f.New {
			files[filepath.Join(source, f.Old)] = nil
		}
		if f.New == "" {
			continue
		}
		path := filepath.Join(source, f.New)
		files[path], modes[path] = append([]byte{}, version(f)...), f.Mode
	}
	return files, modes
}
