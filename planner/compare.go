package planner

import (
	"context"
	"maps"
	"os"
	"path/filepath"
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
	c, links, err := compareRecords(ctx, b)
	if err != nil {
		return nil, err
	}
	options := optionCheck{c.records, c.rebuilt}
	if err := options.filesPatched(links); err != nil {
		return nil, err
	}
	if links, err = (earlyCheck{c.records}).builtEarly(ctx, links); err != nil {
		return nil, err
	}
	links, overridden, err := options.reconfigure(ctx, links)
	if err != nil {
		return nil, err
	}
	users, err := headerCheck{c.records, c.rebuilt}.headerUsers(ctx, links)
	if err != nil {
		return nil, err
	}
	c.drift = users.drift
	unread := c.changedUnread()
	if err := c.refuseUnmade(unread); err != nil {
		return nil, err
	}
	if err := c.refuseLeftTemplates(ctx, unread); err != nil {
		return nil, err
	}
	if err := c.refuseRewritten(links); err != nil {
		return nil, err
	}
	all := withUsers(links, users.changed)
	links = changedOnly(all)
	if err := c.refuseUnfit(ctx, links); err != nil {
		return nil, err
	}
	if err := c.keepVariables(ctx, links); err != nil {
		return nil, err
	}
	pointed, err := c.refusePointed(links)
	if err != nil {
		return nil, err
	}
	side := sideCompiler{c.b}
	if links, err = side.nameVariables(ctx, links); err != nil {
		return nil, err
	}
	same := sameCheck{sideCompiler: side, orig: c.orig, again: maps.Clone(c.rebuilt), drift: users.drift}
	maps.Copy(same.again, users.same)
	made, err := side.compileSideVersions(ctx, links, unchangedOnly(all), same)
	if err != nil {
		return nil, err
	}
	p := &Plan{Same: c.same(), Overridden: slices.Concat(overridden, pointed, made.overridden)}
	if p.Targets, err = c.targets(ctx, links, made); err != nil {
		return nil, err
	}
	if p.Files, err = KeepSources(b.Store, b.Change); err != nil {
		return nil, err
	}
	p.name(b.Patches)
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// refuseUnfit refuses changed units of which the record does not tell what the patch changed.
func (c *comparison) refuseUnfit(ctx context.Context, links []pairedLink) error {
	if err := (compilerCheck{c.b}).sameCompilers(ctx, links); err != nil {
		return err
	}
	if err := c.b.refuseStale(links); err != nil {
		return err
	}
	if err := c.b.refuseIncluded(links); err != nil {
		return err
	}
	return c.inventory().sameBuildIDs(links, c.files)
}

// name notes which source patches were compared.
func (p *Plan) name(patches []*srcpatch.Patch) {
	for _, patch := range patches {
		p.Patches = append(p.Patches, kpatch.SourceFile{Name: patch.Name, SHA256: patch.SHA256})
		p.CVEs = append(p.CVEs, patch.CVEs...)
	}
}

// CompareIdentity plans to compare the code of the original build with itself: the patch then holds functions that do what the
// original's do, and a program with it must behave as without.
func CompareIdentity(ctx context.Context, b Builds) (*Plan, error) {
	b.Change = &srcpatch.Change{}
	c, links, err := compareRecords(ctx, b)
	if err != nil {
		return nil, err
	}
	var same []pairedUnit
	for i, l := range links {
		units, err := c.itself(l.link, i)
		if err != nil {
			return nil, err
		}
		same = append(same, units...)
	}
	links = changedOnly(withUsers(links, same))
	if links, err = (sideCompiler{c.b}).nameVariables(ctx, links); err != nil {
		return nil, err
	}
	p := &Plan{}
	if p.Targets, err = c.targets(ctx, links, allSideVersions{}); err != nil {
		return nil, err
	}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, nil
}

// itself pairs every recorded C unit of link n with itself, and what gcc made of some when it linked.
func (c *comparison) itself(link *buildtree.Link, n int) ([]pairedUnit, error) {
	units, err := lateCode{c.records}.itself(link, n)
	if err != nil {
		return nil, err
	}
	for i, in := range link.Inputs {
		if u := c.orig.UnitFor(link, in); u != nil && compilable(u) && !c.orig.IsLate(link, u) {
			units = append(units, pairedUnit{link: n, input: i, orig: u, record: *u, asm: u.AsmID})
		}
	}
	return units, nil
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
func (c *comparison) targets(ctx context.Context, links []pairedLink, made allSideVersions) ([]Target, error) {
	var targets []Target
	for i, l := range links {
		inputs, err := c.inventory().withLocals(ctx, &l)
		if err != nil {
			return nil, err
		}
		t := Target{
			Path: l.path, Machine: l.machine, BuildID: l.link.BuildID, Binary: l.link.Binary(), Map: l.link.MapID, Inputs: inputs,
			Sources: c.inventory().goneObjects(l.link), Shared: librariesOf(l.link), Wrapped: wrapped(l.link.Argv), Own: bindsOwn(l.link.Argv), NewLibs: l.newLibs, Later: l.later,
			Library: makesLibrary(l.link.Argv), Parts: partsOf(l.link),
		}
		if len(made.same) > 0 {
			t.Same = made.same[i]
		}
		for _, u := range l.units {
			unit := c.unit(u)
			unit.Machine = l.machine
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
				a.SideVersions, made.added = made.added[0], made.added[1:]
			}
			t.New = append(t.New, a)
		}
		for _, in := range l.gone {
			if u := c.orig.UnitFor(l.link, in); u != nil && in.ObjectID != "" {
				t.Gone = append(t.Gone, GoneInput{Name: c.b.sourceName(u), Object: in.ObjectID})
			}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// goneObjects names, by input of a link, the sources of objects that no longer exist: those of a command that compiles and links.
func (v inventory) goneObjects(l *buildtree.Link) []string {
	sources := make([]string, len(l.Inputs))
	for i, in := range l.Inputs {
		path := in.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(l.Dir, path)
		}
		if u := v.orig.UnitFor(l, in); u != nil && in.Member == "" && !isFile(path) {
			sources[i] = v.b.sourceName(u)
		}
	}
	return sources
}

func (c *comparison) unit(p pairedUnit) Unit {
	u := Unit{Source: c.b.sourceName(p.orig), Input: p.input, Orig: p.orig.AsmID, Patched: p.asm, Record: p.record, Unnamed: p.unnamed}
	if p.named != nil {
		u.Orig, u.Patched, u.Linked, u.Alone = p.named.orig, p.named.patched, p.orig.AsmID, p.named.alone
	}
	if p.late != nil {
		late := *p.late
		u.Late = &late
	}
	if data, err := c.b.originalSource(p.orig); err == nil {
		u.SHA256 = digest(data)
	}
	u.Unshown = c.unshown(p)
	return u
}

// unshown reports whether a unit was compiled from what the source patch does not show: a source that the build made anew, or options.
func (c *comparison) unshown(p pairedUnit) bool {
	if c.drift == nil || p.late != nil {
		return false
	}
	made := func(r buildtree.Read) bool {
		return c.drift.changed(r.Path) && !strings.HasSuffix(r.Path, precompiled) && !slices.ContainsFunc(c.b.Change.Files, func(f srcpatch.FileChange) bool {
			return f.Old != "" && filepath.Join(c.b.Dirs.Source, f.Old) == r.Path
		})
	}
	return slices.ContainsFunc(c.b.Before.units[readerID(p.orig)].files, made) ||
		len(buildtree.DifferentOptions(p.orig.ShapingOptions(), p.record.ShapingOptions())) > 0
}

// originalSource reads the source of a unit as it was before the patch; the tree may be the view, and hold the patched one.
func (b *Builds) originalSource(u *buildtree.Unit) ([]byte, error) {
	path := sourcePath(u)
	for _, f := range b.Change.Files {
		if f.Old != "" && filepath.Join(b.Dirs.Source, f.Old) == path {
			return f.Before, nil
		}
	}
	return os.ReadFile(path)
}

// addition describes an input that only the patched link has.
func (c *comparison) addition(u buildtree.UnitPair) Addition {
	a := Addition{Name: u.PatchedInput.String(), Object: u.PatchedInput.ObjectID}
	if u.Patched != nil {
		a.Name, a.Asm, a.Record = c.b.sourceName(u.Patched), u.Patched.AsmID, *u.Patched
	}
	return a
}

// same lists the sources that the patched build compiled to an object which the original has too.
func (c *comparison) same() []string {
	sources := []string{}
	for _, u := range c.patched.Units {
		if c.orig.UnitByObject(u.ObjectID) != nil {
			sources = append(sources, c.b.sourceName(&u))
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}
