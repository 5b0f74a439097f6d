package disasm

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"
	"sort"
	"strings"

	"gocare/internal/elfobj"
)

// place is an offset in a section of the object, by section header index.
type place struct {
	section int
	offset  uint64
}

// span is what a symbol names: [start, end) of a section.
type span struct {
	symbol     *elfobj.Symbol
	start, end uint64
	aliases    []*elfobj.Symbol // other names of the same place
}

// spansOf lists the named functions and data of every section, in order.
func spansOf(f *elfobj.File) map[int][]*span {
	spans := map[int][]*span{}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Name == "" || !s.Defined() || s.Type == elf.STT_SECTION || s.Type == elf.STT_FILE || strings.HasPrefix(s.Name, ".L") {
			continue
		}
		spans[s.Section] = append(spans[s.Section], &span{symbol: s, start: s.Value, end: s.Value + s.Size})
	}
	for section, list := range spans {
		sort.SliceStable(list, func(i, k int) bool {
			a, b := list[i], list[k]
			if a.start != b.start {
				return a.start < b.start
			}
			return leads(a, b)
		})
		spans[section] = joinAliases(list)
	}
	return spans
}

// leads reports whether the name of a is taken for a place that has several: the larger one, then what others see, then by name.
func leads(a, b *span) bool {
	if a.end != b.end {
		return a.end > b.end
	}
	if ga, gb := a.symbol.Bind == elf.STB_GLOBAL, b.symbol.Bind == elf.STB_GLOBAL; ga != gb {
		return ga
	}
	return a.symbol.Name < b.symbol.Name
}

func joinAliases(sorted []*span) (list []*span) {
	for _, s := range sorted {
		if n := len(list); n > 0 && list[n-1].start == s.start && (s.end == list[n-1].end || s.end == s.start) {
			list[n-1].aliases = append(list[n-1].aliases, s.symbol)
			continue
		}
		list = append(list, s)
	}
	return list
}

// covering returns what holds a place of a section, nil if nothing named does.
func covering(spans []*span, offset uint64) *span {
	i, exact := slices.BinarySearchFunc(spans, offset, func(s *span, at uint64) int { return cmp.Compare(s.start, at) })
	switch {
	case exact:
		return spans[i]
	case i > 0 && offset < spans[i-1].end:
		return spans[i-1]
	}
	return nil
}

// endingAt returns what ends at a place of a section.
func endingAt(spans []*span, offset uint64) *span {
	for _, s := range spans {
		if s.end == offset && s.start < s.end {
			return s
		}
	}
	return nil
}

// sameLayout reports whether two objects have a section with the same names at the same places, and the same room.
func sameLayout(f *elfobj.File, section int, other *elfobj.File) bool {
	twin := twinSection(f, section, other)
	if twin < 0 || f.Sections[section].Size != other.Sections[twin].Size {
		return false
	}
	a, b := spansOf(f)[section], spansOf(other)[twin]
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].symbol.Name != b[i].symbol.Name || a[i].start != b[i].start || a[i].end != b[i].end {
			return false
		}
	}
	return f.Sections[section].Flags&elf.SHF_WRITE != 0 || bytes.Equal(f.Sections[section].Data, other.Sections[twin].Data)
}

// twinSection returns the section of that name in another object, -1 if it has none or several.
func twinSection(f *elfobj.File, section int, other *elfobj.File) int {
	found := -1
	for i := range other.Sections {
		if other.Sections[i].Name == f.Sections[section].Name && other.Sections[i].Flags&elf.SHF_ALLOC != 0 {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// isCode reports whether a section holds code.
func isCode(s *elfobj.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_EXECINSTR != 0
}

// isData reports whether a section holds what code uses; tables for unwinders and notes are no such.
func isData(s *elfobj.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_EXECINSTR == 0 && s.Name != ".eh_frame" && s.Type != elf.SHT_NOTE && s.Type != elf.SHT_RELA
}
