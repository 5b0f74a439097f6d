package link

import (
	"debug/elf"
	"fmt"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// relocate applies every relocation of every section that is not one of the original binary.
func (l *linker) relocate() error {
	for i := range l.patch.Sections {
		sec := &l.patch.Sections[i]
		for n, rel := range sec.Relocs {
			if err := l.apply(i, rel); err != nil {
				return fmt.Errorf("section %s: relocation %d at %#x: %w", sec.Name, n, rel.Offset, err)
			}
		}
	}
	return nil
}

// apply applies one relocation: S the symbol's value, A the addend, P the place.
func (l *linker) apply(section int, rel kpatch.Reloc) error {
	if rel.Type.Kind == arch.None {
		return nil
	}
	width := rel.Type.Width
	if !applies(rel.Type.Kind) {
		return unsupported(rel)
	}
	sec := &l.patch.Sections[section]
	if sec.Original() || rel.Offset >= sec.Size || sec.Size-rel.Offset < width {
		return fault.Refuse(fault.FormatCorrupt, "", "outside the section of %d bytes", sec.Size)
	}
	start, err := l.sectionAddr(section)
	if err != nil {
		return err
	}
	at := uint64(l.layout.ElfOffset) + sec.Offset + rel.Offset
	field := l.image.Bytes[at : at+width]
	value, keep, err := l.value(sec.Name, rel, field)
	if err != nil || keep {
		return err
	}
	if d, ok := l.patch.DetourOf(&rel); ok && l.machine.FarHooks {
		value = uint64(l.detours[d])
	}
	typ, ok := l.field(rel, field)
	if !ok {
		return unsupported(rel)
	}
	return store(field, typ, value, uint64(start)+rel.Offset)
}

// field returns the type of what an instruction is to hold: it has no slot to load from of what is no import, and the address is what that would
// hold. On x86-64 the linker has changed such instructions.
func (l *linker) field(rel kpatch.Reloc, instruction []byte) (typ arch.RelocType, ok bool) {
	if _, imported := l.slots[rel.Symbol]; imported {
		return rel.Type, true
	}
	switch rel.Type.Kind {
	case arch.GOTPageOffset:
		return l.patch.Machine.Unload(instruction)
	case arch.GOTLoad:
		return rel.Type, rel.Type.Bits.Count == 0
	}
	return rel.Type, true
}

func unsupported(rel kpatch.Reloc) error {
	return fault.Refuse(fault.RelocType, "", "unsupported type %s", rel.Type)
}

// value returns S+A for a relocation. keep says that the field holds the right bytes already.
func (l *linker) value(section string, rel kpatch.Reloc, field []byte) (value uint64, keep bool, err error) {
	if rel.Symbol < 0 || rel.Symbol >= len(l.patch.Symbols) {
		return 0, false, fault.Refuse(fault.FormatCorrupt, "", "no symbol %d", rel.Symbol)
	}
	sym := &l.patch.Symbols[rel.Symbol]
	if entry, ok := l.slots[rel.Symbol]; ok {
		value, err = l.importValue(section, rel, sym, entry)
		return value, false, err
	}
	if sym.Type == elf.STT_TLS {
		return l.tlsValue(rel, sym, field)
	}
	if rel.Type.Kind.TLS() {
		return 0, false, refuseSymbol(sym, "relocation %s needs a thread-local variable", rel.Type)
	}
	if rel.Type.Kind == arch.GlobDat && section != kpname.Info {
		return 0, false, refuseSymbol(sym, "relocation %s needs an import", rel.Type)
	}
	base, err := l.symbolValue(sym)
	return base + uint64(rel.Addend), false, err
}

// symbolValue returns S of a defined symbol that is no thread-local variable.
func (l *linker) symbolValue(sym *kpatch.Symbol) (uint64, error) {
	switch {
	case sym.Section == int(elf.SHN_UNDEF):
		return 0, refuseSymbol(sym, "undefined, and neither GLOBAL FUNC nor GLOBAL OBJECT")
	case sym.Section >= int(elf.SHN_LORESERVE):
		return 0, refuseSymbol(sym, "absolute and common symbols are not allowed")
	}
	addr, err := l.sectionAddr(sym.Section)
	if err != nil {
		return 0, err
	}
	switch sym.Type {
	case elf.STT_SECTION:
		return uint64(addr), nil
	case elf.STT_NOTYPE, elf.STT_FUNC, elf.STT_OBJECT:
		return uint64(addr) + sym.Value, nil
	}
	return 0, refuseSymbol(sym, "symbols of type %s are not allowed", sym.Type)
}

// importValue returns S+A for an import: its slot of the jump table for code, the address itself where that is stored.
// The second half of the slot serves as GOT entry.
func (l *linker) importValue(section string, rel kpatch.Reloc, sym *kpatch.Symbol, entry int) (uint64, error) {
	slot := uint64(l.slotAddr(entry))
	switch rel.Type.Kind {
	case arch.Abs64:
		if section == kpname.Info || rel.Addend == 0 || sym.Type == elf.STT_OBJECT {
			return uint64(l.imports[entry]) + uint64(rel.Addend), nil
		}
		return slot + uint64(rel.Addend), nil
	case arch.GlobDat:
		return uint64(l.imports[entry]) + uint64(rel.Addend), nil
	case arch.GOTLoad, arch.GOTLoadRelax, arch.GOTPage, arch.GOTPageOffset:
		return slot + kpatch.JumpSlotTarget + uint64(rel.Addend), nil
	case arch.PC32, arch.Call, arch.Jump, arch.PagePC, arch.PageOffset:
		if sym.Type == elf.STT_OBJECT && rel.Addend+l.patch.Machine.PCBias < kpatch.JumpSlotTarget {
			return 0, refuseSymbol(sym, "is data of a library and out of reach of %s", rel.Type)
		}
		return slot + uint64(rel.Addend), nil
	}
	return 0, refuseSymbol(sym, "relocation %s cannot refer to an import", rel.Type)
}

// tlsValue handles what LibcarePlus writes for thread-local variables: with GOTTPOFF the addend is the link address of
// the original's GOT entry and the distance to where the processor counts from; with TPOFF the field was filled by the linker.
func (l *linker) tlsValue(rel kpatch.Reloc, sym *kpatch.Symbol, field []byte) (uint64, bool, error) {
	switch rel.Type.Kind {
	case arch.TLSInitialExec:
		if rel.Type.Bits.Count > 0 {
			break // whose slot an instruction leads to is known on x86-64 alone
		}
		return uint64(rel.Addend) + uint64(l.object.Bias) - uint64(l.patch.Machine.PCBias), false, nil
	case arch.TLSLocalExec, arch.TLSOffset:
		if rel.Type.Bits.Count > 0 {
			break // what an instruction is filled with cannot be told from an offset of 0
		}
		for _, b := range field {
			if b != 0 {
				return 0, true, nil
			}
		}
		return 0, false, refuseSymbol(sym, "relocation %s whose field is not filled in", rel.Type)
	}
	return 0, false, refuseSymbol(sym, "relocation %s cannot refer to a thread-local variable", rel.Type)
}

// applies reports whether relocations of a kind can be applied in a process: those that a patch of ours may hold, and those
// that LibcarePlus writes besides.
func applies(k arch.RelocKind) bool {
	switch k {
	case arch.Abs64, arch.Abs32, arch.Abs32S, arch.PC32, arch.GlobDat:
		return true
	case arch.PC64, arch.Jump, arch.Branch, arch.Near, arch.PagePC, arch.PageOffset, arch.GOTPage, arch.GOTPageOffset:
		return true
	case arch.Call, arch.GOTLoad, arch.GOTLoadRelax, arch.TLSInitialExec, arch.TLSLocalExec, arch.TLSOffset:
		return true
	}
	return false
}

// store writes a value into its field, made relative to the place where the type says so.
func store(field []byte, t arch.RelocType, value, place uint64) error {
	value = t.Value(value, place)
	if !t.Fits(value) {
		return fault.Refuse(fault.RelocRange, "", "value %#x does not fit %s", value, t).
			WithHint("the patch cannot be placed near enough to what it refers to")
	}
	t.Store(field, value)
	return nil
}
