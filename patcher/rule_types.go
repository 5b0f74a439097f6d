package patcher

import (
	"gocare/diffasm"
	"gocare/internal/layout"
	"gocare/planner"
)

// retypedVariables looks at variables of another type in units that have nothing in the patch: code of it may reach them by their names, or
// by their addresses. Those of the other units were compared where these were decided.
func retypedVariables(l *link) (ruling, error) {
	var says ruling
	if l.replacesCode() {
		l.retypedAll(&says)
	}
	return says, nil
}

// retypedAll refuses every variable of another type in such units.
func (l *link) retypedAll(says *ruling) {
	for i := range l.units {
		u := l.units[i].unit
		if l.units[i].emitted == nil {
			constant := func(name string) bool { return isConstant(l.units[i].delta, name) }
			l.retypedIn(says, i, u.Source, &u.SideVersions, constant)
		}
	}
	for _, u := range l.target.Same {
		l.retypedIn(says, noUnit, u.Source, &planner.SideVersions{OrigTypes: u.OrigTypes, PatchedTypes: u.PatchedTypes}, func(string) bool { return false })
	}
}

// noUnit is the index of a refusal that is about none of the units that differ.
const noUnit = -1

// isConstant reports whether a variable is one that only the unit's assembly says something of, which is compared.
func isConstant(d *diffasm.Delta, name string) bool {
	return d.Constant(func(symbol string) bool { return sourceNameOf(symbol) == name })
}

func (l *link) retypedIn(says *ruling, unit int, source string, v *planner.SideVersions, constant func(name string) bool) {
	if v.OrigTypes == "" || v.PatchedTypes == "" {
		return
	}
	changes, err := l.typeChanges(v)
	if err != nil {
		says.refuse(unit, planner.RefuseTypes(source, "its debug information, which shows the types of variables, cannot be read", err))
		return
	}
	for _, c := range changes {
		if c.Kind == layout.Variable && !constant(c.Name) {
			says.refuse(unit, refuseLayout(source, c))
		}
	}
}
