package patcher

import (
	"fmt"
	"reflect"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/planner"
)

// readMarks reads what the source patch says in all units: a structure of a header, or a variable of another unit, may be marked in one of them
// alone.
func (m *maker) readMarks() error {
	for i := range m.plan.Targets {
		t := &m.plan.Targets[i]
		for k := range t.Units {
			u := &t.Units[k]
			if err := m.readMarksOf(u, u.Patched); err != nil {
				return err
			}
		}
		for k := range t.New {
			u := &planner.Unit{Source: t.New[k].Name, Machine: t.Machine}
			if err := m.readMarksOf(u, t.New[k].Asm); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMarksOf reads the marks that the patched version of a unit has and the original has not.
func (m *maker) readMarksOf(u *planner.Unit, patched buildtree.Digest) error {
	if patched == "" {
		return nil
	}
	text, err := m.store.Blob(patched)
	if err != nil {
		return fmt.Errorf("%s: assembly in the record: %w", u.Source, err)
	}
	if !diffasm.HasMarks(text) {
		return nil
	}
	after, err := diffasm.Parse(u.Arch(), u.Source, text)
	if err != nil {
		return err
	}
	before, err := m.parse(u, u.Orig)
	if err != nil {
		return err
	}
	marks := diffasm.MarksOf(before, after)
	m.marks.Add(after, marks)
	for _, name := range marks.Types {
		mark := typeMark{name: name}
		if u.Late == nil {
			mark.types = u.PatchedTypes
		}
		m.typeMarks = append(m.typeMarks, mark)
	}
	return nil
}

// typeMark is a type of which the source patch takes care, by the name that the source has for it.
type typeMark struct {
	name  string
	types buildtree.Digest // object that describes what the marked source calls so; "" where that is not known
}

// vouched reports whether the source patch takes care of the objects of a type of a unit that another layout is refused for. Sources may
// have different types of one name: a mark is about the one that its source has.
func (m *maker) vouched(c layout.Change, patched buildtree.Digest) bool {
	return refuseLayout("", c).Code == fault.StructLayout &&
		slices.ContainsFunc(m.typeMarks, func(t typeMark) bool { return t.name == c.Name && m.isMarked(t, c, patched) })
}

// isMarked reports whether a mark is about a type of its name in a unit. Of a mark in a source whose types are not known it is if all units
// have the same change of that name.
func (m *maker) isMarked(t typeMark, c layout.Change, patched buildtree.Digest) bool {
	there, err := planner.LoadLayout(m.store, t.types)
	if t.types == "" || err == nil && !there.Describes(c.Name) {
		return m.isOnlyChange(c)
	}
	here, hereErr := planner.LoadLayout(m.store, patched)
	return err == nil && hereErr == nil && layout.SharesType(here, there, c.Name)
}

// isOnlyChange reports whether all units in which a type of the name changes have the same change.
func (m *maker) isOnlyChange(c layout.Change) bool {
	other := func(o layout.Change) bool { return o.Kind == c.Kind && o.Name == c.Name && !reflect.DeepEqual(o, c) }
	for i := range m.plan.Targets {
		for k := range m.plan.Targets[i].Units {
			for _, t := range m.plan.Targets[i].Units[k].Typed() {
				if changes, err := m.typeChanges(&t.SideVersions); err != nil || slices.ContainsFunc(changes, other) {
					return false
				}
			}
		}
	}
	return true
}
