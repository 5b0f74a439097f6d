package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/meter"
	"gocare/internal/srcpatch"
	"gocare/patcher"
)

// readPatches reads and parses the PATCH arguments in order; "-" is standard input.
func readPatches(names []string, stdin io.Reader) ([]*srcpatch.Patch, error) {
	var patches []*srcpatch.Patch
	for _, name := range names {
		data, err := readPatch(name, stdin)
		if err != nil {
			return nil, fault.New(fault.Environment, name, "cannot read the patch").WithCause(err).WithState("tree unchanged").
				WithHint("name a file that diff -u or git diff wrote, or - for standard input")
		}
		base := name
		if name != "-" {
			base = filepath.Base(name)
		}
		p, err := srcpatch.Parse(base, data)
		if err != nil {
			return nil, err
		}
		patches = append(patches, p)
	}
	return patches, nil
}

func readPatch(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

func (w *workspace) apply(patches []*srcpatch.Patch) (*srcpatch.Change, error) {
	return srcpatch.Apply(os.DirFS(w.o.SourceDir), patches)
}

// buildOriginal builds the tree as it is and installs it into the original directory.
func (w *workspace) buildOriginal(ctx context.Context) error {
	w.fresh = false
	if w.o.Clean {
		if err := w.clean(ctx); err != nil {
			return err
		}
	}
	if err := w.store.Reset(buildtree.Patched); err != nil {
		return err
	}
	w.u.Heading("BUILDING ORIGINAL CODE")
	env := w.environ(buildtree.Original)
	if err := w.step(ctx, "the original build", "", env, w.plain); err != nil {
		return err
	}
	w.u.Heading("INSTALLING ORIGINAL OBJECTS INTO %s", w.o.OriginalDir)
	if err := w.emptyInstallDir(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.o.OriginalDir), 0o777); err != nil {
		return err
	}
	env = w.environ(buildtree.Original, w.o.DestVar+"="+w.o.OriginalDir)
	return w.step(ctx, "the original install", "install", env, w.readOnly(w.o.OriginalDir))
}

func (w *workspace) clean(ctx context.Context) error {
	if err := w.step(ctx, "the clean command", "clean", w.environ("configure"), w.plain); err != nil {
		return err
	}
	os.Remove(filepath.Join(w.store.Dir(), "epoch"))
	return w.store.Reset(buildtree.Original)
}

// installMark names the file in the store that lists install directories made by us, which may be emptied.
const installMark = "installed"

// emptyInstallDir removes what an earlier run installed, so that nothing stale is taken for this build's.
func (w *workspace) emptyInstallDir() error {
	mark := filepath.Join(w.store.Dir(), installMark)
	made, _ := os.ReadFile(mark)
	if string(made) == w.o.OriginalDir {
		return os.RemoveAll(w.o.OriginalDir)
	}
	if entries, err := os.ReadDir(w.o.OriginalDir); err == nil && len(entries) > 0 {
		w.u.Note("%s was not made by patchmake and is not emptied before the install", w.o.OriginalDir)
		return nil
	}
	return os.WriteFile(mark, []byte(w.o.OriginalDir), 0o644)
}

// buildPatched applies the patches in a private view of the tree, builds and installs there. The caller closes the box.
func (w *workspace) buildPatched(ctx context.Context, patches []*srcpatch.Patch) (*isolate.Sandbox, *srcpatch.Change, error) {
	change, err := w.apply(patches)
	if err != nil {
		return nil, nil, err
	}
	w.sayApplied(patches, change)
	box, err := isolate.Open(ctx, isolate.Options{Tree: w.tree, Shared: w.sharedDirs(), Mode: w.o.Isolation})
	if err != nil {
		return nil, nil, err
	}
	if err := w.buildIn(ctx, box, change); err != nil {
		return nil, nil, errors.Join(err, box.Close())
	}
	return box, change, nil
}

func (w *workspace) buildIn(ctx context.Context, box *isolate.Sandbox, change *srcpatch.Change) error {
	patched := func(f srcpatch.FileChange) []byte { return f.After }
	if err := box.WriteFiles(patcher.Contents(w.o.SourceDir, change, patched)); err != nil {
		return err
	}
	w.u.Progress("the patched build is kept out of the tree by %s", box.Mode())
	if why := box.Why(); why != "" {
		w.u.Note("isolation: %s", why)
	}
	w.u.Heading("BUILDING PATCHED CODE")
	env := w.environ(buildtree.Patched)
	if err := w.step(ctx, "the patched build", "", env, w.boxed(box)); err != nil {
		return err
	}
	w.u.Heading("INSTALLING PATCHED OBJECTS INTO %s", w.o.PatchedDir)
	if err := box.Command(ctx, isolate.Cmd{Dir: w.o.BuildDir, Args: []string{"mkdir", "-p", filepath.Dir(w.o.PatchedDir)}}).Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(w.o.PatchedDir), err)
	}
	env = w.environ(buildtree.Patched, w.o.DestVar+"="+w.o.PatchedDir)
	if err := w.step(ctx, "the patched install", "install", env, w.boxedReadOnly(box, w.o.PatchedDir)); err != nil || !patcher.Reconfigures(change) {
		return err
	}
	return w.buildAllIn(ctx, box)
}

// buildAllIn builds all units once more, for the record alone, as the patch may change the options of units that the build does not make
// again.
func (w *workspace) buildAllIn(ctx context.Context, box *isolate.Sandbox) error {
	if err := patcher.ForgetOutputs(w.store, w.tree, box); err != nil {
		return err
	}
	err := w.step(ctx, "the patched build of all units", "", w.environ(buildtree.Patched), w.boxed(box))
	if fault.As(err) != nil && ctx.Err() == nil {
		w.u.Warn("%v: the patch may change the options of units that the build does not make again: of these nothing is in the patch", err)
		return nil
	}
	return err
}

// sharedDirs are the directories where the patched build's writes are kept: the record.
func (w *workspace) sharedDirs() []string { return []string{w.store.Dir()} }

func (w *workspace) sayApplied(patches []*srcpatch.Patch, change *srcpatch.Change) {
	for _, p := range patches {
		w.u.Heading("applying %s...", p.Name)
	}
	for _, f := range change.Files {
		name := f.New
		if name == "" {
			name = f.Old
		}
		w.u.Heading("patching file %s", name)
	}
}

// runner makes a command that runs a shell line in some view of the tree.
type runner func(ctx context.Context, line string, env []string) *exec.Cmd

// plain runs in the tree itself.
func (w *workspace) plain(ctx context.Context, line string, env []string) *exec.Cmd {
	return isolate.Command(ctx, w.shell(line, env))
}

// readOnly runs in the tree itself, with the rest of the system read-only where the kernel lets us.
func (w *workspace) readOnly(writable string) runner {
	return func(ctx context.Context, line string, env []string) *exec.Cmd {
		cmd, err := isolate.ReadOnlyCommand(ctx, w.tree, w.outside(writable, w.store.Dir()), w.shell(line, env))
		if err != nil {
			w.u.Warn("%v: an install that ignores %s could write there", err, w.o.DestVar)
			return w.plain(ctx, line, env)
		}
		return cmd
	}
}

func (w *workspace) boxed(box *isolate.Sandbox) runner {
	return func(ctx context.Context, line string, env []string) *exec.Cmd {
		return box.Command(ctx, w.shell(line, env))
	}
}

func (w *workspace) boxedReadOnly(box *isolate.Sandbox, writable string) runner {
	return func(ctx context.Context, line string, env []string) *exec.Cmd {
		c := w.shell(line, env)
		c.ReadOnly, c.Writable = true, w.outside(writable)
		return box.Command(ctx, c)
	}
}

// outside keeps the directories that are not in the tree, which is writable anyway.
func (w *workspace) outside(dirs ...string) []string {
	return slices.DeleteFunc(dirs, func(dir string) bool { return within(dir, w.tree) })
}

func (w *workspace) shell(line string, env []string) isolate.Cmd {
	return isolate.Cmd{Dir: w.o.BuildDir, Env: env, Args: []string{"/bin/sh", "-c", line}}
}

// step runs one build step with its output on standard error.
func (w *workspace) step(ctx context.Context, what, step string, env []string, run runner) error {
	line, err := w.o.makeCommand(step)
	if err != nil {
		return err
	}
	cmd := run(ctx, line, env)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	w.u.Progress("%s: %s", what, line)
	ended := meter.Other(ctx)
	err = cmd.Run()
	ended()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Refused, "", "interrupted during %s", what).WithCause(context.Cause(ctx)).WithState("no patch written")
	case errors.As(err, &exit):
		e := fault.Refuse(fault.BuildFailed, "", "%s failed: %q: %v", what, line, exit).WithState("sources unchanged, no patch written")
		if strings.HasPrefix(what, "the patched ") {
			return e.WithHint("the output above says why; the same worked without the patch")
		}
		if step == "install" {
			return e.WithHint("the output above says why; an install may write to the tree, $%s and /tmp only: see --destdir and --install-cmd", w.o.DestVar)
		}
		return e.WithHint("the output above says why; run %q by hand in %s", line, w.o.BuildDir)
	}
	return fmt.Errorf("%s: %q: %w", what, line, err)
}
