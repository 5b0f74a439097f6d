package elfobj

import (
	"debug/elf"
	"fmt"
)

// Relas returns the relocations that apply to a section of an object (or of a program linked with --emit-relocs, where
// offsets are link addresses), in file order.
func (f *File) Relas(section int) ([]Rela, error) {
	all, err := f.collectRelas(func(target int) bool { return target == section })
	return all[section], err
}

// AllRelas returns what Relas says of each section that has relocations, reading every table once.
func (f *File) AllRelas() (map[int][]Rela, error) {
	return f.collectRelas(func(int) bool { return true })
}

func (f *File) collectRelas(wanted func(target int) bool) (map[int][]Rela, error) {
	bySection, total := map[int][]Rela{}, 0
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Flags&elf.SHF_ALLOC != 0 || s.Type != elf.SHT_RELA && s.Type != elf.SHT_REL || !wanted(int(s.Info)) {
			continue
		}
		if s.Type == elf.SHT_REL {
			return nil, fmt.Errorf("section %s: relocations without addends", s.Name)
		}
		if int(s.Info) >= len(f.Sections) {
			return nil, fmt.Errorf("section %s: applies to section %d of %d", s.Name, s.Info, len(f.Sections))
		}
		relas, err := decodeRelas(s.Data, len(f.Symbols))
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
		if total += len(relas); total > len(f.raw)/relaSize {
			return nil, fmt.Errorf("section %s: overlaps other relocation sections", s.Name)
		}
		bySection[int(s.Info)] = append(bySection[int(s.Info)], relas...)
	}
	return bySection, nil
}

// DynRelas returns the dynamic relocations: those of every allocated SHT_RELA section, or without section headers those
// of DT_RELA and DT_JMPREL. Their symbols are indices into DynSymbols.
func (f *File) DynRelas() ([]Rela, error) {
	if len(f.Sections) == 0 {
		return f.dynRelasFromSegments()
	}
	var relas []Rela
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type != elf.SHT_RELA || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		decoded, err := decodeRelas(s.Data, len(f.DynSymbols))
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
		if relas = append(relas, decoded...); len(relas) > len(f.raw)/relaSize {
			return nil, fmt.Errorf("section %s: overlaps other relocation sections", s.Name)
		}
	}
	return relas, nil
}

func (f *File) dynRelasFromSegments() ([]Rela, error) {
	values := map[elf.DynTag]uint64{}
	for _, e := range f.dynamic() {
		values[e.tag] = e.value
	}
	var relas []Rela
	for _, t := range [][2]elf.DynTag{{elf.DT_RELA, elf.DT_RELASZ}, {elf.DT_JMPREL, elf.DT_PLTRELSZ}} {
		addr, size := values[t[0]], values[t[1]]
		if addr == 0 || size == 0 {
			continue
		}
		data, ok := f.BytesAt(addr, size)
		if !ok {
			return nil, fmt.Errorf("%v: 0x%x and %d bytes are not in the file", t[0], addr, size)
		}
		decoded, err := decodeRelas(data, len(f.DynSymbols))
		if err != nil {
			return nil, fmt.Errorf("%v: %w", t[0], err)
		}
		relas = append(relas, decoded...)
	}
	return relas, nil
}

// decodeRelas decodes a table of relocations whose symbols are below symbolCount; symbol 0 always exists.
func decodeRelas(data []byte, symbolCount int) ([]Rela, error) {
	if len(data)%relaSize != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of relocations", len(data))
	}
	relas := make([]Rela, len(data)/relaSize)
	for i := range relas {
		b := data[i*relaSize:]
		info := order.Uint64(b[8:])
		r := Rela{Offset: order.Uint64(b), Type: uint32(info), Symbol: int(info >> 32), Addend: int64(order.Uint64(b[16:]))}
		if r.Symbol != 0 && r.Symbol >= symbolCount {
			return nil, fmt.Errorf("entry %d at 0x%x: symbol %d of %d", i, r.Offset, r.Symbol, symbolCount)
		}
		relas[i] = r
	}
	return relas, nil
}
