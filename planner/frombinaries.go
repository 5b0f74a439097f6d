package planner

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/toolexec"
	"gocare/internal/unlink"
)

// Binaries are two versions of a program that was linked with its relocations kept (--emit-relocs).
type Binaries struct {
	Objects // but for Pairs and Binary

	Orig, Patched string
}

// linkedVersion is one version of a program, taken apart.
type linkedVersion struct {
	path    string
	data    []byte
	file    *elfobj.File
	program *unlink.Program
}

// PlanBinaries plans to compare the units of two programs.
func PlanBinaries(ctx context.Context, b Binaries) (*Plan, error) {
	var orig, patched linkedVersion
	var g errgroup.Group
	g.Go(func() (err error) { orig, err = b.takeApart(ctx, b.Orig); return err })
	g.Go(func() (err error) { patched, err = b.takeApart(ctx, b.Patched); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	t := Target{Path: b.Orig, BuildID: orig.file.BuildID(), Unseen: true}
	if t.BuildID == "" {
		return nil, fault.Refuse(fault.NoBuildID, b.Orig, "the binary has no BuildID").WithHint("link it with -Wl,--build-id")
	}
	var err error
	if t.Binary, err = b.Store.PutBlob(orig.data); err != nil {
		return nil, err
	}
	if err := refuseRest(orig, patched); err != nil {
		return nil, err
	}
	pairs, err := pairUnits(orig.program.Units(), patched.program.Units())
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	for _, pair := range pairs {
		if err := b.add(ctx, p, &t, pair); err != nil {
			return nil, err
		}
	}
	t.Inputs = append(t.Inputs, buildtree.Input{Path: "another input of " + b.Orig})
	p.Targets = []Target{t}
	return p, nil
}

// refuseRest refuses what differs between the programs and is of no unit, functions that the linker made one, and variables of libraries that
// changed their size.
func refuseRest(orig, patched linkedVersion) error {
	for _, v := range []linkedVersion{orig, patched} {
		if one, other := v.program.Folded(); one != "" {
			return fault.Refuse(fault.FoldedFunction, v.path, "the linker made %q and %q one", one, other).
				WithHint("link both versions without identical code folding (--icf=none)")
		}
	}
	before, after := orig.program.Rest(), patched.program.Rest()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name] != after[name] {
			return refuseLeftOver(patched.path, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			return refuseLeftOver(patched.path, name)
		}
	}
	was, is := orig.program.Copies(), patched.program.Copies()
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if size, both := is[name]; both && size != was[name] {
			return fault.Refuse(fault.NoRelocations, patched.path, "%q of a library had %d bytes and has %d now", name, was[name], size).
				WithHint("link both versions with the same libraries")
		}
	}
	return nil
}

func refuseLeftOver(path, name string) *fault.Error {
	return fault.Refuse(fault.NoRelocations, path, "%q differs, and no debugging information tells which unit it is of", name).
		WithHint("compile all that changed with -g; link with the same libraries and options")
}

// takeApart reads a program, and has a disassembler list its code.
func (b *Binaries) takeApart(ctx context.Context, path string) (v linkedVersion, err error) {
	v.path = path
	if v.data, v.file, err = readELF(path); err != nil {
		return v, err
	}
	listing, err := toolexec.Run(ctx, toolexec.Cmd{Path: b.Objdump, Args: unlink.ListingArgs(path)})
	if err != nil {
		return v, err
	}
	v.program, err = unlink.Open(v.file, listing.Stdout)
	if err == nil {
		return v, nil
	}
	refusal := fault.Refuse(fault.NoRelocations, path, "the binary cannot be taken apart").WithCause(err)
	switch {
	case errors.As(err, &unlink.ErrNoRelocations{}):
		refusal = refusal.WithHint("link both versions with -Wl,--emit-relocs, from objects compiled with -g; or give their objects: patchmake from-objects")
	case errors.Is(err, unlink.ErrNoDebug):
		refusal = refusal.WithHint("compile both versions with -g, and do not strip them")
	}
	return v, refusal
}

// unitPair is a unit of both programs.
type unitPair struct{ orig, patched *unlink.Unit }

// pairUnits finds for each unit of the original the one of the patched version.
func pairUnits(orig, patched []*unlink.Unit) ([]unitPair, error) {
	taken := map[*unlink.Unit]*unlink.Unit{}
	used := map[*unlink.Unit]bool{}
	for _, key := range []func(*unlink.Unit) string{
		func(u *unlink.Unit) string { return u.Dir + "\x00" + u.Source },
		func(u *unlink.Unit) string { return u.Source },
		func(u *unlink.Unit) string { return filepath.Base(u.Source) },
	} {
		byKey := map[string][]*unlink.Unit{}
		for _, u := range patched {
			if !used[u] {
				byKey[key(u)] = append(byKey[key(u)], u)
			}
		}
		rivals := map[string][]*unlink.Unit{}
		for _, u := range orig {
			if taken[u] == nil {
				rivals[key(u)] = append(rivals[key(u)], u)
			}
		}
		for k, list := range rivals {
			if len(byKey[k]) == len(list) && len(list) == 1 {
				taken[list[0]], used[byKey[k][0]] = byKey[k][0], true
			}
		}
	}
	var pairs []unitPair
	for _, u := range orig {
		if taken[u] == nil {
			return nil, refuseUnpaired(u, "original")
		}
		pairs = append(pairs, unitPair{u, taken[u]})
	}
	for _, u := range patched {
		if !used[u] {
			return nil, refuseUnpaired(u, "patched")
		}
	}
	return pairs, nil
}

func refuseUnpaired(u *unlink.Unit, stage string) *fault.Error {
	return fault.Refuse(fault.UnseenInput, u.Source, "only the %s program has this unit, or has several of that name", stage).
		WithHint("make the patch from a recorded build, with carecc")
}

// add compares a unit of both programs.
func (b *Binaries) add(ctx context.Context, p *Plan, t *Target, pair unitPair) error {
	in := buildtree.Input{Path: pair.orig.Source}
	same, err := unlink.Same(pair.orig, pair.patched)
	if err != nil {
		return refuseUnit(pair.orig, err)
	}
	if same {
		data, err := pair.orig.Object(false)
		if err != nil {
			return refuseUnit(pair.orig, err)
		}
		p.Same = append(p.Same, pair.orig.Source)
		in.ObjectID, err = b.Store.PutBlob(data)
		in.AllocID = in.ObjectID
		t.Inputs = append(t.Inputs, in)
		return err
	}
	u, compiler, err := b.compare(ctx, pair)
	if err != nil {
		return err
	}
	p.Compiler = compiler
	if e := refuseUntyped(u.Source, compiler); e != nil {
		if !b.Allow(e.Code) {
			return e
		}
		p.Overridden = append(p.Overridden, e)
	}
	u.Input = len(t.Inputs)
	in.ObjectID, in.AllocID = u.OrigTypes, u.OrigTypes
	t.Inputs = append(t.Inputs, in)
	t.Units = append(t.Units, *u)
	return nil
}

func refuseUnit(u *unlink.Unit, err error) *fault.Error {
	return fault.Refuse(fault.ObjectUnclear, u.Source, "the unit cannot be taken out of the binary").WithCause(err)
}

// compare writes both versions of a unit as text.
func (b *Binaries) compare(ctx context.Context, pair unitPair) (*Unit, string, error) {
	var versions [2]objectVersion
	for i, u := range []*unlink.Unit{pair.orig, pair.patched} {
		data, err := u.Object(true)
		if err != nil {
			return nil, "", refuseUnit(u, err)
		}
		path := filepath.Join(b.Store.Dir(), [2]string{"orig.o", "patched.o"}[i])
		if versions[i], err = versionOf(path, u.Source, data); err != nil {
			return nil, "", err
		}
		if err := os.WriteFile(path, unlink.Unplaced(data), 0o600); err != nil {
			return nil, "", err
		}
	}
	return b.compareVersions(ctx, versions[0], versions[1])
}
