package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/layout"
	"gocare/internal/toolexec"
)

// typed is a unit of which an object with debugging information is wanted.
type typed struct {
	unit  *buildtree.Unit
	types *buildtree.Digest // where the object's digest goes
	debug *buildtree.Digest // where the assembly's goes
}

// addLayouts finds for every changed unit two objects with debugging information: the recorded ones where they have it,
// else ones compiled with -g on the side.
func (c *comparison) addLayouts(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	var before, after []typed // still to be compiled
	for i := range targets {
		for j := range targets[i].Units {
			u := &targets[i].Units[j]
			if !compilable(&u.Record) {
				continue
			}
			orig := c.orig.UnitFor(targets[i].link, targets[i].Inputs[u.Input])
			if u.OrigTypes = c.withTypes(orig); u.OrigTypes == "" {
				before = append(before, typed{orig, &u.OrigTypes, &u.OrigDebug})
			}
			if u.Record.AsmID == u.Patched { // else it was compiled from the record: its object is the original's
				u.PatchedTypes = c.withTypes(&u.Record)
			}
			if u.PatchedTypes == "" {
				after = append(after, typed{&u.Record, &u.PatchedTypes, &u.PatchedDebug})
			}
		}
	}
	env := c.w.environ("configure")
	here := func(jobs []job) ([]outcome, error) {
		defer others(ctx)()
		return runHere(jobs, env), nil
	}
	boxed := func(jobs []job) ([]outcome, error) { return runJobs(ctx, box, env, jobs) }
	if err := c.compileTyped(ctx, before, here); err != nil {
		return err
	}
	return c.compileTyped(ctx, after, boxed)
}

// withTypes returns the digest of a recorded unit's object if it describes types, else "". clang leaves enumerations out of which
// only constant expressions make use, such as case labels.
func (c *comparison) withTypes(u *buildtree.Unit) buildtree.Digest {
	if buildtree.IsClang(u.Driver) {
		return ""
	}
	data, err := c.w.store.Blob(u.ObjectID)
	if err != nil {
		return ""
	}
	if l, err := readLayout(data); err != nil || l.Empty() {
		return ""
	}
	return u.ObjectID
}

// typeFlags make a compiler describe types; see withTypes for clang.
func typeFlags(driver string) []string {
	flags := []string{"-g", "-gno-split-dwarf", "-gz=none", "-fno-debug-types-section"}
	if buildtree.IsClang(driver) {
		flags = append(flags, "-fno-eliminate-unused-debug-types")
	}
	return flags
}

// compileTyped compiles units with -g and assembles them; run runs the compiles.
func (c *comparison) compileTyped(ctx context.Context, units []typed, run func([]job) ([]outcome, error)) error {
	if len(units) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp(c.w.store.Dir(), "typed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	asm := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.s", i)) }
	jobs := make([]job, len(units))
	for i, t := range units {
		args := append(t.unit.CompileArgs(t.unit.Source, asm(i)), typeFlags(t.unit.Driver)...)
		jobs[i] = job{t.unit.Dir, t.unit.Env, append([]string{t.unit.Driver}, args...)}
	}
	outcomes, err := run(jobs)
	if err != nil {
		return err
	}
	for i, t := range units {
		var err error
		if outcomes[i].Failed != "" {
			err = errors.New(outcomes[i].Failed)
		} else {
			err = c.keepTyped(ctx, t, asm(i))
		}
		if err == nil {
			continue
		}
		e := refuseTypes(t.unit.Source, "compiling it with -g, to compare data layouts, failed", err)
		if !c.w.allows(e.Code) {
			return e
		}
		c.w.overridden = append(c.w.overridden, e)
	}
	return nil
}

func refuseTypes(source, what string, cause error) *fault.Error {
	return fault.Refuse("no-types", source, "%s", what).WithCause(cause).
		WithHint("--allow no-types goes on without that check")
}

// keepTyped assembles a unit compiled with -g and keeps its assembly and its object.
func (c *comparison) keepTyped(ctx context.Context, t typed, asm string) error {
	obj := asm + ".o"
	ended := others(ctx)
	_, err := toolexec.Run(ctx, toolexec.Cmd{Dir: t.unit.Dir, Path: t.unit.As, Args: t.unit.AssembleArgs(asm, obj)})
	ended()
	if err != nil {
		return err
	}
	for path, id := range map[string]*buildtree.Digest{asm: t.debug, obj: t.types} {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if *id, err = c.w.store.PutBlob(data); err != nil {
			return err
		}
	}
	return nil
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

// checkLayouts refuses a unit whose types changed, and notes the prototypes that did.
func (w *workspace) checkLayouts(u unit, r *unitResult) error {
	if u.OrigTypes == "" || u.PatchedTypes == "" {
		return nil
	}
	before, err := w.loadLayout(u.OrigTypes)
	var after *layout.Unit
	if err == nil {
		after, err = w.loadLayout(u.PatchedTypes)
	}
	if err != nil {
		e := refuseTypes(u.Source, "its debug information, which shows data layouts, cannot be read", err)
		if w.overrides(r, e) {
			return nil
		}
		return e
	}
	for _, c := range layout.Compare(before, after) {
		if c.Kind == layout.Signature {
			r.prototype = append(r.prototype, c)
			continue
		}
		if err := refuseLayout(u.Source, c); !w.overrides(r, err) {
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
	switch c.Kind {
	case layout.Enumerator:
		return refuseEnumerator(source, c)
	case layout.Variable:
		return fault.Refuse("variable-type", source, "variable %q has another type: was %s, is %s", c.Name, c.Before, c.After).
			WithHint("it keeps its value, and code outside the patch goes on using it as the old type: leave it as it is and add a new variable; " +
				"--allow variable-type if all values that it can have mean the same in both types")
	}
	return fault.Refuse("struct-layout", source, "%s has another layout: was %s, is %s", c.Name, c.Before, c.After).
		WithHint("objects of the old layout live on in the process: keep it and put new data into a new variable; --allow struct-layout if no such object can exist")
}

func refuseEnumerator(source string, c layout.Change) *fault.Error {
	declared, more := "", ""
	if c.Declared != "" {
		declared = ", declared at " + c.Declared + ","
	}
	if c.More > 0 {
		more = fmt.Sprintf("; so have %d more of it", c.More)
	}
	return fault.Refuse("enum-renumbered", source, "enumerator %q of %s%s has another value: was %s, is %s%s", c.Name, c.Of, declared, c.Before, c.After, more).
		WithHint("the process has stored the old values: put new enumerators at the end, or give them values of their own; " +
			"--allow enum-renumbered if no value that changed is stored anywhere, as that of a mere count at the end")
}
