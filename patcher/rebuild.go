package patcher

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"gocare/buildtree"
	"gocare/internal/srcpatch"
)

// rebuild puts sources into the view and builds there for a stage, "" for none.
func (b *Builds) rebuild(ctx context.Context, files map[string][]byte, modes map[string]fs.FileMode, stage buildtree.Stage) error {
	if err := b.View.WriteFiles(files, modes); err != nil {
		return err
	}
	if err := b.Build(ctx, stage); err != nil || stage == "" || !b.reconfigures() {
		return err
	}
	if err := ForgetOutputs(b.Store, b.Dirs.Tree, b.View); err != nil {
		return err
	}
	_ = b.Build(ctx, stage) // of what it could not make no unit is recorded, and such are refused
	return nil
}

func (b *Builds) reconfigures() bool { return Reconfigures(b.Change) }

// Reconfigures reports whether a source patch changes a file that build systems read, by its name.
func Reconfigures(change *srcpatch.Change) bool {
	return slices.ContainsFunc(change.Files, func(f srcpatch.FileChange) bool { return saysHowToBuild(f.Old) || saysHowToBuild(f.New) })
}

func saysHowToBuild(file string) bool {
	patterns := []string{"[Mm]akefile*", "GNUmakefile*", "lpmakefile", "*.mk", "*.mak", "*.cmake", "CMakeLists.txt", "meson*", "*.am", "*.ac", "configure*", "*.ninja"}
	return slices.ContainsFunc(patterns, func(p string) bool { return doublestar.MatchUnvalidated(p, path.Base(file)) })
}

// patchedContent is what a source patch makes of a file.
func patchedContent(f srcpatch.FileChange) []byte { return f.After }

// originals gives for the absolute path of each changed file below source what was there before (nil: nothing) and its mode.
func originals(source string, change *srcpatch.Change) (map[string][]byte, map[string]fs.FileMode) {
	files, modes := map[string][]byte{}, map[string]fs.FileMode{}
	for _, f := range change.Files {
		if f.New != "" && f.New != f.Old {
			files[filepath.Join(source, f.New)] = nil
		}
	}
	for _, f := range change.Files {
		if f.Old != "" {
			path := filepath.Join(source, f.Old)
			files[path], modes[path] = append([]byte{}, f.Before...), f.OldMode
		}
	}
	return files, modes
}

// ForgetOutputs removes what the recorded build compiled and linked in a tree from a view of it, so that a build makes it anew: make does
// not know of units whose options alone changed.
func ForgetOutputs(store *buildtree.Store, tree string, view View) error {
	record, err := store.Load(buildtree.Original)
	if err != nil {
		return err
	}
	gone := map[string][]byte{}
	forget := func(path string) {
		if within(path, tree) {
			gone[path] = nil
		}
	}
	for _, u := range record.Units {
		forget(u.Object)
	}
	for _, l := range record.Links {
		forget(l.Output)
	}
	if len(gone) == 0 {
		return nil
	}
	return view.WriteFiles(gone, nil)
}
