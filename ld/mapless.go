package ld

import (
	"debug/elf"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// MapFromSymbols makes the map of a link whose map is not at hand: it places the sections of one object by the symbols
// that both its and the binary's symbol table name once. A section without such a symbol is left out; references into it
// do not resolve. Two symbols of a section that disagree are refused.
func MapFromSymbols(bin, object *elfobj.File, path string) (*Map, error) {
	if len(bin.Symbols) == 0 {
		return nil, fault.Refuse(fault.Stripped, "", "the binary has no symbol table, and there is no record of its link")
	}
	known, own := uniqueSymbols(bin), uniqueSymbols(object)
	placed := map[int]uint64{}
	for i := range object.Symbols {
		s := &object.Symbols[i]
		b := known[s.Name]
		if own[s.Name] != s || b == nil || b.Type != s.Type || b.Size != s.Size {
			continue
		}
		addr := b.Value - s.Value
		if tls := bin.TLS(); s.Type == elf.STT_TLS && tls != nil {
			addr += tls.Vaddr // such symbols count from the start of the TLS segment
		}
		if old, ok := placed[s.Section]; ok && old != addr {
			return nil, fault.Refuse(fault.ObjectMismatch, path, "symbol %q says section %s is at %#x, another says %#x", s.Name,
				object.Sections[s.Section].Name, addr, old).WithHint("the binary was not linked from this object")
		}
		placed[s.Section] = addr
	}
	m := &Map{Linker: "none"}
	for i := range object.Sections {
		sec := &object.Sections[i]
		if addr, ok := placed[i]; ok {
			m.Entries = append(m.Entries, Placement{Path: path, Section: sec.Name, Addr: addr, Size: sec.Size})
		}
	}
	return m, nil
}

// uniqueSymbols returns the defined, named symbols of a symbol table that occur once.
func uniqueSymbols(f *elfobj.File) map[string]*elfobj.Symbol {
	unique := map[string]*elfobj.Symbol{}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if !s.Defined() || s.Name == "" || s.Type == elf.STT_SECTION || s.Type == elf.STT_FILE {
			continue
		}
		if _, twice := unique[s.Name]; twice {
			unique[s.Name] = nil
			continue
		}
		unique[s.Name] = s
	}
	for name, s := range unique {
		if s == nil {
			delete(unique, name)
		}
	}
	return unique
}
