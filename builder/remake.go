package builder

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// Remake has files of the tree compiled or linked once more, in a view of it that is thrown away, and takes the record of what comes out
// the same to the byte. It returns how many are recorded now. A file that did not come out the same is not tried again.
func (t *Tree) Remake(ctx context.Context, files []string) (int, error) {
	wanted := t.untried(files)
	if len(wanted) == 0 {
		return 0, nil
	}
	dirs, gone := []string{t.o.BuildDir}, map[string][]byte{}
	for file := range wanted {
		dirs, gone[file] = append(dirs, filepath.Dir(file)), nil
		t.o.Say.Progress("%s is made once more, for the record", file)
	}
	view, err := isolate.Open(ctx, isolate.Options{Tree: t.Root, Shared: []string{t.Store.Dir()}, Mode: t.o.Isolation, Writes: dirs})
	if err != nil {
		return 0, err
	}
	taken, err := t.remakeIn(ctx, view, gone, wanted)
	return taken, errors.Join(err, view.Close())
}

func (t *Tree) remakeIn(ctx context.Context, view *isolate.Sandbox, gone map[string][]byte, wanted map[string]buildtree.Digest) (int, error) {
	if err := view.WriteFiles(gone, nil); err != nil {
		return 0, err
	}
	if err := t.Store.Reset(buildtree.Unpatched); err != nil {
		return 0, err
	}
	err := t.Rebuild(ctx, view, "the build for the record", buildtree.Unpatched)
	if fault.As(err) == nil && err != nil || ctx.Err() != nil {
		return 0, err
	}
	taken, err := t.Store.Take(buildtree.Unpatched, wanted)
	return taken, errors.Join(err, t.Store.SetRemade(buildtree.Unpatched, wanted), t.Store.Reset(buildtree.Unpatched))
}

// untried keeps those files that were not made once more before, with what they hold.
func (t *Tree) untried(files []string) map[string]buildtree.Digest {
	wanted := map[string]buildtree.Digest{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !isolate.Within(file, t.Root) {
			continue
		}
		if id := buildtree.DigestOf(data); t.Store.Remade(file, id) == "" {
			wanted[file] = id
		}
	}
	return wanted
}
