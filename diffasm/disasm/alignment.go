package disasm

import (
	"debug/elf"
	"fmt"
	"slices"

	"gocare/internal/elfobj"
)

// use notes that a function names a variable of the object.
func (u *unit) use(function, name string) {
	s := u.variables[name]
	if s != nil && !slices.Contains(u.uses[function], s) {
		u.uses[function] = append(u.uses[function], s)
	}
}

// variablesOf lists the variables of an object by name.
func variablesOf(f *elfobj.File) map[string]*elfobj.Symbol {
	list := map[string]*elfobj.Symbol{}
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Name != "" && s.Defined() && isData(&f.Sections[s.Section]) && s.Type != elf.STT_SECTION {
			list[s.Name] = s
		}
	}
	return list
}

// alignments refuses functions whose code may rely on the place of a variable: compilers align variables for the sake of vectors, and the
// original's may be at a place that is aligned less.
func (u *unit) alignments() {
	if u.orig == nil {
		return
	}
	before := variablesOf(u.orig)
	for function, text := range u.vectors {
		for _, s := range u.uses[function] {
			if o := before[s.Name]; o != nil && alignedTo(u.orig, o) < alignedTo(u.File, s) {
				u.refuse(function, fmt.Sprintf("it has %q, and may rely on the place of %q, which the original aligns less", text, s.Name))
			}
		}
	}
}

// alignedTo is the largest alignment of a variable's place that an object promises, up to that of the largest vectors.
func alignedTo(f *elfobj.File, s *elfobj.Symbol) uint64 {
	align := uint64(1)
	for align < anyAlign && align < f.Sections[s.Section].Align && s.Value%(2*align) == 0 {
		align *= 2
	}
	return align
}
