package builder

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// Remake has files of the tree compiled or linked once more, in a view of it that is thrown away, and takes the record of what comes out
// the same to the byte. It returns how many are recorded now. Files to touch become newer. A file that did
// not come out the same is not tried again.
func (t *Tree) Remake(ctx context.Context, files, touch []string) (int, error) {
	wanted := t.untried(files)
	if len(wanted) == 0 {
		return 0, nil
	}
	dirs, edits := []string{t.o.BuildDir}, map[string][]byte{}
	for _, file := range touch {
		if data, err := os.ReadFile(file); err == nil && isolate.Within(file, t.Root) {
			dirs, edits[file] = append(dirs, filepath.Dir(file)), data // written as it is, and newer
		}
	}
	for file := range wanted {
		dirs, edits[file] = append(dirs, filepath.Dir(file)), nil
		t.o.Say.Progress("%s is made once more, for the record", file)
	}
	view, err := isolate.Open(ctx, isolate.Options{Tree: t.Root, Shared: []string{t.Store.Dir()}, Mode: t.o.Isolation, Writes: dirs})
	if err != nil {
		return 0, err
	}
	taken, err := t.remakeIn(ctx, view, edits, wanted)
	return taken, errors.Join(err, view.Close())
}

func (t *Tree) remakeIn(ctx context.Context, view *isolate.Sandbox, edits map[string][]byte, wanted map[string]buildtree.Digest) (int, error) {
	if err := view.WriteFiles(edits, nil); err != nil {
		return 0, err
	}
	if err := t.Store.Reset(buildtree.Unpatched); err != nil {
		return 0, err
	}
	err := t.Rebuild(ctx, view, "the build for the record", buildtree.Unpatched)
	if fault.As(err) == nil && err != nil || ctx.Err() != nil {
		return 0, err
	}
	missing := t.missingIn(ctx, view, wanted)
	taken, takeErr := t.Store.Take(buildtree.Unpatched, wanted)
	tried := wanted
	if err != nil { // what a build that failed did not make may come out the next time
		tried = without(wanted, missing)
	}
	return taken, errors.Join(takeErr, t.Store.SetRemade(buildtree.Unpatched, tried, missing), t.Store.Reset(buildtree.Unpatched))
}

// without leaves some files out.
func without(files map[string]buildtree.Digest, left []string) map[string]buildtree.Digest {
	kept := maps.Clone(files)
	for _, file := range left {
		delete(kept, file)
	}
	return kept
}

// missingIn lists those files that are not in a view.
func (t *Tree) missingIn(ctx context.Context, view *isolate.Sandbox, files map[string]buildtree.Digest) (missing []string) {
	for file := range files {
		if view.Command(ctx, isolate.Cmd{Dir: t.o.BuildDir, Args: []string{"test", "-e", file}}).Run() != nil {
			missing = append(missing, file)
		}
	}
	return missing
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
