package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
)

// seekers are the libraries of the link that look for a name when they are loaded.
type seekers struct {
	objects objects
	exports map[string]*elfobj.Symbol // see symbolTables
	sought  []map[string]bool         // by input; read when first needed
}

// find names a shared library that looks for a symbol when it is loaded, "" if there is none, and says whether the binary shows it one: that
// comes before what the library would find else, its own definition included.
func (s *seekers) find(name string) (library string, shown bool) {
	shown = s.exports[name] != nil
	for i := range s.objects {
		if obj := &s.objects[i]; obj.File.Type == elf.ET_DYN && !obj.New && !obj.Later && s.soughtBy(i)[name] {
			return s.objects.name(i), shown
		}
	}
	return "", shown
}

// soughtBy is what an input, a shared library, looks for when it is loaded: all that it has symbols for, if its relocations cannot be read.
func (s *seekers) soughtBy(input int) map[string]bool {
	if s.sought[input] == nil {
		f, names := s.objects[input].File, map[string]bool{}
		relas, err := f.DynRelas()
		for _, r := range relas {
			names[f.DynSymbols[r.Symbol].Name] = true
		}
		for i := 0; err != nil && i < len(f.DynSymbols); i++ {
			names[f.DynSymbols[i].Name] = true
		}
		s.sought[input] = names
	}
	return s.sought[input]
}

// isHidden reports whether no other object of a process finds a symbol.
func isHidden(s *elfobj.Symbol) bool {
	return slices.Contains([]elf.SymVis{elf.STV_HIDDEN, elf.STV_INTERNAL}, s.Vis)
}

// Shown lists the names that an object defines and other objects of a process may find.
func Shown(f *elfobj.File) (names []string) {
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Bind != elf.STB_LOCAL && s.Section != int(elf.SHN_UNDEF) && !isHidden(s) {
			names = append(names, s.Name)
		}
	}
	return names
}
