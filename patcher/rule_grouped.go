package patcher

import (
	"slices"

	"gocare/internal/fault"
)

// groupedFunctions refuses changes of inline functions that a link would take from another unit than the original's did: of the copies
// that units have, the linker keeps the first, and the patch hooks that one only if its own unit says what it is now.
func groupedFunctions(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		u := &l.units[i]
		if u.emitted == nil {
			continue
		}
		for _, f := range u.emitted.Functions {
			if f.Orig == "" || !u.delta.HadGrouped(f.Orig) {
				continue
			}
			p, err := l.program.facts()
			if err != nil {
				return says, err
			}
			says.refuse(i, l.copyGone(p, i, f.Orig))
		}
	}
	return says, nil
}

// copyGone refuses a function of unit i of which the original has another unit's copy, where that unit has none any more.
func (l *link) copyGone(p *facts, i int, name string) *fault.Error {
	keeper := p.Keeper(name)
	for k := range l.units {
		u := &l.units[k]
		if k != i && keeper >= 0 && p.inputOf(u.unit) == keeper && slices.Contains(u.delta.LeftNames(), name) {
			return fault.Refuse(fault.Comdat, l.units[i].unit.Source, "inline function %q changes, and the original has the copy of %s, which uses it no more",
				name, u.unit.Source).About(name)
		}
	}
	return nil
}
