package elfobj

import (
	"debug/elf"
	"slices"
)

// Merge returns one object that has the sections, symbols and relocations of several, one after the other, and the index of the object
// that each section is from. A symbol that one object leaves undefined is what another defines for all; names gives symbols of an object
// other names, and makes them private to the whole.
func Merge(objects []*File, names []map[string]string) (merged *File, from []int) {
	out := &File{Type: elf.ET_REL, Machine: objects[0].Machine}
	for k, f := range objects {
		section, symbol := len(out.Sections), len(out.Symbols)
		for i := range f.Sections {
			out.Sections = append(out.Sections, shifted(&f.Sections[i], section, symbol))
			from = append(from, k)
		}
		for i := range f.Symbols {
			s := f.Symbols[i]
			s.Index += symbol
			if s.Defined() {
				s.Section, s.Extended = s.Section+section, true
			}
			if name, private := names[k][s.Name]; private {
				s.Name, s.Bind, s.Vis = name, elf.STB_LOCAL, elf.STV_DEFAULT
			}
			out.Symbols = append(out.Symbols, s)
		}
		out.raw = append(out.raw, f.raw...) // its size bounds that of the relocations
	}
	bindWithin(out)
	return out, from
}

// shifted is a section whose indices of sections and symbols begin at others.
func shifted(s *Section, section, symbol int) Section {
	out := *s
	out.Index += section
	out.Link += uint32(section)
	if s.Type != elf.SHT_RELA {
		return out
	}
	out.Info += uint32(section)
	out.Data = slices.Clone(s.Data)
	for at := 0; at+relaSize <= len(out.Data); at += relaSize {
		order.PutUint32(out.Data[at+12:], order.Uint32(out.Data[at+12:])+uint32(symbol)) // the upper half of r_info
	}
	return out
}

// bindWithin lets symbols that are left undefined be those of their name that another part of the object defines: one for all, or one
// that names made private.
func bindWithin(f *File) {
	defined := map[string]*Symbol{}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Name != "" && s.Section != int(elf.SHN_UNDEF) && s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE {
			defined[s.Name] = s
		}
	}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if d := defined[s.Name]; s.Section == int(elf.SHN_UNDEF) && s.Name != "" && d != nil {
			index := s.Index
			*s = *d
			s.Index = index
		}
	}
}
