package patcher

import (
	"fmt"
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
	m.marks.Add(after, diffasm.MarksOf(before, after))
	return nil
}

// vouched reports whether the source patch takes care of the objects of a type that another layout is refused for.
func (m *maker) vouched(c layout.Change) bool {
	return refuseLayout("", c).Code == fault.StructLayout && slices.Contains(m.marks.Types, c.Name)
}
