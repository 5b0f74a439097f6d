package patcher

import (
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/planner"
)

// relying lists the functions of a unit that rely, where they run, on what their callees overwrite; nil for a unit that is compared as it
// was built. One that was compiled on the side for that has to have the names of what runs.
func (m *maker) relying(u *planner.Unit, compared *diffasm.File) (map[string]bool, error) {
	if u.Linked == "" {
		return nil, nil
	}
	files, err := parseAll(2, func(i int) (*diffasm.File, error) {
		if i == 0 {
			return m.parse(u, u.Linked)
		}
		return m.parse(u, u.Alone)
	})
	if err != nil {
		return nil, err
	}
	if name := diffasm.OtherNames(files[0], compared); name != "" {
		return nil, fault.Refuse(fault.SectionAnchors, u.Source, "its code knows variables by number, and the compiler names %q in one only of what runs and a compile that names them", name)
	}
	return diffasm.Relying(files[0], files[1]), nil
}
