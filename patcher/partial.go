package patcher

import (
	"fmt"

	"gocare/ld"
	"gocare/planner"
)

// expand adds to a map where the inputs of partial links went.
func (m *maker) expand(lm *ld.Map, parts []planner.Part) error {
	for _, p := range parts {
		data, err := m.store.Blob(p.Map)
		if err != nil {
			return fmt.Errorf("%s: link map in the record: %w", p.Path, err)
		}
		inner, err := ld.ReadMap(data)
		if err != nil {
			return fmt.Errorf("%s: link map: %w", p.Path, err)
		}
		if err := m.expand(inner, p.Parts); err != nil {
			return err
		}
		if err := lm.Expand(ld.Partial{Dir: p.Dir, Path: p.Path, Member: p.Member, Map: inner}); err != nil {
			return err
		}
	}
	return nil
}
