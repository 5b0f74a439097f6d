package ld

import (
	"debug/elf"
	"fmt"
	"slices"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// roles lists what the loader does more with than to map it; index says which section of a Joined an output is.
func (j *joiner) roles(joined *Joined, index []int) error {
	for u, r := range j.units {
		for _, role := range r.Unit.Roles {
			sym, err := label(r.Unit.Object, role.Symbol, r.Unit.Name)
			if err != nil {
				return err
			}
			at, err := j.inPatch(u, sym)
			if err != nil {
				return err
			}
			at.Index = index[at.Index]
			joined.Roles = append(joined.Roles, JoinedRole{Role: role.Role, Name: role.Name, At: at, Size: sym.Size})
		}
	}
	return nil
}

// roles wants what the marks of an addition name.
func (c *carrier) roles(i int) (list []UnitRole, err error) {
	a := &c.additions[i]
	for k := range a.File.Sections {
		role := kpname.RoleOf(a.File.Sections[k].Name)
		if role == 0 {
			continue
		}
		relas, err := a.File.Relas(k)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		for _, r := range relas {
			s := marked(a.File, r)
			if s == nil {
				return nil, fault.Refuse(fault.BadAction, a.Name, "%s: it names nothing of this source", role)
			}
			c.need(inputSection{i, s.Section})
			u := UnitRole{Role: role, Name: s.Name, Symbol: s.Name}
			if s.Bind != elf.STB_LOCAL {
				u.Symbol += kpname.New
			}
			list = append(list, u)
		}
	}
	return list, nil
}

// marked returns the function or variable that a relocation leads to, nil if there is none: it may count from the start of a section.
func marked(f *elfobj.File, r elfobj.Rela) *elfobj.Symbol {
	to := &f.Symbols[r.Symbol]
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Defined() && s.Section == to.Section && s.Value == to.Value+uint64(r.Addend) && (s.Type == elf.STT_FUNC || s.Type == elf.STT_OBJECT) {
			return s
		}
	}
	return nil
}

// HasActions reports whether an addition has functions for the loader to run.
func HasActions(f *elfobj.File) bool {
	return slices.ContainsFunc(f.Sections, func(s elfSection) bool { return kpname.RoleOf(s.Name).IsAction() })
}
