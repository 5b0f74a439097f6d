package patcher

import (
	"slices"

	"gocare/internal/fault"
)

// ownPaths refuses calls of dlopen in the patch of a library that has a run path of its own: the C library tells by the address of the call
// whose path it looks in, and a patch is in no library.
func ownPaths(l *link) (says ruling, err error) {
	for i := range l.units {
		u := &l.units[i]
		if u.object == nil || !slices.Contains(u.object.Undefined(), "dlopen") {
			continue
		}
		if f, err := l.program.facts(); err != nil || !f.HasOwnPath() {
			return says, err
		}
		says.refuse(i, fault.Refuse(fault.OwnObject, u.unit.Source, "new code calls dlopen, which looks in the run path of the library that calls it: the code is in none").
			WithHint("leave the function as it is, and make the change in one that it calls; --allow own-object if the call names a path, or a library that is found without"))
	}
	return says, nil
}
