package kpatch

import (
	"slices"

	"gocare/internal/kpname"
)

// ShadowSize is the size in bytes of the variable with the role kpname.Shadow: the address of a word, and that word, to which it leads at
// first.
const ShadowSize = 16

// HasRole reports whether the entry is there for carectl alone, beside those of the functions.
func (f *Function) HasRole() bool { return f.Role != 0 }

// Roles returns the entries of functions with a role, in order.
func (p *Patch) Roles(r kpname.Role) []Function {
	return slices.DeleteFunc(slices.Clone(p.Functions), func(f Function) bool { return f.Role != r })
}

// checkRole refuses an entry with a role that is not known, or that is not about the patch itself.
func checkRole(p *Patch, f *Function, r Reloc, where string) error {
	at, err := p.locate(r)
	if err != nil || !f.Role.Known() || !f.IsNew() || at != f.New {
		return corrupt(kpname.Info, "%s %d: not known, or not that of a place in the patch", where, f.Role)
	}
	return nil
}

// checkRoles refuses entries with roles that are not about code and data of the patch, or stand before others: the undo area is that of the
// others.
func checkRoles(p *Patch) error {
	behind := false
	for i := range p.Functions {
		f := &p.Functions[i]
		switch name := p.Sections[f.New.Section].Name; {
		case !f.HasRole() && behind:
			return corrupt(kpname.Info, "%s: stands behind entries with roles", f.Name)
		case f.Role == kpname.Shadow && (name != kpname.Data || f.NewSize != ShadowSize), f.Role.IsAction() && name != kpname.Text:
			return corrupt(kpname.Info, "%s: %s in section %s, %d bytes", f.Name, f.Role, name, f.NewSize)
		}
		behind = behind || f.HasRole()
	}
	if len(p.Roles(kpname.Shadow)) > 1 {
		return corrupt(kpname.Info, "several entries for shadow variables")
	}
	return nil
}
