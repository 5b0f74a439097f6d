package kpatch

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Sizes in bytes of .kpatch.info: its entries and the zeros that end it.
const (
	InfoEntrySize      = 48
	InfoTerminatorSize = 24
)

// InfoGate is the flags of an entry of .kpatch.info whose vaddr, at infoVia, says where its original function jumps to.
const (
	InfoGate = 1
	infoVia  = 32
)

// The jump table: a header of JumpHeaderSize bytes (u32 size, u32 entries used, u32 entries, padding), then slots of
// JumpSlotSize bytes, the stub of the machine and the address. It stands directly behind the patch header.
const (
	jumpTableOffset = HeaderSize
	JumpHeaderSize  = 16
	JumpSlotSize    = 16
	JumpSlotTarget  = 8 // offset of the address in a slot
)

// What an unwinder keeps of the unwind data of a patch: a struct object of libgcc, 48 or 56 bytes by its version, for each of
// the unwinders that a process may have.
const (
	FrameObjectSize = 64
	FrameObjects    = 4
)

// undoAlign is what the offset of the undo area is a multiple of.
const undoAlign = 128

// Layout is how a patch lies in a process. The jump table has a slot for each undefined symbol, then with far hooks one for each detour. The undo area holds the first UndoSize bytes of the machine of each original
// function, an entry of .kpatch.info each. Offsets count from the start of its mapping.
type Layout struct {
	JumpSlots   int    // undefined GLOBAL symbols, and detours
	JmpOffset   uint32 // 0 if there are no slots
	ElfOffset   uint32
	DataOffset  uint32 // first writable byte, a multiple of the page size; 0 if all is read+execute
	UserInfo    uint32
	UserUndo    uint32
	Frames      uint32 // FrameObjects of FrameObjectSize bytes; 0 if there is no writable memory
	TotalMemory uint64 // bytes, whole pages
}

// Layout returns where the parts of a decoded patch lie in a process, of whose machine it has the size of pages and hooks: header, jump table, page
// boundary of the file, ELF object, undo area, frame objects. The object begins where its data come to a boundary of the process' pages. With a
// .kpatch.data that does not begin on one of the file's, it is refused: nobody could protect it.
func (p *Patch) Layout(machine *arch.Target) (Layout, error) {
	l := Layout{JumpSlots: p.jumpSlots()}
	if machine.FarHooks {
		l.JumpSlots += len(p.Detours())
	}
	end := uint64(HeaderSize)
	if l.JumpSlots > 0 {
		l.JmpOffset = jumpTableOffset
		end += JumpHeaderSize + JumpSlotSize*uint64(l.JumpSlots)
	}
	base := alignUp(end, p.Machine.PageSize)
	if data := p.section(kpname.Data); data != nil {
		if data.Offset%p.Machine.PageSize != 0 {
			return Layout{}, fault.Refuse(fault.FormatCorrupt, kpname.Data, "offset 0x%x is no page boundary", data.Offset)
		}
		base = alignUp(base+data.Offset, machine.PageSize) - data.Offset
	}
	undo := alignUp(base+uint64(len(p.Object)), undoAlign)
	frames := alignUp(undo+uint64(machine.UndoSize*len(p.Functions)), FrameObjectSize)
	l.TotalMemory = alignUp(frames+FrameObjects*FrameObjectSize, machine.PageSize)
	if l.TotalMemory > 1<<31 {
		return Layout{}, fault.Refuse(fault.FormatCorrupt, "", "patch of %d bytes is too large", l.TotalMemory)
	}
	l.ElfOffset, l.UserUndo = uint32(base), uint32(undo)
	for i := range p.Sections {
		s := &p.Sections[i]
		switch s.Name {
		case kpname.Info:
			l.UserInfo = uint32(base + s.Offset)
		case kpname.Data:
			l.DataOffset = uint32(base + s.Offset)
		}
	}
	if l.DataOffset != 0 {
		l.Frames = uint32(frames)
	}
	return l, nil
}

// jumpSlots counts the undefined GLOBAL symbols: each has an entry of the jump table, used or not.
func (p *Patch) jumpSlots() int {
	n := 0
	for _, s := range p.Symbols {
		if s.Bind == elf.STB_GLOBAL && s.Section == int(elf.SHN_UNDEF) {
			n++
		}
	}
	return n
}

// Detour is code of the original that a patch calls or jumps to.
type Detour struct {
	Symbol int // index
	Addend int64
}

// DetourOf returns where a call or a jump to the original leads; ok is false of other relocations.
func (p *Patch) DetourOf(r *Reloc) (d Detour, ok bool) {
	if r.Type.Kind != arch.Call && r.Type.Kind != arch.Jump || r.Symbol < 0 || r.Symbol >= len(p.Symbols) {
		return Detour{}, false
	}
	n := p.Symbols[r.Symbol].Section
	return Detour{r.Symbol, r.Addend}, n > 0 && n < len(p.Sections) && p.Sections[n].Original()
}

// Detours returns what the calls and jumps of a patch do not reach from where only accesses do, each once: the code of the original.
func (p *Patch) Detours() (list []Detour) {
	seen := map[Detour]bool{}
	for i := range p.Sections {
		for n := range p.Sections[i].Relocs {
			if d, ok := p.DetourOf(&p.Sections[i].Relocs[n]); ok && !seen[d] {
				seen[d] = true
				list = append(list, d)
			}
		}
	}
	return list
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
