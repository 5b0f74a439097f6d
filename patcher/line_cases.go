package patcher

import (
	"slices"
	"strings"

	"gocare/internal/fault"
)

// refuseMovedCases refuses functions of the patch that go on at a stored line number, and in which that leads elsewhere now.
func (d *decidedUnit) refuseMovedCases() *fault.Error {
	for _, c := range d.unit.MovedCases {
		if c.Edited || slices.ContainsFunc(d.report.InPatch, func(name string) bool { return strings.Contains(name, c.Function) }) {
			return fault.Refuse(fault.EnumRenumbered, d.unit.Source, "function %q goes on at line numbers (case __LINE__), and what was behind line %s is behind another one: the process may have stored the old one", c.Function, c.Line).
				About(c.Function).
				WithHint("edit the lines in their places, or let #line give what is behind them the old numbers; --allow enum-renumbered if no process is in the middle of it")
		}
	}
	return nil
}
