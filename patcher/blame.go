package patcher

import (
	"fmt"
	"strconv"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// blameLayout adds to a refusal of a variable's initial value or size which structure in it has another layout, if one has: that is what
// the source patch changed.
func (m *maker) blameLayout(c comparedUnit, err error) error {
	e := fault.As(err)
	if e == nil || e.Code != fault.DataChanged && e.Code != fault.DataSize || c.unit.OrigTypes == "" {
		return err
	}
	changes, failed := m.typeChanges(&c.unit.SideVersions)
	if failed != nil {
		return err
	}
	types, failed := loadLayout(m.store, c.unit.OrigTypes)
	if failed != nil {
		return err
	}
	for _, v := range c.delta.Variables {
		if v.Status != diffasm.Changed || !strings.Contains(e.What, strconv.Quote(v.Name)) {
			continue
		}
		for _, change := range changes {
			if change.Kind == layout.Type && types.Holds(sourceNameOf(v.Name), change.Name) {
				blamed := *e
				blamed.What += fmt.Sprintf("; %s in it has another layout: %s", change.Name, howChanged(change))
				return &blamed
			}
		}
	}
	return err
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
