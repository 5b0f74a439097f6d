package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
)

const (
	elfExec = elf.ET_EXEC
	elfDyn  = elf.ET_DYN
)

// comparison lines up the records of the two stages.
type comparison struct {
	w       *workspace
	change  *srcpatch.Change
	orig    *buildtree.Record
	patched *buildtree.Record
	pairs   map[string]*buildtree.LinkPair // by the original link's output
	rebuilt map[string]bool                // what the patched build compiled, see compiled
}

func (w *workspace) newComparison(change *srcpatch.Change) (*comparison, error) {
	orig, err := w.store.Load(buildtree.Original)
	if err != nil {
		return nil, err
	}
	patched, err := w.store.Load(buildtree.Patched)
	if err != nil {
		return nil, err
	}
	pairs, err := buildtree.Pair(orig, patched)
	if err != nil {
		return nil, err
	}
	c := &comparison{w: w, change: change, orig: orig, patched: patched, pairs: map[string]*buildtree.LinkPair{}, rebuilt: map[string]bool{}}
	for i := range pairs {
		if pairs[i].Orig != nil {
			c.pairs[pairs[i].Orig.Output] = &pairs[i]
		}
	}
	for _, u := range patched.Units {
		c.rebuilt[compiled(&u)] = true
	}
	return c, nil
}

// compiled names a compile by what went in and how; objects may be temporary files with a new name every time.
func compiled(u *buildtree.Unit) string {
	return u.Dir + "\x00" + strings.Join(u.CompileArgs(u.Source, ""), "\x00")
}

// targets finds the record of every installed binary and the units that the patched build changed in it.
func (c *comparison) targets(files []installed) ([]target, error) {
	var targets []target
	var unrecorded []string
	seen := map[buildtree.Digest]bool{}
	for _, f := range files {
		link := c.linkOf(f)
		if link == nil {
			unrecorded = append(unrecorded, f.Path)
			continue
		}
		if seen[link.OutputID] {
			continue
		}
		seen[link.OutputID] = true
		t, err := c.target(f, link)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, c.judgeUnrecorded(unrecorded, len(targets), files)
}

// linkOf finds the link that made an installed file: by BuildID, which survives strip, else by its bytes.
func (c *comparison) linkOf(f installed) *buildtree.Link {
	for i := len(c.orig.Links) - 1; i >= 0; i-- {
		l := &c.orig.Links[i]
		if !l.Partial && (f.BuildID != "" && l.BuildID == f.BuildID || l.OutputID == f.Digest) {
			return l
		}
	}
	return nil
}

// judgeUnrecorded refuses when nothing installed has a record, and says so when something has none.
func (c *comparison) judgeUnrecorded(paths []string, recorded int, files []installed) error {
	if len(paths) == 0 {
		return nil
	}
	if recorded == 0 {
		return fault.Refuse("no-record", paths[0], "no record of the link with BuildID %s", orNone(files[0].BuildID)).
			WithState("no patch written").
			WithHint("the tree was built without carecc, or the build cleans its environment: run patchmake --clean, or build with CC=carecc first")
	}
	for _, path := range paths {
		c.w.u.Warn("%s: no record of its link: not looked at (built without carecc?)", path)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// target describes one binary with the units that differ between its two links.
func (c *comparison) target(f installed, link *buildtree.Link) (target, error) {
	t := target{Path: f.Path, BuildID: link.BuildID, Binary: link.OutputID, Map: link.MapID, Inputs: link.Inputs, Shared: link.Shared, link: link}
	pair := c.pairs[link.Output]
	if pair == nil || pair.Orig.OutputID != link.OutputID {
		return t, nil
	}
	if len(pair.Missing) > 0 {
		return t, c.refuseMissing(f, pair.Missing)
	}
	for _, u := range pair.Units {
		if u.Orig == nil {
			return t, fault.Refuse("new-input", f.Path, "%s is linked in only by the patched build", u.Input).
				WithState("no patch written").WithHint("put the new code into a file that is already part of the binary")
		}
		t.Units = append(t.Units, c.unit(u.Index, u.Orig, *u.Patched, u.Patched.AsmID))
	}
	return t, nil
}

func (c *comparison) refuseMissing(f installed, missing []buildtree.Input) error {
	names := make([]string, len(missing))
	for i, in := range missing {
		names[i] = in.String()
	}
	return fault.Refuse("no-record", f.Path, "changed, but not recorded when it was compiled: %s", strings.Join(names, ", ")).
		WithState("no patch written").WithHint("build that file through carecc: run patchmake --clean")
}

func (c *comparison) unit(index int, orig *buildtree.Unit, patched buildtree.Unit, asm buildtree.Digest) unit {
	path := orig.Source
	if !filepath.IsAbs(path) {
		path = filepath.Join(orig.Dir, path)
	}
	u := unit{Source: orig.Source, Input: index, Orig: orig.AsmID, Patched: asm, Record: patched}
	if rel, err := filepath.Rel(c.w.o.SourceDir, path); err == nil && within(path, c.w.o.SourceDir) {
		u.Source = rel
	}
	if data, err := os.ReadFile(path); err == nil {
		sum := sha256.Sum256(data)
		u.SHA256 = hex.EncodeToString(sum[:])
	}
	return u
}

// addHeaderUsers recompiles, from the record, units that include a changed header and that the build did not rebuild.
func (c *comparison) addHeaderUsers(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	headers := c.changedHeaders()
	if len(headers) == 0 {
		return nil
	}
	done := map[string]buildtree.Digest{} // object -> assembly of the recompile, "" if unchanged
	var mu sync.Mutex
	for i := range targets {
		t := &targets[i]
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.NumCPU())
		for index, in := range t.Inputs {
			u := c.orig.UnitFor(t.link, in)
			if u == nil || c.rebuilt[compiled(u)] || !compilable(u) {
				continue
			}
			g.Go(func() error {
				mu.Lock()
				asm, known := done[u.Object]
				mu.Unlock()
				if !known {
					var err error
					if asm, err = c.recompileUser(ctx, box, u, headers); err != nil {
						return err
					}
				}
				mu.Lock()
				defer mu.Unlock()
				done[u.Object] = asm
				if asm != "" && asm != u.AsmID {
					t.Units = append(t.Units, c.unit(index, u, *u, asm))
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		slices.SortFunc(t.Units, func(a, b unit) int { return cmp.Compare(a.Input, b.Input) })
	}
	return nil
}

func compilable(u *buildtree.Unit) bool {
	return u.Source != "-" && u.Source != "" && u.Lang != "asm" && u.Lang != "lto"
}

// recompileUser returns the new assembly of a unit if it includes one of the headers, else "".
func (c *comparison) recompileUser(ctx context.Context, box *isolate.Sandbox, u *buildtree.Unit, headers map[string]bool) (buildtree.Digest, error) {
	out, err := c.compile(ctx, box, u, u.DependArgs(u.Source))
	if err != nil {
		return "", fault.Refuse("no-record", u.Source, "cannot tell whether it includes a changed header").WithCause(err).WithState("no patch written")
	}
	if !dependsOn(string(out), u.Dir, headers) {
		return "", nil
	}
	c.w.u.Progress("%s includes a changed header and was not rebuilt: compiling it from the record", u.Source)
	asm, err := c.compileToAsm(ctx, box, u)
	if err != nil {
		return "", fault.Refuse("build-failed", u.Source, "compiling it again with a changed header failed").WithCause(err).WithState("no patch written")
	}
	return asm, nil
}

// dependsOn reads the make rule that -M prints.
func dependsOn(rule, dir string, headers map[string]bool) bool {
	for _, word := range strings.Fields(strings.ReplaceAll(rule, "\\\n", " ")) {
		if !filepath.IsAbs(word) {
			word = filepath.Join(dir, word)
		}
		if headers[filepath.Clean(word)] {
			return true
		}
	}
	return false
}

// changedHeaders are the changed files that a unit may include: every one but new files.
func (c *comparison) changedHeaders() map[string]bool {
	headers := map[string]bool{}
	for _, f := range c.change.Files {
		if f.Old != "" && f.New != "" {
			headers[filepath.Join(c.w.o.SourceDir, f.New)] = true
		}
	}
	return headers
}

// compileRestored compiles every changed unit once more from sources whose unchanged lines keep their old numbers.
func (c *comparison) compileRestored(ctx context.Context, box *isolate.Sandbox, targets []target) error {
	restored := c.w.contents(c.change, srcpatch.FileChange.RestoreLines)
	if err := box.WriteFiles(restored); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i := range targets {
		for j := range targets[i].Units {
			u := &targets[i].Units[j]
			if !compilable(&u.Record) {
				continue
			}
			g.Go(func() error {
				asm, err := c.compileToAsm(ctx, box, &u.Record)
				if err != nil {
					c.w.u.Progress("%s: the compile with old line numbers failed: %v", u.Source, err)
					return ctx.Err()
				}
				u.Restored = asm
				return nil
			})
		}
	}
	return g.Wait()
}

// compileToAsm compiles a recorded unit in the box and keeps the assembly in the store.
func (c *comparison) compileToAsm(ctx context.Context, box *isolate.Sandbox, u *buildtree.Unit) (buildtree.Digest, error) {
	dir, err := os.MkdirTemp(c.w.store.Dir(), "compile-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "unit.s")
	if _, err := c.compile(ctx, box, u, u.CompileArgs(u.Source, out)); err != nil {
		return "", err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return "", err
	}
	return c.w.store.PutBlob(data)
}

// compile runs a unit's compiler in the box, unrecorded, and returns its standard output.
func (c *comparison) compile(ctx context.Context, box *isolate.Sandbox, u *buildtree.Unit, args []string) ([]byte, error) {
	cmd := box.Command(ctx, isolate.Cmd{Dir: u.Dir, Env: c.w.environ("configure"), Args: append([]string{u.Driver}, args...)})
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
