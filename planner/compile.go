package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/isolate"
	"gocare/internal/jobs"
	"gocare/internal/meter"
)

// request is one compile of our own: a recorded unit, compiled again to assembly.
type request struct {
	unit   *buildtree.Unit
	source string   // in place of the unit's, "" for that
	flags  []string // behind the unit's own
	env    []string // in place of the unit's, nil for that
}

// compiled is what a request gave: assembly in the store, or why there is none.
type compiled struct {
	asm buildtree.Digest
	err error
}

// compileHere compiles in the tree: the sources of the original.
func (b *Builds) compileHere(ctx context.Context, requests []request) (results []compiled, err error) {
	if len(requests) == 0 {
		return nil, nil
	}
	err = b.withOriginals(ctx, func() error {
		results, err = b.compile(ctx, jobs.InTree(b.Dirs.Tree), requests)
		return err
	})
	return results, err
}

// runHere runs compilers in the tree, over the sources of the original.
func (b *Builds) runHere(ctx context.Context, batch []jobs.Job) (outcomes []jobs.Outcome, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	err = b.withOriginals(ctx, func() error {
		outcomes, err = jobs.Run(ctx, jobs.InTree(b.Dirs.Tree), withoutCompileVars(b.Env), batch)
		return err
	})
	return outcomes, err
}

// withOriginals calls f while the tree holds the sources of the original. Where the view is the tree itself, these and what is generated
// from them are put there for that time.
func (b *Builds) withOriginals(ctx context.Context, f func() error) error {
	if b.View == nil || b.View.Mode() != isolate.InPlace {
		return f()
	}
	before, modes := originals(b.Dirs.Source, b.Change)
	if err := b.rebuild(ctx, before, modes, ""); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	after, modes := b.Change.Contents(b.Dirs.Source, patchedContent)
	return b.rebuild(ctx, after, modes, "")
}

// compileInView compiles what stands in the view: the patched sources.
func (b *Builds) compileInView(ctx context.Context, requests []request) ([]compiled, error) {
	if len(requests) == 0 {
		return nil, nil // there is no view where a build is compared with itself
	}
	return b.compile(ctx, b.View.Command, requests)
}

// compile runs a batch of compiles without recording them. A compile that fails is no error of the batch.
func (b *Builds) compile(ctx context.Context, at jobs.Place, requests []request) ([]compiled, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	dir, err := os.MkdirTemp(b.Store.Dir(), "compile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	output := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.s", i)) }
	batch := make([]jobs.Job, len(requests))
	for i, r := range requests {
		env := r.unit.Env
		if r.env != nil {
			env = r.env
		}
		args := slices.Concat([]string{r.unit.Driver}, r.unit.CompileArgs(cmp.Or(r.source, r.unit.Source), output(i)), r.flags)
		batch[i] = jobs.Job{Dir: r.unit.Dir, Env: env, Args: args}
	}
	outcomes, err := jobs.Run(ctx, at, withoutCompileVars(b.Env), batch)
	if err != nil {
		return nil, err
	}
	results := make([]compiled, len(requests))
	for i, o := range outcomes {
		if o.Failed != "" {
			results[i].err = errors.New(o.Failed)
			continue
		}
		data, err := os.ReadFile(output(i))
		if err != nil {
			return nil, err
		}
		if results[i].asm, err = b.Store.PutAssembly(data); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// withoutCompileVars leaves out the variables that shape code: a unit is compiled with those of its record, and without others.
func withoutCompileVars(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return buildtree.Shapes(name)
	})
}

// Assemble runs a unit's own assembler with its own options on text and returns the object.
func Assemble(ctx context.Context, store *buildtree.Store, u *buildtree.Unit, text []byte) ([]byte, error) {
	defer meter.Other(ctx)()
	return store.Assemble(ctx, u, text)
}

// compilable reports whether a recorded unit can be compiled again from its source.
func compilable(u *buildtree.Unit) bool {
	return u.Source != "-" && u.Source != "" && u.Lang != "asm" && u.Lang != "lto"
}
