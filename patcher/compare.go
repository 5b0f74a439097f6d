package patcher

import (
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/planner"
)

// comparedUnit is a unit of which the two versions were matched.
type comparedUnit struct {
	unit     *planner.Unit
	delta    *diffasm.Delta
	match    diffasm.Matching // what was known for telling static locals apart
	versions *parsedVersions  // what was matched; nil once the unit is decided, to be read again if need be
	unlent   string           // why a version has no debug information, "" if both have
}

// parsedVersions is the assembly of one unit, parsed.
type parsedVersions struct {
	orig, patched *diffasm.File
	restored      *diffasm.File // the patched one with the old line numbers, nil without
	stamped       *diffasm.File // the original one compiled at the patched one's time, nil where that does not matter
}

// compare matches the versions of a unit and explains what differs.
func (m *maker) compare(u *planner.Unit) (comparedUnit, error) {
	v, err := m.parseVersions(u)
	if err != nil {
		return comparedUnit{unit: u}, err
	}
	unlent := ""
	if v.orig.HasStatics() || v.patched.HasStatics() {
		v, _, unlent = m.borrowDebug(u, v)
	}
	match := diffasm.Matching{Sources: m.sources.declared(u), Plain: isPlain(&u.Record)}
	match.Late, match.Unnamed = matching(u.Late), u.Unnamed
	if match.Relying, err = m.relying(u, v.orig); err != nil {
		return comparedUnit{unit: u}, err
	}
	values := m.values(u)
	match.Text = m.sources.leftAlone(u)
	match.ValueChanges = func(expression string) bool { return u.Unshown || values().Change(expression) }
	match.CallsEdited = func(expression string) bool { return values().Calls(expression) }
	match.Unstored = sync.OnceValue(func() *diffasm.Unstored { return m.unstored(u) })
	if match.NoSource = u.Object != nil; match.NoSource {
		match.Sources = nil
	}
	if v.restored == nil && u.Late == nil && u.Object == nil { // else that tells more, or nothing does
		match.LinesMoved = m.sources.linesMoved(u)
	}
	c := comparedUnit{unit: u, match: match, versions: v, unlent: unlent}
	matched, err := m.matchUnit(c)
	if err == nil {
		return matched, nil
	}
	if better, found, err := m.withDebug(c); found {
		return better, err
	}
	return c, err
}

// matchUnit matches the versions of a unit that were read, and says of what differs where it comes from.
func (m *maker) matchUnit(c comparedUnit) (comparedUnit, error) {
	d, err := c.versions.match(c.match)
	if err != nil {
		return c, err
	}
	m.sources.explain(c.unit, d, m.source(c.unit))
	c.delta = d
	return c, nil
}

// withDebug matches a unit anew with the debug information of compiles on the side; found is false where there is none that its
// versions do not have.
func (m *maker) withDebug(c comparedUnit) (better comparedUnit, found bool, err error) {
	if c.versions == nil {
		if c.versions, err = m.parseVersions(c.unit); err != nil {
			return c, true, err
		}
	}
	versions, borrowed, why := m.borrowDebug(c.unit, c.versions)
	if c.unlent = why; !borrowed {
		return c, false, nil
	}
	c.versions = versions
	better, err = m.matchUnit(c)
	return better, true, err
}

func (m *maker) parseVersions(u *planner.Unit) (*parsedVersions, error) {
	restored := u.Restored
	if m.o.NoRestore {
		restored = ""
	}
	ids := []buildtree.Digest{u.Orig, u.Patched, restored, u.Stamped}
	files, err := parseAll(len(ids), func(i int) (*diffasm.File, error) { return m.parse(u, ids[i]) })
	if err != nil {
		return nil, err
	}
	if u.Orig == "" {
		files[0] = diffasm.Nothing(files[1])
	}
	return &parsedVersions{orig: files[0], patched: files[1], restored: files[2], stamped: files[3]}, nil
}

// match compares the versions of a unit.
func (v *parsedVersions) match(k diffasm.Matching) (*diffasm.Delta, error) {
	d, err := k.Match(v.orig, v.patched, v.restored)
	if err != nil || v.stamped == nil {
		return d, err
	}
	later, err := k.Match(v.stamped, v.patched, v.restored)
	if err == nil {
		d.Stamps(later)
	}
	return d, err
}

// borrowDebug returns the versions with the debug information of a compile with -g, which tells static locals apart, and whether there
// is any that they did not have, of the same code; why says what there is none for.
func (m *maker) borrowDebug(u *planner.Unit, v *parsedVersions) (with *parsedVersions, borrowed bool, why string) {
	better := *v
	for _, f := range []struct {
		stage string
		debug buildtree.Digest
		file  **diffasm.File
	}{{"original", u.OrigDebug, &better.orig}, {"patched", u.PatchedDebug, &better.patched}} {
		if (*f.file).Borrowed() || f.debug == "" && (*f.file).Declarations() != nil {
			continue
		}
		debug, err := m.parse(u, f.debug)
		if err != nil || debug == nil {
			why = fmt.Sprintf("the %s unit could not be compiled with -g, which would tell", f.stage)
			continue
		}
		lent, refused := (*f.file).WithDebug(debug)
		if refused != "" {
			why = fmt.Sprintf("the %s unit was compiled with -g, which would tell, but %s", f.stage, refused)
			continue
		}
		*f.file, borrowed = lent, true
	}
	return &better, borrowed, why
}

// unstored reads what was compiled on the side for the variables that no version of a unit keeps. What cannot be read tells nothing.
func (m *maker) unstored(u *planner.Unit) *diffasm.Unstored {
	read := func(ids ...buildtree.Digest) (files []*diffasm.File) {
		for _, id := range ids {
			f, err := m.parse(u, id)
			if err != nil {
				f = nil
			}
			files = append(files, f)
		}
		return files
	}
	one := read(u.PatchedWritten, u.OrigKept, u.PatchedLocals)
	return &diffasm.Unstored{
		OrigRead: read(u.OrigRead...), PatchedRead: read(u.PatchedRead...), PatchedWritten: one[0], OrigKept: one[1], PatchedLocals: one[2],
	}
}

// parseAll parses several versions of a unit at once.
func parseAll(n int, parse func(int) (*diffasm.File, error)) ([]*diffasm.File, error) {
	files := make([]*diffasm.File, n)
	var g errgroup.Group
	for i := range n {
		g.Go(func() (err error) {
			files[i], err = parse(i)
			return err
		})
	}
	return files, g.Wait()
}

// parse parses assembly of the record, nil for none.
func (m *maker) parse(u *planner.Unit, id buildtree.Digest) (*diffasm.File, error) {
	if id == "" {
		return nil, nil
	}
	data, err := m.store.Blob(id)
	if err != nil {
		return nil, fmt.Errorf("%s: assembly in the record: %w", u.Source, err)
	}
	return diffasm.Parse(u.Arch(), u.Source, data)
}
