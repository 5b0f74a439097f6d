package patcher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/planner"
)

// blameLayout adds to a refusal of a variable's initial value or size which structure has another layout: one that is in it, or else, where
// the value may be the size of a structure or the place of a member, any. That is what the source patch changed.
func (m *maker) blameLayout(c comparedUnit, err error) error {
	e := fault.As(err)
	if e == nil || e.Code != fault.DataChanged && e.Code != fault.DataSize || c.unit.OrigTypes == "" {
		return err
	}
	changes, failed := m.typeChanges(&c.unit.SideVersions)
	if failed != nil {
		return err
	}
	types, failed := planner.LoadLayout(m.store, c.unit.OrigTypes)
	if failed != nil {
		return err
	}
	changes = slices.DeleteFunc(changes, func(l layout.Change) bool { return l.Kind != layout.Type })
	blamed := *e
	switch within := c.heldBy(e, changes, types); {
	case within != nil:
		blamed.What += fmt.Sprintf("; %s in it has another layout: %s", within.Name, howChanged(*within))
	case e.Code == fault.DataChanged && len(changes) > 0:
		blamed.What += fmt.Sprintf("; %s has another layout: %s", changes[0].Name, howChanged(changes[0]))
	default:
		return err
	}
	return &blamed
}

// heldBy returns the first type of those that changed which is in the variable that a refusal names, nil if none is.
func (c *comparedUnit) heldBy(e *fault.Error, changes []layout.Change, types *layout.Unit) *layout.Change {
	for _, v := range c.delta.Variables {
		if v.Status != diffasm.Changed || !strings.Contains(e.What, strconv.Quote(v.Name)) {
			continue
		}
		for i := range changes {
			if types.Holds(sourceNameOf(v.Name), changes[i].Name) {
				return &changes[i]
			}
		}
	}
	return nil
}

// sourceNameOf is the name that a variable has in the source, without the number of a static local and the function that clang puts before
// it.
func sourceNameOf(symbol string) string {
	name := strings.TrimRight(symbol, "0123456789")
	if rest, numbered := strings.CutSuffix(name, "."); numbered {
		symbol = rest
	}
	return symbol[strings.LastIndexByte(symbol, '.')+1:]
}
