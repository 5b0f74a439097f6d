package disasm

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/internal/elfobj"
)

// nameVersions gives each symbol that is taken from a certain version of a library a name in the text, its own unless the object has others of
// that name, and says what these names stand for: f@V1.
func nameVersions(f *elfobj.File) (*elfobj.File, map[string]string) {
	count, versioned := map[string]int{}, map[string]string{}
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE {
			count[s.Name]++
		}
	}
	symbols := slices.Clone(f.Symbols)
	for i := range symbols {
		s := &symbols[i]
		if s.Section != int(elf.SHN_UNDEF) || s.Version == "" {
			continue
		}
		name := s.Name
		if count[name] > 1 {
			s.Name += "_of_" + strings.Map(inNames, s.Version)
		}
		versioned[s.Name] = name + "@" + s.Version
	}
	named := *f
	named.Symbols = symbols
	return &named, versioned
}

// inNames is a letter as names have it.
func inNames(c rune) rune {
	if notInNames(c) || c == '.' {
		return '_'
	}
	return c
}
