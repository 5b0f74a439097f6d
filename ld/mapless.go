package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// MapFromSymbols makes the map of a link whose map is not at hand: it places the sections of objects, by path, first by the symbols that
// both their and the binary's symbol table name once, then by what the linked code that is placed refers to. A section without either is
// left out; references into it do not resolve. Two symbols or references that disagree are refused.
func MapFromSymbols(bin *elfobj.File, objects []Object) (*Map, error) {
	if len(bin.Symbols) == 0 {
		return nil, fault.Refuse(fault.Stripped, "", "the binary has no symbol table, and there is no record of its link")
	}
	m := &Map{Linker: "none"}
	for _, o := range objects {
		l, err := locateSections(bin, o)
		if err != nil {
			return nil, err
		}
		for i := range o.File.Sections {
			sec := &o.File.Sections[i]
			if addr, ok := l.placed[i]; ok {
				m.Entries = append(m.Entries, Placement{Path: o.Path, Section: sec.Name, Addr: addr, Size: sec.Size})
			}
		}
	}
	return m, nil
}

// locator finds where the sections of one object are in a binary.
type locator struct {
	bin    *elfobj.File
	object Object
	target *arch.Target
	relas  map[int][]elfobj.Rela
	placed map[int]uint64
	fixed  bool // the binary loads at its link address, so that its words hold addresses
}

func locateSections(bin *elfobj.File, o Object) (*locator, error) {
	target, ok := arch.ByMachine(bin.Machine)
	if !ok || o.File.Machine != bin.Machine {
		return nil, fault.Refuse(fault.ForeignMachine, "original binary", "machine %v, want EM_X86_64", bin.Machine)
	}
	relas, err := o.File.AllRelas()
	if err != nil {
		return nil, err
	}
	l := &locator{bin: bin, object: o, target: target, relas: relas, placed: map[int]uint64{}, fixed: bin.Type == elf.ET_EXEC}
	if slices.ContainsFunc(o.File.Sections, func(s elfobj.Section) bool { return s.Addr != 0 }) {
		return l, nil // its sections say themselves where they are
	}
	if err := l.bySymbols(); err != nil {
		return nil, err
	}
	for {
		before := len(l.placed)
		if err := l.byReferences(); err != nil || len(l.placed) == before {
			return l, err
		}
	}
}

// bySymbols places the sections that have a symbol which stands once in both symbol tables.
func (l *locator) bySymbols() error {
	sources := slices.ContainsFunc(l.object.File.Symbols, func(s elfobj.Symbol) bool { return s.Type == elf.STT_FILE })
	known := uniqueSymbols(l.bin, true, sources)
	for key, s := range uniqueSymbols(l.object.File, false, sources) {
		b := known[key]
		if b == nil || b.Type != s.Type || b.Size != s.Size || l.object.File.Sections[s.Section].Flags&elf.SHF_MERGE != 0 {
			continue
		}
		addr := b.Value - s.Value
		if tls := l.bin.TLS(); s.Type == elf.STT_TLS && tls != nil {
			addr += tls.Vaddr // such symbols count from the start of the TLS segment
		}
		if err := l.put(s.Section, addr, s.Name); err != nil {
			return err
		}
	}
	return nil
}

// put notes where a section is, by what name tells.
func (l *locator) put(section int, addr uint64, name string) error {
	if old, ok := l.placed[section]; ok && old != addr {
		return fault.Refuse(fault.ObjectMismatch, l.object.Path, "symbol %q says section %s is at %#x, another says %#x", name,
			l.object.File.Sections[section].Name, addr, old).WithHint("the binary was not linked from this object")
	}
	l.placed[section] = addr
	return nil
}

// byReferences places the sections that code and data refer to which is placed.
func (l *locator) byReferences() error {
	sections := make([]int, 0, len(l.placed))
	for section := range l.placed {
		sections = append(sections, section)
	}
	slices.Sort(sections)
	for _, section := range sections {
		for _, r := range l.relas[section] {
			s := &l.object.File.Symbols[r.Symbol]
			if !s.Defined() || s.Bind != elf.STB_LOCAL || s.Type == elf.STT_TLS || s.Type == elf.STT_GNU_IFUNC {
				continue
			}
			sec := &l.object.File.Sections[s.Section]
			if sec.Flags&elf.SHF_ALLOC == 0 || sec.Flags&elf.SHF_MERGE != 0 {
				continue
			}
			if value, ok := linkedValue(l.bin, l.placed[section]+r.Offset, l.target.Reloc(r.Type), l.fixed); ok {
				if err := l.put(s.Section, value-uint64(r.Addend)-s.Value, symbolName(l.object.File, r.Symbol)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// symbolKey is what a symbol is told from others by: the source of a private one, and the name.
type symbolKey struct{ source, name string }

// uniqueSymbols returns the defined, named symbols of a symbol table that occur once: private ones in a source, or where the table does not
// tell sources, at all. Of a linked file, symbols that linking made private count as global.
func uniqueSymbols(f *elfobj.File, linked, sources bool) map[symbolKey]*elfobj.Symbol {
	unique, source := map[symbolKey]*elfobj.Symbol{}, ""
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Type == elf.STT_FILE {
			source = s.Name
		}
		if !s.Defined() || s.Name == "" || s.Type == elf.STT_SECTION || s.Type == elf.STT_FILE {
			continue
		}
		key := symbolKey{name: s.Name}
		if s.Bind == elf.STB_LOCAL && sources && (!linked || source != "") {
			key.source = source
		}
		if _, twice := unique[key]; twice {
			unique[key] = nil
			continue
		}
		unique[key] = s
	}
	for key, s := range unique {
		if s == nil {
			delete(unique, key)
		}
	}
	return unique
}
