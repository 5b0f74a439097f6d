package ld

import (
	"debug/elf"

	"gocare/internal/elfobj"
)

// Strength is what a definition counts beside others of its name: the linker takes a strong one, else a common variable,
// else the first weak one of the link.
type Strength int

const (
	WeakDefinition Strength = iota + 1
	CommonDefinition
	StrongDefinition
)

// strengthOf is the strength of a symbol that an object defines for others, 0 of another symbol.
func strengthOf(s *elfobj.Symbol) Strength {
	switch {
	case s.Bind == elf.STB_LOCAL:
		return 0
	case s.Section == int(elf.SHN_COMMON):
		return CommonDefinition
	case !s.Defined():
		return 0
	case s.Bind == elf.STB_WEAK:
		return WeakDefinition
	}
	return StrongDefinition
}

// displaced names the input whose definition of a symbol the linker might no longer take once another input, or NewInput,
// defines it with some strength; "" if there is none. Which of several weak ones comes first is not looked at, since members
// of archives may change places. Common variables of one name are one.
func (o objects) displaced(input int, name string, by Strength) string {
	strongest, holder := Strength(0), 0
	for i := range o {
		f := o[i].File
		if i == input || f.Type != elf.ET_REL {
			continue
		}
		for k := range f.Symbols {
			if s := &f.Symbols[k]; s.Name == name && strengthOf(s) > strongest {
				strongest, holder = strengthOf(s), i
			}
		}
	}
	if strongest == 0 || strongest > by || strongest == CommonDefinition && by == CommonDefinition {
		return ""
	}
	return o.name(holder)
}

// grouped reports whether a symbol is defined in a section group: the linker keeps one of those that have the same contents.
func grouped(f *elfobj.File, s *elfobj.Symbol) bool {
	return s.Defined() && f.Sections[s.Section].Flags&elf.SHF_GROUP != 0
}
