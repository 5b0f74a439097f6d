package planner

import (
	"context"
	"io/fs"
	"path/filepath"

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
	if err := b.Store.ForgetOutputs(b.Dirs.Tree, b.View.WriteFiles); err != nil {
		return err
	}
	_ = b.Build(ctx, stage) // of what it could not make no unit is recorded, and such are refused
	return nil
}

func (b *Builds) reconfigures() bool { return b.Change.Reconfigures() }

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
