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
	"gocare/internal/meter"
	"gocare/internal/srcpatch"
	"gocare/internal/toolexec"
	"gocare/kpatch"
)

// Builds are the two recorded builds of a tree, and what is known of them.
type Builds struct {
	Store     *buildtree.Store
	Dirs      Dirs
	Change    *srcpatch.Change
	Patches   []*srcpatch.Patch
	View      View     // where the patched build was made
	Env       []string // environment of compiles on the side, which are not recorded
	NoRestore bool     // do not compile with the old line numbers
	Allow     func(code fault.Code) bool
	Progress  func(format string, args ...any) // told of long work
	Warn      func(format string, args ...any) // told of what the user should know
}

// Dirs are the directories of a tree, absolute.
type Dirs struct {
	Tree       string // holds source and build directory
	Source     string // where source patches are applied
	Installed  string // install root of the original build
	InstallVar string // name of the variable that tells an install step where to, for hints
}

// View is a view of the tree with the patched sources; isolate.Sandbox is one.
type View interface {
	Command(context.Context, isolate.Cmd) *exec.Cmd
	WriteFiles(contents map[string][]byte, modes map[string]fs.FileMode) error
}

// Compare pairs the two builds and compiles what comparing units needs besides.
func Compare(ctx context.Context, b Builds) (*Plan, error) {
	c, links, err := compareRecords(b)
	if err != nil {
		return nil, err
	}
	users, err := c.headerUsers(ctx, links)
	if err != nil {
		return nil, err
	}
	links = changedOnly(withUsers(links, users))
	made, err := c.compileVersions(ctx, links)
	if err != nil {
		return nil, err
	}
	p := &Plan{Targets: c.targets(links, made), Same: c.same(), Overridden: made.overridden}
	if p.Files, err = KeepSources(b.Store, b.Change); err != nil {
		return nil, err
	}
	for _, patch := range b.Patches {
		p.Patches = append(p.Patches, kpatch.SourceFile{Name: patch.Name, SHA256: patch.SHA256})
	}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// CompareIdentity plans to compare every recorded C unit of the original build with itself: the patch then holds functions that do what
// the original's do, and a program with it must behave as without.
func CompareIdentity(ctx context.Context, b Builds) (*Plan, error) {
	b.Change = &srcpatch.Change{}
	c, links, err := compareRecords(b)
	if err != nil {
		return nil, err
	}
	var same []pairedUnit
	for i, l := range links {
		for index, in := range l.link.Inputs {
			if u := c.orig.UnitFor(l.link, in); u != nil && compilable(u) {
				same = append(same, pairedUnit{link: i, input: index, orig: u, record: *u, asm: u.AsmID})
			}
		}
	}
	links = changedOnly(withUsers(links, same))
	p := &Plan{Targets: c.targets(links, versions{})}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// compilerVersion is the first line of what the first unit's compiler says of itself.
func compilerVersion(ctx context.Context, targets []Target) string {
	for _, t := range targets {
		for _, u := range t.Units {
			ended := meter.Other(ctx)
			res, err := toolexec.Run(ctx, toolexec.Cmd{Path: u.Record.Driver, Args: []string{"--version"}})
			ended()
			if line, _, ok := strings.Cut(string(res.Stdout), "\n"); err == nil && ok {
				return line
			}
		}
	}
	return ""
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

// within reports whether path is dir or below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
