package patcher

import (
	"strings"

	"gocare/internal/fault"
	"gocare/ld"
)

// removedInputs looks at the constructors and destructors of inputs that only the original link has: the process ran the first, and
// will run the others.
func removedInputs(l *link) (ruling, error) {
	var says ruling
	for _, g := range l.gone {
		for _, section := range ld.StartOrEnd(g.File) {
			code, when := fault.StartOnly, "start, which running processes have done"
			if strings.HasPrefix(section, ".fini") || strings.HasPrefix(section, ".dtors") {
				code, when = fault.GoneDestructor, "exit, and running processes still do"
			}
			says.refuse(noUnit, fault.Refuse(code, g.Name, "it is no longer linked: its section %s has code that runs at %s", section, when))
		}
	}
	return says, nil
}
