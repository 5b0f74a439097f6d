package patcher

import (
	"context"
	"os"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/meter"
	"gocare/internal/srcpatch"
	"gocare/internal/toolexec"
	"gocare/kpatch"
)

// Compare pairs the two builds and compiles what comparing units needs besides.
func Compare(ctx context.Context, b Builds) (*Plan, error) {
	c, links, err := compareRecords(b)
	if err != nil {
		return nil, err
	}
	users, err := c.headerUsers(ctx, links)
	if err != nil {
		return nil, err
	}
	links = changedOnly(withUsers(links, users))
	made, err := c.compileSideVersions(ctx, links)
	if err != nil {
		return nil, err
	}
	p := &Plan{Targets: c.targets(links, made), Same: c.same(), Overridden: made.overridden}
	if p.Files, err = KeepSources(b.Store, b.Change); err != nil {
		return nil, err
	}
	for _, patch := range b.Patches {
		p.Patches = append(p.Patches, kpatch.SourceFile{Name: patch.Name, SHA256: patch.SHA256})
	}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// CompareIdentity plans to compare every recorded C unit of the original build with itself: the patch then holds functions that do what
// the original's do, and a program with it must behave as without.
func CompareIdentity(ctx context.Context, b Builds) (*Plan, error) {
	b.Change = &srcpatch.Change{}
	c, links, err := compareRecords(b)
	if err != nil {
		return nil, err
	}
	var same []pairedUnit
	for i, l := range links {
		for index, in := range l.link.Inputs {
			if u := c.orig.UnitFor(l.link, in); u != nil && compilable(u) {
				same = append(same, pairedUnit{link: i, input: index, orig: u, record: *u, asm: u.AsmID})
			}
		}
	}
	links = changedOnly(withUsers(links, same))
	p := &Plan{Targets: c.targets(links, allSideVersions{})}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// compilerVersion is the first line of what the first unit's compiler says of itself.
func compilerVersion(ctx context.Context, targets []Target) string {
	for _, t := range targets {
		for _, u := range t.Units {
			ended := meter.Other(ctx)
			res, err := toolexec.Run(ctx, toolexec.Cmd{Path: u.Record.Driver, Args: []string{"--version"}})
			ended()
			if line, _, ok := strings.Cut(string(res.Stdout), "\n"); err == nil && ok {
				return line
			}
		}
	}
	return ""
}

// targets describes the links for the plan.
func (c *comparison) targets(links []pairedLink, made allSideVersions) []Target {
	var targets []Target
	for _, l := range links {
		t := Target{
			Path: l.path, BuildID: l.link.BuildID, Binary: l.link.OutputID, Map: l.link.MapID, Inputs: l.link.Inputs,
			Shared: librariesOf(l.link), Wrapped: wrapped(l.link.Argv), Own: bindsOwn(l.link.Argv), NewLibs: l.newLibs,
		}
		for _, u := range l.units {
			unit := c.unit(u)
			if len(made.units) > 0 {
				unit.SideVersions, made.units = made.units[0], made.units[1:]
				if u.late != nil {
					unit.Late.Sources = made.late[0]
				}
				made.late = made.late[1:]
			}
			t.Units = append(t.Units, unit)
		}
		for _, u := range l.added {
			a := c.addition(u)
			if len(made.added) > 0 {
				a.Indirect, made.added = made.added[0], made.added[1:]
			}
			t.New = append(t.New, a)
		}
		targets = append(targets, t)
	}
	return targets
}

func (c *comparison) unit(p pairedUnit) Unit {
	u := Unit{Source: c.sourceName(p.orig), Input: p.input, Orig: p.orig.AsmID, Patched: p.asm, Record: p.record}
	if p.late != nil {
		late := *p.late
		u.Late = &late
	}
	if data, err := os.ReadFile(sourcePath(p.orig)); err == nil {
		u.SHA256 = digest(data)
	}
	return u
}

// addition describes an input that only the patched link has.
func (c *comparison) addition(u buildtree.UnitPair) Addition {
	a := Addition{Name: u.PatchedInput.String(), Object: u.PatchedInput.ObjectID}
	if u.Patched != nil {
		a.Name, a.Asm, a.Record = c.sourceName(u.Patched), u.Patched.AsmID, *u.Patched
	}
	return a
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
