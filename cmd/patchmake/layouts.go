package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/layout"
	"gocare/internal/toolexec"
)

// addLayouts finds for every changed unit two objects with debugging information: the recorded ones where they have it,
// else ones compiled with -g on the side.
func (c *comparison) addLayouts(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i := range targets {
		for j := range targets[i].Units {
			u := &targets[i].Units[j]
			if !compilable(&u.Record) {
				continue
			}
			orig := c.orig.UnitFor(targets[i].link, targets[i].Inputs[u.Input])
			g.Go(func() (err error) {
				if u.OrigTypes, err = c.typedObject(ctx, orig, c.inTree, orig.ObjectID); err != nil {
					return err
				}
				recorded := u.Record.ObjectID
				if u.Record.AsmID != u.Patched {
					recorded = "" // compiled from the record: its object is the original's
				}
				u.PatchedTypes, err = c.typedObject(ctx, &u.Record, boxCommand(box), recorded)
				return err
			})
		}
	}
	return g.Wait()
}

// commander makes a command in some view of the tree.
type commander func(ctx context.Context, cmd isolate.Cmd) *exec.Cmd

func (c *comparison) inTree(ctx context.Context, cmd isolate.Cmd) *exec.Cmd {
	x := exec.CommandContext(ctx, cmd.Args[0], cmd.Args[1:]...)
	x.Dir, x.Env = cmd.Dir, cmd.Env
	return x
}

func boxCommand(box *isolate.Sandbox) commander {
	return func(ctx context.Context, cmd isolate.Cmd) *exec.Cmd { return box.Command(ctx, cmd) }
}

// typedObject returns recorded if it holds types, else the unit compiled again with -g.
func (c *comparison) typedObject(ctx context.Context, u *buildtree.Unit, view commander, recorded buildtree.Digest) (buildtree.Digest, error) {
	if recorded != "" {
		if data, err := c.w.store.Blob(recorded); err == nil {
			if l, err := readLayout(data); err == nil && !l.Empty() {
				return recorded, nil
			}
		}
	}
	data, err := c.compileTyped(ctx, u, view)
	if err != nil {
		return "", fault.Refuse("no-types", u.Source, "compiling it with -g, to compare data layouts, failed").WithCause(err).
			WithHint("--allow no-types goes on without that check")
	}
	return c.w.store.PutBlob(data)
}

func (c *comparison) compileTyped(ctx context.Context, u *buildtree.Unit, view commander) ([]byte, error) {
	dir, err := os.MkdirTemp(c.w.store.Dir(), "typed-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	asm, obj := filepath.Join(dir, "unit.s"), filepath.Join(dir, "unit.o")
	args := append(u.CompileArgs(u.Source, asm), "-g", "-gno-split-dwarf", "-gz=none")
	cmd := view(ctx, isolate.Cmd{Dir: u.Dir, Env: c.w.environ("configure"), Args: append([]string{u.Driver}, args...)})
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	if _, err := toolexec.Run(ctx, toolexec.Cmd{Dir: u.Dir, Path: u.As, Args: u.AssembleArgs(asm, obj)}); err != nil {
		return nil, err
	}
	return os.ReadFile(obj)
}

func readLayout(object []byte) (*layout.Unit, error) {
	f, err := elfobj.Parse(object)
	if err != nil {
		return nil, err
	}
	d, err := f.DWARF()
	if err != nil || d == nil {
		return &layout.Unit{}, err
	}
	return layout.Read(d)
}

// checkLayouts refuses a unit whose types or external signatures changed.
func (w *workspace) checkLayouts(u unit) error {
	if u.OrigTypes == "" || u.PatchedTypes == "" {
		return nil
	}
	before, err := w.loadLayout(u.OrigTypes)
	if err != nil {
		return fmt.Errorf("%s: %w", u.Source, err)
	}
	after, err := w.loadLayout(u.PatchedTypes)
	if err != nil {
		return fmt.Errorf("%s: %w", u.Source, err)
	}
	for _, c := range layout.Compare(before, after) {
		if err := refuseLayout(u.Source, c); !w.allows(err.Code) {
			return err
		}
	}
	return nil
}

func (w *workspace) loadLayout(id buildtree.Digest) (*layout.Unit, error) {
	data, err := w.store.Blob(id)
	if err != nil {
		return nil, err
	}
	return readLayout(data)
}

func refuseLayout(source string, c layout.Change) *fault.Error {
	if c.Kind == layout.Signature {
		return fault.Refuse("signature", source, "function %q has another prototype: was %s, is %s", c.Name, c.Before, c.After).
			WithHint("callers outside the patch pass what the old one takes: keep it and add a new function, or use --allow signature if every caller is in the patch")
	}
	return fault.Refuse("struct-layout", source, "%s has another layout: was %s, is %s", c.Name, c.Before, c.After).
		WithHint("objects of the old layout live on in the process: keep it and put new data into a new variable; --allow struct-layout if no such object can exist")
}
