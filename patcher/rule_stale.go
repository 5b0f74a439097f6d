package patcher

import (
	"cmp"
	"slices"

	"gocare/diffasm"
	"gocare/internal/fault"
)

// staleFunctions finds the functions that are gone and call what the patch changes under them. None may be running when the patch is
// applied; one that may be called later, because its address was given away, is refused, and so is one that is only inlined now.
func staleFunctions(l *link) (ruling, error) {
	says := ruling{stale: make([][]diffasm.Stale, len(l.units))}
	for i := range l.units {
		u := &l.units[i]
		if u.selection == nil {
			continue
		}
		stale := u.selection.Stale(func(orig string) bool { return !slices.Contains(l.detached[i], orig) })
		stale = slices.DeleteFunc(stale, func(f diffasm.Stale) bool { return l.movedAway(i, f.Name) }) // it is replaced
		for _, f := range stale {
			use, err := l.otherUse(i, diffasm.Replaced{Orig: f.Name, Name: f.Name, Global: f.Global})
			if err != nil {
				return says, err
			}
			says.refuse(i, refuseStale(u.unit.Source, f, use))
		}
		says.stale[i] = slices.DeleteFunc(stale, func(f diffasm.Stale) bool { return f.Inlined })
	}
	return says, nil
}

func refuseStale(source string, f diffasm.Stale, use *linkUse) *fault.Error {
	if use == nil {
		return nil
	}
	if f.Inlined {
		return fault.Refuse(fault.GoneCaller, cmp.Or(use.Where, source), "function %q has no code of its own any more, but may be called in running processes: %s",
			f.Name, use.What).About(f.Name).
			WithHint("mark the function __attribute__((used)), so that the patch replaces it; --allow gone-caller if it does not run again")
	}
	return fault.Refuse(fault.GoneCaller, cmp.Or(use.Where, source), "function %q is gone but may be called in running processes: %s. It calls %q, which %s",
		f.Name, use.What, f.Callee, f.Why).About(f.Name).
		WithHint("leave the function in the source, marked __attribute__((used)), so that the patch replaces it; --allow gone-caller if it does not run again")
}
