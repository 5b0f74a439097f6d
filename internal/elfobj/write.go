package elfobj

import (
	"debug/elf"
	"fmt"
)

// EncodeObject writes a relocatable object: ELF header, section headers, then the contents of the sections that fileOrder
// lists, each at a multiple of its Align. sections[0] is the null section. The section named .shstrtab, which must be
// listed, receives the names; Offset and Size of the others follow from their Data. NOBITS sections keep Addr and Size
// and have no place in the file.
func EncodeObject(machine elf.Machine, sections []Section, fileOrder []int) ([]byte, error) {
	if len(sections) >= int(elf.SHN_LORESERVE) {
		return nil, fmt.Errorf("%d sections are too many", len(sections))
	}
	sections = append([]Section(nil), sections...)
	names, nameAt := sectionNames(sections)
	shstrtab := 0
	for i := range sections {
		if sections[i].Name == ".shstrtab" {
			sections[i].Data, shstrtab = names, i
		}
	}
	data := make([]byte, headerSize+sectionSize*len(sections))
	for _, i := range fileOrder {
		s := &sections[i]
		if s.Align > 1 {
			if s.Align&(s.Align-1) != 0 {
				return nil, fmt.Errorf("section %s: alignment %d is no power of two", s.Name, s.Align)
			}
			data = append(data, make([]byte, -uint64(len(data))&(s.Align-1))...)
		}
		s.Offset, s.Size = uint64(len(data)), uint64(len(s.Data))
		data = append(data, s.Data...)
	}
	putHeader(data, machine, len(sections), shstrtab)
	for i := range sections[1:] {
		putSection(data[headerSize+sectionSize*(i+1):], &sections[i+1], nameAt[i+1])
	}
	return data, nil
}

// sectionNames returns the string table of the sections' names and where in it each name begins.
func sectionNames(sections []Section) (table []byte, at []uint32) {
	table, at = []byte{0}, make([]uint32, len(sections))
	for i := range sections[1:] {
		at[i+1] = uint32(len(table))
		table = append(append(table, sections[i+1].Name...), 0)
	}
	return table, at
}

func putHeader(b []byte, machine elf.Machine, sections, shstrtab int) {
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	order.PutUint16(b[16:], uint16(elf.ET_REL))
	order.PutUint16(b[18:], uint16(machine))
	order.PutUint32(b[20:], uint32(elf.EV_CURRENT))
	order.PutUint64(b[40:], headerSize) // e_shoff
	order.PutUint16(b[52:], headerSize)
	order.PutUint16(b[58:], sectionSize)
	order.PutUint16(b[60:], uint16(sections))
	order.PutUint16(b[62:], uint16(shstrtab))
}

func putSection(b []byte, s *Section, name uint32) {
	order.PutUint32(b, name)
	order.PutUint32(b[4:], uint32(s.Type))
	order.PutUint64(b[8:], uint64(s.Flags))
	order.PutUint64(b[16:], s.Addr)
	order.PutUint64(b[24:], s.Offset)
	order.PutUint64(b[32:], s.Size)
	order.PutUint32(b[40:], s.Link)
	order.PutUint32(b[44:], s.Info)
	order.PutUint64(b[48:], s.Align)
	order.PutUint64(b[56:], s.EntSize)
}

// EncodeSymbols writes a symbol table and its string table; the caller has put local symbols first. Version is written
// after an @.
func EncodeSymbols(symbols []Symbol) (symtab, names []byte) {
	names = []byte{0}
	for _, s := range symbols {
		b := make([]byte, symbolSize)
		name := s.Name
		if s.Version != "" {
			name += "@" + s.Version
		}
		if name != "" {
			order.PutUint32(b, uint32(len(names)))
			names = append(append(names, name...), 0)
		}
		b[4] = elf.ST_INFO(s.Bind, s.Type)
		b[5] = byte(s.Vis)
		order.PutUint16(b[6:], uint16(s.Section))
		order.PutUint64(b[8:], s.Value)
		order.PutUint64(b[16:], s.Size)
		symtab = append(symtab, b...)
	}
	return symtab, names
}

// EncodeRelas writes a table of relocations with addends.
func EncodeRelas(relas []Rela) []byte {
	data := make([]byte, 0, relaSize*len(relas))
	for _, r := range relas {
		data = order.AppendUint64(data, r.Offset)
		data = order.AppendUint64(data, uint64(r.Symbol)<<32|uint64(r.Type))
		data = order.AppendUint64(data, uint64(r.Addend))
	}
	return data
}
