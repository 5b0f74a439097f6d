package patcher

import (
	"fmt"
	"slices"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/planner"
)

// typeChanges compares the types of a unit's two versions: nil where there are none. Members that the source patch only renames are no
// change, nor is a count at the end of an enumeration.
func (m *maker) typeChanges(v *planner.SideVersions) ([]layout.Change, error) {
	if v.OrigTypes == "" || v.PatchedTypes == "" {
		return nil, nil
	}
	before, after, err := v.Types(m.store)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(layout.Compare(before, after), func(c layout.Change) bool {
		return c.Last && v.IsCount(m.store, c.Name) || len(c.Renamed) > 0 && !slices.ContainsFunc(c.Renamed, func(r layout.Rename) bool { return !m.sources.renamed(r) })
	}), nil
}

// renamedTypes compares the prototypes of functions, and the types of variables, that a unit has under another name.
func (m *maker) renamedTypes(d *decidedUnit) (changes []layout.Change, err error) {
	names, variables := d.selection.Renamed(), d.delta.RenamedVariables()
	if len(names)+len(variables) == 0 || d.unit.OrigTypes == "" || d.unit.PatchedTypes == "" {
		return nil, nil
	}
	before, err := planner.LoadLayout(m.store, d.unit.OrigTypes)
	if err != nil {
		return nil, err
	}
	after, err := planner.LoadLayout(m.store, d.unit.PatchedTypes)
	if err != nil {
		return nil, err
	}
	for is, was := range names {
		if c, _ := layout.Renamed(before, after, was, is); c != nil {
			c.Symbol = was
			changes = append(changes, *c)
		}
	}
	for _, v := range variables {
		if c := layout.RenamedVariable(before, after, v[0].Name, v[1].Name); c != nil {
			changes = append(changes, *c)
		}
	}
	return changes, nil
}

func refuseLayout(source string, c layout.Change) *fault.Error {
	switch c.Kind {
	case layout.Enumerator:
		return refuseEnumerator(source, c)
	case layout.Variable:
		return fault.Refuse(fault.VariableType, source, "variable %q has another type: %s", c.Name, howChanged(c))
	}
	return fault.Refuse(fault.StructLayout, source, "%s has another layout: %s", c.Name, howChanged(c))
}

// howChanged tells in a line what a type was and is; what that cannot hold follows, a member on each line.
func howChanged(c layout.Change) string {
	if len(c.Renamed) > 0 {
		r := c.Renamed[0]
		return fmt.Sprintf("its member %q is %q now, and the source patch does not show that they are the same", r.Old, r.New)
	}
	text := fmt.Sprintf("was %s, is %s", c.Before, c.After)
	if len(c.Members) > 0 {
		text += ":\n  " + strings.Join(c.Members, "\n  ")
	}
	return text
}

func refuseEnumerator(source string, c layout.Change) *fault.Error {
	declared, more := "", ""
	if c.Declared != "" {
		declared = ", declared at " + c.Declared + ","
	}
	if c.More > 0 {
		more = fmt.Sprintf("; so have %d more of it", c.More)
	}
	return fault.Refuse(fault.EnumRenumbered, source, "enumerator %q of %s%s has another value: was %s, is %s%s", c.Name, c.Of, declared, c.Before, c.After, more)
}
