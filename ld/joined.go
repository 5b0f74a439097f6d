package ld

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// Joined is the new code and data of all units of one patch, with every reference known.
type Joined struct {
	Machine   *arch.Target
	Sections  []JoinedSection // text, rodata, eh_frame, data in this order; absent when empty
	Originals []OrigSection   // allocated sections of the original binary, by address
	Imports   []Import        // symbols the loader has to find in shared libraries, by name
	Functions []JoinedFunction
	Roles     []JoinedRole // in the order of the units
	Stale     []JoinedStale
	Skipped   []Skipped // functions that the original does not contain, or optional ones too short for a jump
}

// JoinedSection is one output section of the patch. Data already holds every value that does not depend on where
// the patch or the original is loaded.
type JoinedSection struct {
	Name   string
	Flags  elf.SectionFlag
	Align  uint64
	Data   []byte
	Relocs []JoinedReloc // in order of Offset
}

// JoinedReloc is a reference: the place is Offset bytes into its section.
type JoinedReloc struct {
	Offset uint64
	Type   arch.RelocType // one that a patch may hold, or whose field is known when it is written; GlobDat only of an import
	Target Target
	Addend int64
}

// TargetKind says in which list of a Joined a Target's index counts.
type TargetKind int

const (
	InPatch    TargetKind = iota // Joined.Sections
	InOriginal                   // Joined.Originals
	Imported                     // Joined.Imports
)

// Target is a place: Offset bytes from the start of a section, or an import (Offset 0).
type Target struct {
	Kind   TargetKind
	Index  int
	Offset uint64
}

// OrigSection is an allocated section of the original binary.
type OrigSection struct {
	Name  string
	Addr  uint64 // link address
	Size  uint64 // bytes
	Align uint64
	Flags elf.SectionFlag
}

// Import is a symbol that the original binary has no slot for. With PC32 it is only ever the target of a call
// or jump; with Abs64 the loader stores an address that may be called, not read as data (see doc.go).
type Import struct {
	Name    string
	Version string // "GLIBC_2.2.5" where known, else empty
	Type    elf.SymType
}

// JoinedFunction is one function of the patch.
type JoinedFunction struct {
	Name    string
	New     Target // in .kpatch.text
	NewSize uint64 // bytes
	Old     Target // in an original section; zero if IsNew
	OldSize uint64 // bytes; counts padding behind a function that is shorter than a hook, but no gate; 0 if IsNew
	IsNew   bool   // no hook leads to it
	Gate    bool   // Old has no room for a hook; Via has, and a jump leads from Old to there
	Via     Target // in the section of Old; of a gate alone
	Reason  string
	Parts   []OldPart // of the function it replaces: itself first, then its .cold parts
	Calls   []uint64  // link addresses of its unit's functions that the new code calls, directly or not, and of detached ones
	Spares  bool      // the new code overwrites no register that the original does not
}

// JoinedStale is a function of the original that is not in the patch and must not be running when that is applied.
type JoinedStale struct {
	Name   string
	Reason string
	Parts  []OldPart // itself first, then its .cold parts
}

// JoinedRole is a function or variable of the patch that the loader does more with than to map it.
type JoinedRole struct {
	Role kpname.Role
	Name string
	At   Target // in the patch
	Size uint64 // bytes
}

// OldPart is one contiguous range of original code.
type OldPart struct {
	Name  string
	Addr  uint64 // link address
	Size  uint64 // bytes, without padding
	Bytes []byte // as in the original binary's file
}
