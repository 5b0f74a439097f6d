package elfobj

import (
	"debug/elf"
	"fmt"
	"math"
	"strings"
)

// parseSymtab reads .symtab, with the section indices of .symtab_shndx and the versions in names.
func (f *File) parseSymtab() ([]Symbol, error) {
	sec := f.firstOfType(elf.SHT_SYMTAB)
	if sec == nil {
		return nil, nil
	}
	names, err := f.linkedStrings(sec)
	if err != nil {
		return nil, err
	}
	symbols, err := decodeSymbols(sec.Data, f.extendedIndices(sec), names)
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", sec.Name, err)
	}
	for i := range symbols {
		symbols[i].Name, symbols[i].Version = splitVersion(symbols[i].Name)
	}
	return symbols, f.checkSymbolSections(symbols, sec.Name)
}

func (f *File) checkSymbolSections(symbols []Symbol, table string) error {
	for i := range symbols {
		if s := &symbols[i]; s.Defined() && s.Section >= len(f.Sections) {
			return fmt.Errorf("section %s: symbol %d: section %d of %d", table, i, s.Section, len(f.Sections))
		}
	}
	return nil
}

// linkedStrings returns the string table that a symbol or dynamic section names in sh_link.
func (f *File) linkedStrings(sec *Section) (strtab, error) {
	if uint64(sec.Link) >= uint64(len(f.Sections)) {
		return strtab{}, fmt.Errorf("section %s: string table in section %d of %d", sec.Name, sec.Link, len(f.Sections))
	}
	return newStrtab(f.Sections[sec.Link].Data), nil
}

// extendedIndices returns the contents of the SHT_SYMTAB_SHNDX section that belongs to a symbol table, or nil.
func (f *File) extendedIndices(symtab *Section) []byte {
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Type == elf.SHT_SYMTAB_SHNDX && int(s.Link) == symtab.Index {
			return s.Data
		}
	}
	return nil
}

// decodeSymbols decodes a symbol table; xindex holds the extended section indices or is nil.
func decodeSymbols(data, xindex []byte, names strtab) ([]Symbol, error) {
	if len(data)%symbolSize != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of symbols", len(data))
	}
	symbols := make([]Symbol, len(data)/symbolSize)
	for i := range symbols {
		s, err := decodeSymbol(data[i*symbolSize:], names)
		if err != nil {
			return nil, fmt.Errorf("symbol %d: %w", i, err)
		}
		s.Index = i
		if s.Section == int(elf.SHN_XINDEX) {
			if len(xindex) < 4*i+4 {
				return nil, fmt.Errorf("symbol %d: no extended section index", i)
			}
			s.Section, s.Extended = int(order.Uint32(xindex[4*i:])), true
		}
		symbols[i] = s
	}
	return symbols, nil
}

func decodeSymbol(b []byte, names strtab) (Symbol, error) {
	name, err := names.at(uint64(order.Uint32(b)))
	if err != nil {
		return Symbol{}, fmt.Errorf("name: %w", err)
	}
	return Symbol{
		Name:    name,
		Type:    elf.ST_TYPE(b[4]),
		Bind:    elf.ST_BIND(b[4]),
		Vis:     elf.ST_VISIBILITY(b[5]),
		Section: int(order.Uint16(b[6:])),
		Value:   order.Uint64(b[8:]),
		Size:    order.Uint64(b[16:]),
	}, nil
}

// splitVersion cuts a .symtab name at its version: "stderr@GLIBC_2.2.5", "f@@V2".
func splitVersion(name string) (base, version string) {
	i := strings.IndexByte(name, '@')
	if i <= 0 {
		return name, ""
	}
	return name[:i], strings.TrimLeft(name[i:], "@")
}

func (f *File) firstOfType(t elf.SectionType) *Section {
	for i := range f.Sections {
		if f.Sections[i].Type == t {
			return &f.Sections[i]
		}
	}
	return nil
}

// Section returns the first section of that name, or nil.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name && i > 0 {
			return &f.Sections[i]
		}
	}
	return nil
}

// BytesAt returns the n bytes of the file that are loaded at a link address. It reports false when they are not all in
// the file part of one PT_LOAD segment, or cannot be read.
func (f *File) BytesAt(addr, n uint64) ([]byte, bool) {
	b := f.BytesUpTo(addr, n)
	return b, uint64(len(b)) == n && b != nil
}

// BytesFrom returns the file bytes from a link address to the end of its PT_LOAD segment, or nil.
func (f *File) BytesFrom(addr uint64) []byte { return f.BytesUpTo(addr, math.MaxUint64) }

// BytesUpTo returns the first n bytes of BytesFrom, or all where there are less.
func (f *File) BytesUpTo(addr, n uint64) []byte {
	off, size := f.loaded(addr, n)
	if size == 0 || f.late.need(off, size) != nil {
		return nil
	}
	return f.raw[off : off+size : off+size]
}

// Loads reports whether BytesAt would return bytes, if they can be read.
func (f *File) Loads(addr, n uint64) bool {
	_, size := f.loaded(addr, n)
	return size == n && n > 0
}

// ReadAt copies the bytes of the file that are loaded at a link address, as many as b has, and reports whether it could. Unlike those of BytesAt they
// are not kept.
func (f *File) ReadAt(b []byte, addr uint64) bool {
	off, size := f.loaded(addr, uint64(len(b)))
	return size == uint64(len(b)) && f.late.copy(b, f.raw, off) == nil
}

// loaded returns where the file has the first n bytes of those from a link address to the end of its PT_LOAD segment; size is 0 if nowhere.
func (f *File) loaded(addr, n uint64) (off, size uint64) {
	for _, s := range f.Segments {
		if s.Type != elf.PT_LOAD || addr < s.Vaddr || addr-s.Vaddr >= s.Filesz {
			continue
		}
		if _, err := slice(f.raw, s.Offset, s.Filesz); err != nil {
			continue
		}
		skip := addr - s.Vaddr
		return s.Offset + skip, min(n, s.Filesz-skip)
	}
	return 0, 0
}

// TLS returns the PT_TLS segment, or nil.
func (f *File) TLS() *Segment { return f.firstSegment(elf.PT_TLS) }

func (f *File) firstSegment(t elf.ProgType) *Segment {
	for i := range f.Segments {
		if f.Segments[i].Type == t {
			return &f.Segments[i]
		}
	}
	return nil
}
