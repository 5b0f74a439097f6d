package engine

import (
	"fmt"

	"gocare/internal/fault"
)

// checkShows refuses a patch of a library with a name that ld.so would find in another object first, once the patched library shows it, too.
func (b *planner) checkShows(pp *PatchPlan) error {
	if pp.File.Patch.Meta == nil {
		return nil
	}
	for _, name := range pp.File.Patch.Meta.Shows {
		first, err := b.process.FirstBefore(pp.Object, name)
		if err != nil {
			return err
		}
		if first != nil {
			return fault.Refuse(fault.NameTaken, fmt.Sprintf("pid %d", b.process.PID), "%q is new in %s, and %s has one of that name, which the patched library would use",
				name, pp.Object.Name, first.Name)
		}
	}
	return nil
}
