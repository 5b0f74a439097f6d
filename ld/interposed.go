package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
)

// Interposed names a shared library that looks for a symbol when it is loaded, where the binary does not show one of that name: a definition
// in the binary would come before what the library found, its own included. It is "" if there is none.
func (o *Original) Interposed(name string) string {
	if o.exports[name] != nil {
		return ""
	}
	for i := range o.objects {
		if obj := &o.objects[i]; obj.File.Type == elf.ET_DYN && !obj.New && !obj.Later && o.soughtBy(i)[name] {
			return o.inputName(i)
		}
	}
	return ""
}

// soughtBy is what an input, a shared library, looks for when it is loaded: all that it has symbols for, if its relocations cannot be read.
func (o *Original) soughtBy(input int) map[string]bool {
	if o.sought[input] == nil {
		f, names := o.objects[input].File, map[string]bool{}
		relas, err := f.DynRelas()
		for _, r := range relas {
			names[f.DynSymbols[r.Symbol].Name] = true
		}
		for i := 0; err != nil && i < len(f.DynSymbols); i++ {
			names[f.DynSymbols[i].Name] = true
		}
		o.sought[input] = names
	}
	return o.sought[input]
}

// isHidden reports whether no other object of a process finds a symbol.
func isHidden(s *elfobj.Symbol) bool {
	return slices.Contains([]elf.SymVis{elf.STV_HIDDEN, elf.STV_INTERNAL}, s.Vis)
}
