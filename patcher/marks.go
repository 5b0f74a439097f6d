package patcher

import (
	"fmt"
	"slices"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/planner"
)

// readMarks reads what the source patch says in all units: a header that declares a structure, or a variable of another unit, may be marked in
// one of them alone.
func (m *maker) readMarks() error {
	for i := range m.plan.Targets {
		for k := range m.plan.Targets[i].Units {
			if err := m.readMarksOf(&m.plan.Targets[i].Units[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maker) readMarksOf(u *planner.Unit) error {
	text, err := m.store.Blob(u.Patched)
	if err != nil {
		return fmt.Errorf("%s: assembly in the record: %w", u.Source, err)
	}
	if !diffasm.HasMarks(text) {
		return nil
	}
	patched, err := diffasm.Parse(u.Source, text)
	if err != nil {
		return err
	}
	orig, err := m.parse(u.Source, u.Orig)
	if err != nil {
		return err
	}
	m.marks.Add(patched, diffasm.MarksOf(orig, patched))
	return nil
}

// vouched reports whether the source patch takes care of the objects of a type that another layout is refused for.
func (m *maker) vouched(c layout.Change) bool {
	return refuseLayout("", c).Code == fault.StructLayout && slices.Contains(m.marks.Types, c.Name)
}
