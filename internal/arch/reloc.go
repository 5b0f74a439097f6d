package arch

import (
	"encoding/binary"
	"math"
	"sync"
)

// RelocKind is what a relocation asks for, in words that all targets share: S is the address of its symbol, A its addend,
// P the place. Code outside the tables of a machine knows kinds only.
type RelocKind uint8

// The kinds. Those of thread-local storage come last.
const (
	Unknown      RelocKind = iota // nothing that a patch could hold or stand for
	None                          // nothing at all
	Abs64                         // S+A
	Abs32                         // S+A in 32 bits, read as unsigned
	Abs32S                        // S+A in 32 bits, read as signed
	PC32                          // S+A-P
	Call                          // S+A-P, or the same of a PLT entry
	GOTLoad                       // A-P and the GOT slot of the symbol
	GOTLoadRelax                  // GOTLoad in an instruction that may be changed into one without the slot
	GlobDat                       // dynamic: a GOT slot, S
	Copy                          // dynamic: a variable of a library that the program has a place for
	JumpSlot                      // dynamic: a slot of the PLT, S or the way to the dynamic linker
	Relative                      // dynamic: A and the load bias
	IRelative                     // dynamic: what the resolver at A and the load bias returns

	PC64          // S+A-P in 64 bits
	Jump          // Call, in a jump that leaves its function
	Branch        // S+A-P, in a conditional jump
	Near          // S+A-P, in an instruction that forms an address close by, or loads from there
	PagePC        // Page(S+A)-Page(P), Page being the 4 KiB that hold an address
	PageOffset    // S+A-Page(S+A), in an instruction that adds it or accesses memory
	AbsPart       // 16 bits of S+A
	PCPart        // 16 bits of S+A-P
	GOTPage       // PagePC of the GOT slot
	GOTPageOffset // PageOffset of the GOT slot
	GOTOffset     // GOT slot less Page(GOT)

	TLSLocalExec      // offset of the variable from the thread pointer, in an instruction
	TLSOffset         // dynamic: the same in a GOT slot
	TLSBlockOffset32  // offset of the variable in its module's block
	TLSBlockOffset64  // the same in 64 bits
	TLSModule         // dynamic: number of the module, in the first of two slots
	TLSInitialExec    // A-P and the slot of TLSOffset
	TLSGeneralDynamic // A-P and the slots of TLSModule and TLSBlockOffset64, before a call of __tls_get_addr
	TLSLocalDynamic   // likewise, of the module alone
	TLSDescLoad       // A-P and the slots of TLSDesc
	TLSDescCall       // marks the call through those
	TLSDesc           // dynamic: a descriptor in two slots

	TLSInitialExecPage      // PagePC of the slot of TLSOffset
	TLSInitialExecOffset    // PageOffset of it
	TLSGeneralDynamicPage   // PagePC of the slots of TLSModule and TLSBlockOffset64
	TLSGeneralDynamicOffset // PageOffset of them
	TLSLocalDynamicPage     // likewise, of the module alone
	TLSLocalDynamicOffset   //
	TLSDescPage             // PagePC of the slots of TLSDesc
	TLSDescOffset           // PageOffset of them
	TLSDescMark             // marks an instruction of an access through those
)

// TLS reports whether a relocation of the kind means a thread-local variable.
func (k RelocKind) TLS() bool { return k >= TLSLocalExec }

// RelocType is a relocation type of a target.
type RelocType struct {
	Number   uint32 // in r_info
	Name     string // ELF spelling: "R_X86_64_PC32"
	Kind     RelocKind
	Width    uint64 // bytes of its field, 0 where it has none or that is not known
	FromPC   bool   // the field holds a distance from the place
	Min, Max int64  // what the field can hold, inclusive; of fields of 64 bits everything
	InPatch  bool   // a patch may hold it
	Bits     Bits   // how an instruction holds the value; zero where the field is a word of its own
}

// Bits says which bits of an instruction of 4 bytes hold a value. It takes Count of them from bit At on, and holds the value
// without its lowest Shift bits.
type Bits struct {
	Count, At, Shift uint8

	SplitAt, Split uint8 // the Split lowest bits of the Count stand at bit SplitAt instead
	Pages          bool  // the value is a distance of pages of 1<<Shift bytes
	Aligned        bool  // the lowest Shift bits of a value have to be zero
	Cut            bool  // bits of a value above those held are of no interest
	Inverting      bool  // the instruction says whether the value is negative, and then holds its complement
}

// String returns the ELF spelling.
func (t RelocType) String() string { return t.Name }

// Value returns what the field holds for S+A at a place.
func (t RelocType) Value(target, place uint64) uint64 {
	switch {
	case t.Bits.Pages:
		return target>>t.Bits.Shift<<t.Bits.Shift - place>>t.Bits.Shift<<t.Bits.Shift
	case t.FromPC:
		return target - place
	}
	return target
}

// Fits reports whether the field can hold a value.
func (t RelocType) Fits(value uint64) bool {
	if t.Bits.Aligned && value&(1<<t.Bits.Shift-1) != 0 {
		return false
	}
	return t.Bits.Cut || int64(value) >= t.Min && int64(value) <= t.Max
}

// Store stores a value in the field at the start of b: words have the lowest byte first.
func (t RelocType) Store(b []byte, value uint64) {
	if t.Bits.Count > 0 {
		binary.LittleEndian.PutUint32(b, t.Bits.store(binary.LittleEndian.Uint32(b), value))
		return
	}
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], value)
	copy(b[:t.Width], word[:])
}

// Load returns what the field at the start of b holds, with the sign that it has.
func (t RelocType) Load(b []byte) uint64 {
	if t.Bits.Count > 0 {
		return t.Bits.load(binary.LittleEndian.Uint32(b), t.Min < 0)
	}
	var word [8]byte
	copy(word[:], b[:t.Width])
	return extend(binary.LittleEndian.Uint64(word[:]), 8*min(t.Width, 8), t.Min < 0)
}

// extend fills the bits of a value above its lowest ones with its sign.
func extend(value, bits uint64, signed bool) uint64 {
	unused := 64 - min(bits, 64)
	if !signed {
		return value << unused >> unused
	}
	return uint64(int64(value<<unused) >> unused)
}

// Reloc returns a relocation type by its number; of one that the table does not have the Kind is Unknown.
func (t *Target) Reloc(number uint32) RelocType {
	if r, found := t.relocs().byNumber[number]; found {
		return r
	}
	return RelocType{Number: number, Name: t.relocName(number)}
}

// RelocOf returns the relocation type for a kind: the first of the table's.
func (t *Target) RelocOf(k RelocKind) RelocType { return t.relocs().byKind[k] }

type relocTable struct {
	byNumber map[uint32]RelocType
	byKind   map[RelocKind]RelocType
}

// indexed returns newRelocTable of a table when that is first asked for: most runs of carecc never do.
func indexed(rows []RelocType, name func(uint32) string) func() relocTable {
	return sync.OnceValue(func() relocTable { return newRelocTable(rows, name) })
}

// newRelocTable indexes a table and fills in names and, where a row gives none, the range of signed values of the field.
func newRelocTable(rows []RelocType, name func(uint32) string) relocTable {
	table := relocTable{map[uint32]RelocType{}, map[RelocKind]RelocType{}}
	for _, r := range rows {
		r.Name = name(r.Number)
		if bits := r.bits(); r.Min == 0 && r.Max == 0 && bits > 0 {
			r.Min, r.Max = math.MinInt64>>(64-bits), math.MaxInt64>>(64-bits)
		}
		table.byNumber[r.Number] = r
		if _, found := table.byKind[r.Kind]; !found {
			table.byKind[r.Kind] = r
		}
	}
	return table
}

// bits returns how many bits of a value the field holds, those included that it need not.
func (t RelocType) bits() uint64 {
	if t.Bits.Count > 0 {
		return uint64(t.Bits.Count) + uint64(t.Bits.Shift)
	}
	return 8 * min(t.Width, 8)
}
