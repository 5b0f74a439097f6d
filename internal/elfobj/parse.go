package elfobj

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Sizes in bytes of the fixed structures of ELF-64, version 1.5, sections 3 to 6.
const (
	headerSize  = 64
	sectionSize = 64
	segmentSize = 56
	symbolSize  = 24
	relaSize    = 24
	dynSize     = 16
)

// ErrNotELF is the cause when the bytes do not begin with the ELF magic.
var ErrNotELF = errors.New("not an ELF file")

// order is the byte order of every file that Parse accepts.
var order = binary.LittleEndian

// IsELF reports whether data begins with the ELF magic.
func IsELF(data []byte) bool { return strings.HasPrefix(string(data[:min(len(data), 4)]), elf.ELFMAG) }

// Load parses the file at path.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Parse reads an ELF64 little-endian file. The result refers to data, which must not be changed afterwards. Segments
// that reach past the end of the file are kept (separate debug files have them); their bytes are just not found.
func Parse(data []byte) (*File, error) { return parse(data, nil) }

func parse(data []byte, l *late) (*File, error) {
	h, err := parseHeader(data)
	if err != nil {
		return nil, err
	}
	if err := h.readExtended(data); err != nil {
		return nil, err
	}
	f := &File{Type: h.typ, Machine: h.machine, Entry: h.entry, raw: data, late: l}
	if f.Sections, err = parseSections(data, h); err != nil {
		return nil, err
	}
	if f.Segments, err = parseSegments(data, h); err != nil {
		return nil, err
	}
	if f.Symbols, err = f.parseSymtab(); err != nil {
		return nil, err
	}
	if f.DynSymbols, err = f.parseDynsym(); err != nil {
		return nil, err
	}
	return f, nil
}

// Values of e_phnum and e_shstrndx that say "look in section header 0" (System V gABI, chapter 4, ELF Header).
const (
	pnXNum    = 0xffff
	shnXIndex = 0xffff
)

type header struct {
	typ          elf.Type
	machine      elf.Machine
	entry        uint64
	phoff, shoff uint64
	phnum, shnum uint64
	shstrndx     uint64
}

func parseHeader(data []byte) (header, error) {
	if !IsELF(data) {
		return header{}, ErrNotELF
	}
	if len(data) < headerSize {
		return header{}, fmt.Errorf("ELF header: file is %d bytes long, need %d", len(data), headerSize)
	}
	if c := elf.Class(data[elf.EI_CLASS]); c != elf.ELFCLASS64 {
		return header{}, fmt.Errorf("ELF header: %v, only ELFCLASS64 is supported", c)
	}
	if d := elf.Data(data[elf.EI_DATA]); d != elf.ELFDATA2LSB {
		return header{}, fmt.Errorf("ELF header: %v, only ELFDATA2LSB is supported", d)
	}
	h := header{
		typ:      elf.Type(order.Uint16(data[16:])),
		machine:  elf.Machine(order.Uint16(data[18:])),
		entry:    order.Uint64(data[24:]),
		phoff:    order.Uint64(data[32:]),
		shoff:    order.Uint64(data[40:]),
		phnum:    uint64(order.Uint16(data[56:])),
		shnum:    uint64(order.Uint16(data[60:])),
		shstrndx: uint64(order.Uint16(data[62:])),
	}
	if n := order.Uint16(data[54:]); h.phnum > 0 && n != segmentSize {
		return header{}, fmt.Errorf("ELF header: e_phentsize is %d, want %d", n, segmentSize)
	}
	if n := order.Uint16(data[58:]); h.shoff != 0 && n != sectionSize {
		return header{}, fmt.Errorf("ELF header: e_shentsize is %d, want %d", n, sectionSize)
	}
	return h, nil
}

// readExtended replaces counts that do not fit the header by those in section header 0: size for e_shnum, link for
// e_shstrndx, info for e_phnum.
func (h *header) readExtended(data []byte) error {
	if h.shoff == 0 {
		return nil
	}
	null, err := slice(data, h.shoff, sectionSize)
	if err != nil {
		return fmt.Errorf("section headers: %w", err)
	}
	if h.shnum == 0 {
		h.shnum = order.Uint64(null[32:])
	}
	if h.shstrndx == shnXIndex {
		h.shstrndx = uint64(order.Uint32(null[40:]))
	}
	if h.phnum == pnXNum {
		h.phnum = uint64(order.Uint32(null[44:]))
	}
	return nil
}

func parseSections(data []byte, h header) ([]Section, error) {
	if h.shoff == 0 || h.shnum == 0 {
		return nil, nil
	}
	table, err := sliceN(data, h.shoff, h.shnum, sectionSize)
	if err != nil {
		return nil, fmt.Errorf("section headers: %w", err)
	}
	sections := make([]Section, h.shnum)
	nameOffsets := make([]uint32, h.shnum)
	for i := range sections {
		s, name, err := parseSection(data, table[i*sectionSize:], i)
		if err != nil {
			return nil, err
		}
		sections[i], nameOffsets[i] = s, name
	}
	return sections, nameSections(sections, nameOffsets, h.shstrndx)
}

func parseSection(data, b []byte, index int) (Section, uint32, error) {
	s := Section{
		Index:   index,
		Type:    elf.SectionType(order.Uint32(b[4:])),
		Flags:   elf.SectionFlag(order.Uint64(b[8:])),
		Addr:    order.Uint64(b[16:]),
		Offset:  order.Uint64(b[24:]),
		Size:    order.Uint64(b[32:]),
		Link:    order.Uint32(b[40:]),
		Info:    order.Uint32(b[44:]),
		Align:   order.Uint64(b[48:]),
		EntSize: order.Uint64(b[56:]),
	}
	if index == 0 { // it holds extended counts only
		return Section{}, 0, nil
	}
	if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL {
		var err error
		if s.Data, err = slice(data, s.Offset, s.Size); err != nil {
			return Section{}, 0, fmt.Errorf("section %d: %w", index, err)
		}
	}
	return s, order.Uint32(b), nil
}

func nameSections(sections []Section, offsets []uint32, shstrndx uint64) error {
	if shstrndx == uint64(elf.SHN_UNDEF) {
		return nil
	}
	if shstrndx >= uint64(len(sections)) {
		return fmt.Errorf("section names: section %d of %d", shstrndx, len(sections))
	}
	names := newStrtab(sections[shstrndx].Data)
	for i := range sections[1:] {
		name, err := names.at(uint64(offsets[i+1]))
		if err != nil {
			return fmt.Errorf("section %d: name: %w", i+1, err)
		}
		sections[i+1].Name = name
	}
	return nil
}

func parseSegments(data []byte, h header) ([]Segment, error) {
	if h.phoff == 0 || h.phnum == 0 {
		return nil, nil
	}
	table, err := sliceN(data, h.phoff, h.phnum, segmentSize)
	if err != nil {
		return nil, fmt.Errorf("program headers: %w", err)
	}
	segments := make([]Segment, h.phnum)
	for i := range segments {
		segments[i] = decodeSegment(table[i*segmentSize:])
	}
	return segments, nil
}

func decodeSegment(b []byte) Segment {
	return Segment{
		Type:   elf.ProgType(order.Uint32(b)),
		Flags:  elf.ProgFlag(order.Uint32(b[4:])),
		Offset: order.Uint64(b[8:]),
		Vaddr:  order.Uint64(b[16:]),
		Filesz: order.Uint64(b[32:]),
		Memsz:  order.Uint64(b[40:]),
		Align:  order.Uint64(b[48:]),
	}
}

// slice returns size bytes of data from offset off, with its capacity cut to them.
func slice(data []byte, off, size uint64) ([]byte, error) {
	total := uint64(len(data))
	if off > total || size > total-off {
		return nil, fmt.Errorf("offset 0x%x and size %d reach past the end of the file at 0x%x", off, size, total)
	}
	return data[off : off+size : off+size], nil
}

// sliceN returns num entries of entSize bytes from offset off.
func sliceN(data []byte, off, num, entSize uint64) ([]byte, error) {
	if num > uint64(len(data))/entSize {
		return nil, fmt.Errorf("%d entries of %d bytes do not fit a file of %d bytes", num, entSize, len(data))
	}
	return slice(data, off, num*entSize)
}

// strtab is a string table held once, so that many overlapping names cost no memory of their own.
type strtab struct{ s string }

func newStrtab(data []byte) strtab { return strtab{string(data)} }

func (t strtab) at(off uint64) (string, error) {
	if off == 0 && t.s == "" {
		return "", nil
	}
	if off >= uint64(len(t.s)) {
		return "", fmt.Errorf("offset 0x%x past the string table of %d bytes", off, len(t.s))
	}
	name, _, ended := strings.Cut(t.s[off:], "\x00")
	if !ended {
		return "", fmt.Errorf("offset 0x%x: string without an end", off)
	}
	return name, nil
}
