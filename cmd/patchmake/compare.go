package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
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
	pairs, err := buildtree.Pair(orig, patched, w.renamed(change))
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

// renamed maps the absolute paths of sources to those they had before: as the patches say, else where one file is gone and
// a new one has its base name.
func (w *workspace) renamed(change *srcpatch.Change) map[string]string {
	names, gone := map[string]string{}, map[string]string{}
	abs := func(name string) string { return filepath.Join(w.o.SourceDir, name) }
	for _, f := range change.Files {
		switch {
		case f.New == "":
			gone[filepath.Base(f.Old)] = abs(f.Old)
		case f.Old != "" && f.Old != f.New:
			names[abs(f.New)] = abs(f.Old)
		}
	}
	for _, f := range change.Files {
		if old := gone[filepath.Base(f.New)]; f.Old == "" && old != "" {
			names[abs(f.New)] = old
		}
	}
	return names
}

// addition describes an input that only the patched link has.
func (c *comparison) addition(u buildtree.UnitPair) addition {
	a := addition{Name: u.PatchedInput.String(), Object: u.PatchedInput.ObjectID}
	if u.Patched != nil {
		a.Name, a.Asm, a.Record = c.sourceName(u.Patched), u.Patched.AsmID, *u.Patched
	}
	return a
}

// compareRecords lines up the records and lists what is installed, with the units that the patched build changed.
func (w *workspace) compareRecords(change *srcpatch.Change) (*comparison, []target, error) {
	c, err := w.newComparison(change)
	if err != nil {
		return nil, nil, err
	}
	files, err := w.installedFiles()
	if err != nil {
		return nil, nil, err
	}
	targets, err := c.targets(files)
	return c, targets, err
}

// same lists the sources that the patched build compiled to an object which the original has too.
func (c *comparison) same() []string {
	sources := []string{}
	for _, u := range c.patched.Units {
		if c.orig.UnitByObject(u.ObjectID) != nil {
			sources = append(sources, c.sourceName(&u))
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
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
	t := target{Path: f.Path, BuildID: link.BuildID, Binary: link.OutputID, Map: link.MapID, Inputs: link.Inputs, Shared: librariesOf(link), Wrapped: wrapped(link.Argv), Own: bindsOwn(link.Argv), link: link}
	pair := c.pairs[link.Output]
	if pair == nil {
		return t, c.refuseMoved(f, link)
	}
	if pair.Orig.OutputID != link.OutputID {
		return t, nil
	}
	if len(pair.Missing) > 0 {
		return t, c.refuseMissing(f, link, pair.Missing)
	}
	t.NewLibs = c.newLibraries(pair)
	for _, u := range pair.Units {
		if u.Orig == nil {
			t.New = append(t.New, c.addition(u))
			continue
		}
		t.Units = append(t.Units, c.unit(u.Index, u.Orig, *u.Patched, u.Patched.AsmID))
	}
	return t, nil
}

// refuseMoved refuses a binary that was not linked again where it was, while the patched build linked one of its name in a
// place where the original build has none: the two cannot be lined up, and would pass for unchanged.
func (c *comparison) refuseMoved(f installed, link *buildtree.Link) error {
	for _, p := range c.patched.Links {
		if filepath.Base(p.Output) == filepath.Base(link.Output) && c.orig.LinkByOutput(p.Output) == nil {
			return fault.Refuse("no-record", f.Path, "it was linked as %s and is now linked as %s", link.Output, p.Output).
				WithState("no patch written").WithHint("the tree was moved or copied after it was built: run patchmake --clean")
		}
	}
	return nil
}

func (c *comparison) refuseMissing(f installed, orig *buildtree.Link, missing []buildtree.Input) error {
	names := make([]string, len(missing))
	for i, in := range missing {
		names[i] = in.String()
		if in.Member != "" && !linked(orig, in) {
			return fault.Refuse("new-input", f.Path, "%s is linked in only by the patched build", in).
				WithState("no patch written").WithHint("its archive has several members of that name: give them different names")
		}
	}
	return fault.Refuse("no-record", f.Path, "changed, but not recorded when it was compiled: %s", strings.Join(names, ", ")).
		WithState("no patch written").WithHint("build that file through carecc: run patchmake --clean")
}

// linked reports whether a link has an archive member of that name.
func linked(l *buildtree.Link, in buildtree.Input) bool {
	return slices.ContainsFunc(l.Inputs, func(k buildtree.Input) bool { return k.Path == in.Path && k.Member == in.Member })
}

func (c *comparison) unit(index int, orig *buildtree.Unit, patched buildtree.Unit, asm buildtree.Digest) unit {
	u := unit{Source: c.sourceName(orig), Input: index, Orig: orig.AsmID, Patched: asm, Record: patched}
	if data, err := os.ReadFile(sourcePath(orig)); err == nil {
		sum := sha256.Sum256(data)
		u.SHA256 = hex.EncodeToString(sum[:])
	}
	return u
}

func sourcePath(u *buildtree.Unit) string {
	if filepath.IsAbs(u.Source) {
		return filepath.Clean(u.Source)
	}
	return filepath.Join(u.Dir, u.Source)
}

// sourceName is how a unit is called: its path in the source directory, or as the compiler was given it.
func (c *comparison) sourceName(u *buildtree.Unit) string {
	path := sourcePath(u)
	if rel, err := filepath.Rel(c.w.o.SourceDir, path); err == nil && within(path, c.w.o.SourceDir) {
		return rel
	}
	return u.Source
}
