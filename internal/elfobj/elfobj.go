// Package elfobj reads ELF64 little-endian files with every offset checked, and writes small relocatable ones.
//
// Input: the bytes of an object, a program or a shared library. Output: sections, segments, symbols and relocations
// as values. It refuses, with an error and never a panic, whatever points outside the file. It follows the System V
// ABI, ELF-64 Object File Format, version 1.5, and the AMD64 supplement.
package elfobj

import "debug/elf"

// File is a parsed ELF file. Its slices are not to be changed.
type File struct {
	Type       elf.Type
	Machine    elf.Machine
	Entry      uint64    // link address
	Sections   []Section // index = section header index; Sections[0] is the null section; empty if there are none
	Segments   []Segment
	Symbols    []Symbol // .symtab, index = symbol index, Symbols[0] is the null symbol; empty if stripped
	DynSymbols []Symbol // .dynsym, likewise
	raw        []byte
	late       *late // nil: all was read
}

// Section is a section header and its contents.
type Section struct {
	Index   int
	Name    string
	Type    elf.SectionType
	Flags   elf.SectionFlag
	Addr    uint64 // link address, 0 in objects
	Offset  uint64 // in the file
	Size    uint64 // bytes
	Link    uint32
	Info    uint32
	Align   uint64
	EntSize uint64
	Data    []byte // nil for SHT_NOBITS, and where ParseAt left it out
}

// Segment is a program header.
type Segment struct {
	Type   elf.ProgType
	Flags  elf.ProgFlag
	Offset uint64
	Vaddr  uint64 // link address
	Filesz uint64
	Memsz  uint64
	Align  uint64
}

// Symbol is a symbol table entry. Extended section indices are resolved.
type Symbol struct {
	Index   int
	Name    string // without version
	Version string // "GLIBC_2.2.5" of a .dynsym entry or after @ in a .symtab name, else empty
	Type    elf.SymType
	Bind    elf.SymBind
	Vis     elf.SymVis
	Section int // section header index, or the value of SHN_UNDEF, SHN_ABS, SHN_COMMON
	Value   uint64
	Size    uint64

	Extended bool // Section came from .symtab_shndx and is an index even where it equals a special value
	Older    bool // of a .dynsym entry: a name without a version does not mean this one
}

// Defined reports whether the symbol is defined in a section of the file.
func (s *Symbol) Defined() bool {
	return s.Section != int(elf.SHN_UNDEF) && (s.Extended || s.Section < int(elf.SHN_LORESERVE))
}

// Rela is one relocation with addend.
type Rela struct {
	Offset uint64 // in objects from the start of the section, else a link address
	Type   uint32
	Symbol int // index into Symbols, or into DynSymbols for dynamic relocations
	Addend int64
}
