package link

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// Image is a patch ready to be mapped at Base.
type Image struct {
	Base      inspect.Addr
	Bytes     []byte // whole pages; the undo area is zero
	CodeSize  uint64 // bytes from Base that are read+execute; what follows is read+write
	Layout    kpatch.Layout
	Functions []Function // as in .kpatch.info
}

// Function is an entry of .kpatch.info with addresses in the process.
type Function struct {
	Name             string
	Old, New         inspect.Addr // Old is 0 for a new function
	OldSize, NewSize uint32       // bytes
	Via              inspect.Addr // of a gate: where the original jumps to; else 0
	Role             kpname.Role  // see kpatch.Function
}

// IsNew reports whether the function replaces none.
func (f *Function) IsNew() bool { return f.Old == 0 }

// Import resolves an undefined symbol, of the version that it asks for.
type Import func(sym kpatch.Symbol) (inspect.Addr, error)

// Place returns the patch as it must lie at base to patch object, in a process of a machine with its pages and hooks. All imports are resolved, used
// or not.
func Place(p *kpatch.Patch, object *inspect.Object, machine *arch.Target, base inspect.Addr, resolve Import) (*Image, error) {
	layout, err := p.Layout(machine)
	if err != nil {
		return nil, err
	}
	l := &linker{
		patch: p, object: object, machine: machine, layout: layout, image: &Image{Base: base, Layout: layout},
		slots: map[int]int{}, detours: map[kpatch.Detour]inspect.Addr{},
	}
	l.image.Bytes = make([]byte, layout.TotalMemory)
	l.image.CodeSize = layout.TotalMemory
	if layout.DataOffset != 0 {
		l.image.CodeSize = uint64(layout.DataOffset)
	}
	l.writeHeader()
	copy(l.image.Bytes[layout.ElfOffset:], p.Object)
	if err := l.writeJumpTable(resolve); err != nil {
		return nil, err
	}
	if err := l.relocate(); err != nil {
		return nil, err
	}
	if err := l.listFunctions(); err != nil {
		return nil, err
	}
	return l.image, l.keepLandings()
}

type linker struct {
	patch   *kpatch.Patch
	object  *inspect.Object
	machine *arch.Target
	layout  kpatch.Layout
	image   *Image
	slots   map[int]int // symbol index -> entry of the jump table
	imports []inspect.Addr
	detours map[kpatch.Detour]inspect.Addr // where the jump to each is; empty without far hooks
}

func (l *linker) writeHeader() {
	h := kpatch.Header{
		ID: l.patch.ID, BuildID: l.patch.BuildID, BuildTime: l.patch.BuildTime,
		KpatchOffset: kpatch.HeaderSize, RelOffset: kpatch.HeaderSize,
		TotalSize: uint32(kpatch.HeaderSize + len(l.patch.Object)),
		JmpOffset: l.layout.JmpOffset, ElfOffset: l.layout.ElfOffset, TotalMemory: l.layout.TotalMemory,
		UserUndo: l.layout.UserUndo, UserInfo: l.layout.UserInfo,
	}
	copy(l.image.Bytes, h.Encode())
}

// writeJumpTable resolves the imports and writes a slot for each, and for each detour.
func (l *linker) writeJumpTable(resolve Import) error {
	if l.layout.JumpSlots == 0 {
		return nil
	}
	table := l.image.Bytes[l.layout.JmpOffset:]
	n := uint32(l.layout.JumpSlots)
	binary.LittleEndian.PutUint32(table, kpatch.JumpHeaderSize+n*kpatch.JumpSlotSize)
	binary.LittleEndian.PutUint32(table[4:], n)
	binary.LittleEndian.PutUint32(table[8:], n)
	for i, sym := range l.patch.Symbols {
		if !isImport(&sym) {
			continue
		}
		if sym.Type != elf.STT_FUNC && sym.Type != elf.STT_OBJECT {
			return refuseSymbol(&sym, "an undefined symbol of type %s cannot be bound", sym.Type)
		}
		addr, err := resolve(sym)
		if err != nil {
			return fmt.Errorf("import %q: %w", sym.Name, err)
		}
		entry := len(l.imports)
		l.writeSlot(entry, l.machine.Stub, addr)
		l.slots[i] = entry
		l.imports = append(l.imports, addr)
	}
	return l.writeDetours()
}

// writeSlot writes an entry of the jump table.
func (l *linker) writeSlot(entry int, stub []byte, to inspect.Addr) {
	slot := l.image.Bytes[int(l.layout.JmpOffset)+kpatch.JumpHeaderSize+entry*kpatch.JumpSlotSize:]
	copy(slot, stub)
	binary.LittleEndian.PutUint64(slot[kpatch.JumpSlotTarget:], uint64(to))
}

func isImport(sym *kpatch.Symbol) bool {
	return sym.Bind == elf.STB_GLOBAL && sym.Section == int(elf.SHN_UNDEF)
}

// slotAddr returns where an import's slot of the jump table is.
func (l *linker) slotAddr(entry int) inspect.Addr {
	at := int(l.layout.JmpOffset) + kpatch.JumpHeaderSize + entry*kpatch.JumpSlotSize
	return l.image.Base + inspect.Addr(at)
}

// sectionAddr returns where a section is in the process.
func (l *linker) sectionAddr(index int) (inspect.Addr, error) {
	if index <= 0 || index >= len(l.patch.Sections) {
		return 0, fault.Refuse(fault.FormatCorrupt, "", "no section %d", index)
	}
	sec := &l.patch.Sections[index]
	if sec.Original() {
		return l.object.Addr(inspect.LinkAddr(sec.Addr)), nil
	}
	return l.image.Base + inspect.Addr(uint64(l.layout.ElfOffset)+sec.Offset), nil
}

// locate returns the address of a place, which must lie in its section or at its end.
func (l *linker) locate(at kpatch.Location) (inspect.Addr, error) {
	start, err := l.sectionAddr(at.Section)
	if err != nil {
		return 0, err
	}
	sec := &l.patch.Sections[at.Section]
	if at.Offset > sec.Size {
		return 0, fault.Refuse(fault.FormatCorrupt, sec.Name, "offset %#x is past the end", at.Offset)
	}
	return start + inspect.Addr(at.Offset), nil
}

func (l *linker) listFunctions() error {
	for i := range l.patch.Functions {
		f := &l.patch.Functions[i]
		out := Function{Name: f.Name, Role: f.Role, OldSize: f.OldSize, NewSize: f.NewSize}
		var err error
		if out.New, err = l.locate(f.New); err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
		}
		if !f.IsNew() {
			if out.Old, err = l.locate(f.Old); err != nil {
				return fmt.Errorf("function %q: %w", f.Name, err)
			}
		}
		if f.IsGate() {
			if out.Via, err = l.locate(f.Via); err != nil {
				return fmt.Errorf("function %q: %w", f.Name, err)
			}
		}
		l.image.Functions = append(l.image.Functions, out)
	}
	return nil
}

func refuseSymbol(sym *kpatch.Symbol, format string, args ...any) error {
	return fault.Refuse(fault.Unresolved, fmt.Sprintf("symbol %q", sym.Name), format, args...).
		WithHint("make the patch again with patchmake")
}
