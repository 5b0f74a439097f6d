package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
	"gocare/wrapper"
)

// Apply returns what patches make of the tree. It writes nothing.
func (t *Tree) Apply(patches []*srcpatch.Patch) (*srcpatch.Change, error) {
	return srcpatch.Apply(os.DirFS(t.o.SourceDir), patches)
}

// Original builds the tree as it is and installs it into the original directory.
func (t *Tree) Original(ctx context.Context) error {
	t.fresh = false
	if t.o.Clean {
		if err := t.clean(ctx); err != nil {
			return err
		}
	}
	if err := t.Store.Reset(buildtree.Patched); err != nil {
		return err
	}
	t.o.Say.Heading("BUILDING ORIGINAL CODE")
	if err := t.run(ctx, step{what: "the original build", stage: buildtree.Original}, t.plain); err != nil {
		return err
	}
	if err := t.adopt(); err != nil {
		return err
	}
	root := t.o.Original.Dir
	t.o.Say.Heading("INSTALLING ORIGINAL OBJECTS INTO %s", root)
	if err := t.emptyInstallDir(); err != nil {
		return err
	}
	if err := os.MkdirAll(roomFor(root), 0o777); err != nil {
		return err
	}
	return t.install(ctx, "the original install", buildtree.Original, root, t.readOnly(root))
}

// adopt completes the record with what was compiled for a compiler cache that handed it out in this tree.
func (t *Tree) adopt() error {
	dir := wrapper.CacheDir(t.getenv)
	if dir == "" || !exists(dir) {
		return nil
	}
	cache, err := buildtree.OpenStore(dir)
	if err != nil {
		return err
	}
	return t.Store.Adopt(cache)
}

func (t *Tree) clean(ctx context.Context) error {
	if err := t.run(ctx, step{what: "the clean command", name: "clean", stage: Unrecorded}, t.plain); err != nil {
		return err
	}
	os.Remove(t.epochFile())
	t.known = t.Store.Recorded()
	return t.Store.Reset(buildtree.Original)
}

// installMark names the file in the store that says which install directory was made by us, and may be emptied: from the root of the tree
// where it is below that, so that it stays true when the tree is moved.
const installMark = "installed"

// emptyInstallDir removes what an earlier run installed, so that nothing stale is taken for this build's.
func (t *Tree) emptyInstallDir() error {
	root, mark := t.o.Original.Dir, filepath.Join(t.Store.Dir(), installMark)
	name := root
	if above := t.Store.Root(); above != "" && isolate.Within(root, above) {
		name, _ = filepath.Rel(above, root) // no error: one is below the other
	}
	if made, _ := os.ReadFile(mark); string(made) == name || string(made) == root { // whole in records of older versions
		return os.RemoveAll(root)
	}
	if entries, err := os.ReadDir(root); err == nil && len(entries) > 0 {
		t.o.Say.Note("%s was not made by patchmake and is not emptied before the install", root)
		return nil
	}
	return os.WriteFile(mark, []byte(name), 0o644)
}

// Expect says how many units the patched build has to make at least, 0 if that is not known.
func (t *Tree) Expect(units int) { t.expected = units }

// Patched applies the patches in a private view of the tree, builds and installs there. The caller closes the view.
func (t *Tree) Patched(ctx context.Context, patches []*srcpatch.Patch) (*isolate.Sandbox, *srcpatch.Change, error) {
	change, err := t.Apply(patches)
	if err != nil {
		return nil, nil, err
	}
	t.sayApplied(patches, change)
	// Of what the patched build writes, the record alone is kept.
	view, err := isolate.Open(ctx, isolate.Options{Tree: t.Root, Shared: []string{t.Store.Dir()}, Mode: t.o.Isolation, Writes: t.written(change)})
	if err != nil {
		return nil, nil, err
	}
	if err := t.buildIn(ctx, view, change); err != nil {
		return nil, nil, errors.Join(err, view.Close())
	}
	return view, change, nil
}

// written lists the directories in which the patches and the build make files.
func (t *Tree) written(change *srcpatch.Change) []string {
	dirs := []string{t.o.BuildDir}
	contents, _ := change.Contents(t.o.SourceDir, func(f srcpatch.FileChange) []byte { return f.After })
	for file := range contents {
		dirs = append(dirs, filepath.Dir(file))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func (t *Tree) buildIn(ctx context.Context, view *isolate.Sandbox, change *srcpatch.Change) error {
	patched := func(f srcpatch.FileChange) []byte { return f.After }
	if err := view.WriteFiles(change.Contents(t.o.SourceDir, patched)); err != nil {
		return err
	}
	if err := t.include(change); err != nil {
		return err
	}
	t.o.Say.Progress("the patched build is kept out of the tree by %s", view.Mode())
	if why := view.Why(); why != "" {
		t.o.Say.Note("isolation: %s", why)
	}
	t.o.Say.Heading("BUILDING PATCHED CODE")
	if !t.o.Clean {
		t.known = t.expected // only what the patch changes is built
	}
	if err := t.run(ctx, step{what: "the patched build", stage: buildtree.Patched}, view.Command); err != nil {
		return err
	}
	root := t.o.Patched.Dir
	t.o.Say.Heading("INSTALLING PATCHED OBJECTS INTO %s", root)
	room := roomFor(root)
	if err := view.Command(ctx, isolate.Cmd{Dir: t.o.BuildDir, Args: []string{"mkdir", "-p", "--", room}}).Run(); err != nil {
		return fmt.Errorf("%s: %w", room, err)
	}
	err := t.install(ctx, "the patched install", buildtree.Patched, root, t.readOnlyIn(view, root))
	if err != nil || !change.Reconfigures() {
		return err
	}
	return t.rebuildAll(ctx, view)
}

// rebuildAll builds all units once more, for the record alone, as the patch may change the options of units that the build does not make
// again.
func (t *Tree) rebuildAll(ctx context.Context, view *isolate.Sandbox) error {
	if err := t.Store.ForgetOutputs(t.Root, view.WriteFiles); err != nil {
		return err
	}
	err := t.Rebuild(ctx, view, "the patched build of all units", buildtree.Patched)
	if fault.As(err) != nil && ctx.Err() == nil {
		t.o.Say.Warn("%v: the patch may change the options of units that the build does not make again: of these nothing is in the patch", err)
		return nil
	}
	return err
}

// Rebuild runs the build once more in a view, for a stage or Unrecorded; what it is is for people.
func (t *Tree) Rebuild(ctx context.Context, view *isolate.Sandbox, what string, stage buildtree.Stage) error {
	return t.run(ctx, step{what: what, stage: stage}, view.Command)
}

// install runs the step that installs the build of a stage below root, for which there is room.
func (t *Tree) install(ctx context.Context, what string, stage buildtree.Stage, root string, in place) error {
	name, remove, err := installName(root)
	if err != nil {
		return err
	}
	defer remove()
	return t.run(ctx, step{what, "install", stage, []string{t.o.Commands.DestVar + "=" + name}}, in)
}

func (t *Tree) sayApplied(patches []*srcpatch.Patch, change *srcpatch.Change) {
	for _, p := range patches {
		t.o.Say.Heading("applying %s...", p.Name)
	}
	for _, f := range change.Files {
		name := f.New
		if name == "" {
			name = f.Old
		}
		t.o.Say.Heading("patching file %s", name)
	}
}
