package engine

import (
	"fmt"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/fault"
)

// imports returns what binds the undefined symbols of a patch for an object: to what is there for as long as that object is. ld.so does
// not know that the patch uses a library, and unmaps it when the program is done with it.
func (b *planner) imports(user *inspect.Object) link.Import {
	lasts := map[*inspect.Object]bool{}
	return importsOf(b.process, b.known, func(def *inspect.Symbol) error {
		o := def.Object
		if _, known := lasts[o]; !known {
			lasts[o] = b.unloads || b.process.Lasts(o, user)
		}
		if lasts[o] {
			return nil
		}
		return fault.Refuse(fault.MayUnload, fmt.Sprintf("pid %d", b.process.PID), "%q is defined in %s, which the program may unload while %s stays",
			def.Name, o.Name, user.Name)
	})
}
