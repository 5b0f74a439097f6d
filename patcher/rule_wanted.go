package patcher

import (
	"slices"

	"gocare/internal/elfobj"
)

// wantedVariables asks units for new variables of theirs that only other units, or additions, use.
func wantedVariables(l *link) (ruling, error) {
	var says ruling
	if !slices.ContainsFunc(l.indexes(), func(i int) bool { return len(l.units[i].unused()) > 0 }) {
		return says, nil
	}
	wanted := map[string]bool{}
	for i := range l.added {
		addUndefined(wanted, l.added[i].File)
	}
	for i := range l.units {
		addUndefined(wanted, l.units[i].object)
	}
	for i := range l.units {
		for _, name := range l.units[i].unused() {
			if wanted[name] {
				says.wantVariable(l, i, name)
			}
		}
	}
	return says, nil
}

// unused names the new variables of a unit that are not in the patch.
func (u *assembledUnit) unused() (names []string) {
	for _, name := range u.delta.NewGlobals() {
		if u.emitted == nil || !slices.Contains(u.emitted.Globals, name) {
			names = append(names, name)
		}
	}
	return names
}

// addUndefined adds the names that an object, if there is one, looks for elsewhere.
func addUndefined(names map[string]bool, f *elfobj.File) {
	if f == nil {
		return
	}
	for _, name := range f.Undefined() {
		names[name] = true
	}
}
