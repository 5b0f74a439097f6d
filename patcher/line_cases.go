package patcher

import (
	"slices"

	"gocare/diffasm"
	"gocare/internal/cxxname"
	"gocare/internal/fault"
)

// refuseMovedCases refuses functions of the patch that go on at a stored number, and in which that leads elsewhere now.
func (d *decidedUnit) refuseMovedCases() *fault.Error {
	for _, c := range d.unit.MovedCases {
		if c.Edited || slices.ContainsFunc(d.report.InPatch, func(name string) bool { return d.hasCodeOf(name, c.Function) }) {
			return fault.Refuse(fault.EnumRenumbered, d.unit.Source, "function %q goes on at numbers that the compiler counts (case %s), and what was behind %s is behind another one: the process may have stored the old one",
				c.Function, c.Macro, c.Number).
				About(c.Function).
				WithHint("edit the lines in their places, or let #line give what is behind them the old numbers; --allow enum-renumbered if no process is in the middle of it")
		}
	}
	return nil
}

// hasCodeOf reports whether a function of the patch has code of one that the source calls by a name: its own, or such as was inlined.
func (d *decidedUnit) hasCodeOf(symbol, function string) bool {
	return function == "" || cxxname.IsCalled(diffasm.SourceName(symbol), function) || d.delta.MayHaveInlined(symbol, function)
}
