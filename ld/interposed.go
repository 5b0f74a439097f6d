package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
)

// Seeker names a shared library that looks for a symbol when it is loaded, "" if there is none, and says whether the binary shows it one: that
// comes before what the library would find else, its own definition included.
func (o *Original) Seeker(name string) (library string, shown bool) {
	shown = o.exports[name] != nil
	for i := range o.objects {
		if obj := &o.objects[i]; obj.File.Type == elf.ET_DYN && !obj.New && !obj.Later && o.soughtBy(i)[name] {
			return o.inputName(i), shown
		}
	}
	return "", shown
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
