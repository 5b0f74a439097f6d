package patcher

import (
	"fmt"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// readMarks reads what the source patch says in all units: a structure of a header, or a variable of another unit, may be marked in one of them
// alone.
func (m *maker) readMarks() error {
	for i := range m.plan.Targets {
		t := &m.plan.Targets[i]
		for k := range t.Units {
			if err := m.readMarksOf(t.Units[k].Source, t.Units[k].Orig, t.Units[k].Patched); err != nil {
				return err
			}
		}
		for k := range t.New {
			if err := m.readMarksOf(t.New[k].Name, "", t.New[k].Asm); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maker) readMarksOf(source string, orig, patched buildtree.Digest) error {
	if patched == "" {
		return nil
	}
	text, err := m.store.Blob(patched)
	if err != nil {
		return fmt.Errorf("%s: assembly in the record: %w", source, err)
	}
	if !diffasm.HasMarks(text) {
		return nil
	}
	after, err := diffasm.Parse(source, text)
	if err != nil {
		return err
	}
	before, err := m.parse(source, orig)
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
