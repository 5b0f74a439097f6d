package kpatch

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// HeaderSize is the length in bytes of the fixed header before the ELF object.
const HeaderSize = 504

// Magic begins every patch file and every mapped patch, but one with far hooks.
const Magic = "KPATCH1\x00"

// MagicFar begins a mapped patch with far hooks, of which libcare-ctl would take away a part.
const MagicFar = "KPATCHF\x00"

// MagicIn returns what a patch begins with that is mapped in a process of a machine, by its hooks.
func MagicIn(machine *arch.Target) string {
	if machine.FarHooks {
		return MagicFar
	}
	return Magic
}

// BeginsLive reports whether mapped memory begins as a patch does.
func BeginsLive(b []byte) bool {
	return len(b) >= len(Magic) && (string(b[:len(Magic)]) == Magic || string(b[:len(Magic)]) == MagicFar)
}

// Patch is the content of one file: the new code for one binary.
type Patch struct {
	ID        string // 1 to 7 bytes of [A-Za-z0-9._-]
	BuildID   string // lower-case hex, of the binary it patches
	Machine   *arch.Target
	BuildTime uint64     // seconds since 1970, or 0
	Sections  []Section  // index = section header index of the ELF object; Sections[0] is the null section
	Symbols   []Symbol   // index = symbol index; Symbols[0] is the null symbol
	Functions []Function // .kpatch.info, in order, without the terminator
	Meta      *Meta      // nil in a patch that others made
	Object    []byte     // the whole ELF object as it stands in the file, padded to 16 bytes; set by Decode
}

// Section is a section of the ELF object. Tables that Encode derives (.symtab, .strtab, .shstrtab, .rela.*,
// .kpatch.info, .kpatch.strtab, .kpatch.meta, .kpatch.digest) are not in the list given to Encode, or are ignored there;
// Decode lists all.
type Section struct {
	Name   string
	Type   elf.SectionType
	Flags  elf.SectionFlag
	Addr   uint64 // link address in the original binary; only for originals
	Offset uint64 // from the start of the ELF object; set by Decode
	Size   uint64 // bytes
	Align  uint64
	Data   []byte  // nil for originals
	Relocs []Reloc // relocations of this section, in order of Offset
}

// Original reports whether the section stands for one of the original binary (NOBITS with its link address).
func (s *Section) Original() bool { return s.Type == elf.SHT_NOBITS }

// Symbol is a symbol of the ELF object. In ours: one STT_SECTION per section that relocations refer to, and the imports,
// which are GLOBAL, undefined, FUNC or OBJECT. Others' patches hold more kinds.
type Symbol struct {
	Name    string // without version
	Version string // "GLIBC_2.14" of an import, after an @ in the file; empty if unknown
	Type    elf.SymType
	Bind    elf.SymBind
	Section int // section header index; 0 for imports
	Value   uint64
	Size    uint64
}

// Reloc is a relocation: the place is Offset bytes into its section.
type Reloc struct {
	Offset uint64
	Type   arch.RelocType
	Symbol int // index into Patch.Symbols
	Addend int64
}

// Location is a place in a section of the ELF object.
type Location struct {
	Section int    // section header index
	Offset  uint64 // bytes from the section's start
}

// Function is one entry of .kpatch.info.
type Function struct {
	Name    string      // name in .kpatch.strtab
	Old     Location    // start of the original function, in an original section; zero for a new function
	New     Location    // start of the new function, in .kpatch.text
	OldSize uint32      // bytes; 0 for a new function
	NewSize uint32      // bytes
	Via     Location    // of a gate: where the original function jumps to, the Old of another entry; else zero
	Role    kpname.Role //  what else the entry is for; a function of the patch that has one has an entry without, too
}

// IsGate reports whether the function is too short for a hook: a jump to a hook in padding nearby is written over its start.
func (f *Function) IsGate() bool { return f.Via != Location{} }

// IsNew reports whether the function replaces none.
func (f *Function) IsNew() bool { return f.OldSize == 0 && f.Old == Location{} }

// Meta is what .kpatch.meta says, as JSON: nothing here is needed to apply, Parts is checked when present.
type Meta struct {
	Tool        string       `json:"tool"`                // "gocare 0.1.0"
	Description string       `json:"description"`         // patchmake -m
	Compiler    string       `json:"compiler"`            // first line of the compiler's --version
	Target      string       `json:"target"`              // path of the original binary relative to the install root or tree
	Sources     []SourceFile `json:"sources"`             // the source patches, in order
	Units       []UnitInfo   `json:"units"`               // changed units, sorted
	Parts       []Part       `json:"parts"`               // every original range that must hold the expected bytes
	BuildsOn    string       `json:"builds_on,omitempty"` // ids of patches whose changes this one has too, with blanks between
	CVEs        []string     `json:"cves,omitempty"`      // what it fixes, sorted: "CVE-2026-1234"
	Unproved    bool         `json:"unproved,omitempty"`  // --buildid: addresses were not proved against that binary
	Shows       []string     `json:"shows,omitempty"`     // of a library: names that it is to be the first to show, sorted
}

// SourceFile is a source patch by base name and SHA-256.
type SourceFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// UnitInfo is a changed unit: its source relative to the source root, and the digest of the original source.
type UnitInfo struct {
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
}

// Part is one contiguous range of original code that the patch replaces, or that must not be running when it is applied: a function
// itself or its .cold part.
type Part struct {
	Function string `json:"function"` // name of the function it belongs to
	Name     string `json:"name"`     // symbol: "f" or "f.cold"
	Addr     uint64 `json:"addr"`     // link address in the original binary
	Size     uint64 `json:"size"`     // bytes
	SHA256   string `json:"sha256"`   // of the bytes in the original binary's file, before any run-time relocation
	Reason   string `json:"reason"`   // why it is in the patch

	Calls  []uint64 `json:"calls,omitempty"`  // of the function: link addresses of the unit's functions that the new code calls, directly or not
	Gone   bool     `json:"gone,omitempty"`   // the patch has no such function; old code of it cannot go on with the patch
	Spares bool     `json:"spares,omitempty"` // of the function: the new code overwrites no register that the original does not
}
