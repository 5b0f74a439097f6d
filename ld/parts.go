package ld

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

// This file is about addresses that instructions hold in parts: the page that they are in, as a distance, and where in it. The second part
// does not depend on where anything is loaded: that of the original is known here, and that of the patch when it is written.

// partsOf returns the kinds that a reference has when its symbol's GOT slot is the symbol; ok is false for others.
func partsOf(k arch.RelocKind) (direct arch.RelocKind, ok bool) {
	switch k {
	case arch.GOTPage, arch.TLSInitialExecPage, arch.TLSDescPage:
		return arch.PagePC, true
	case arch.GOTPageOffset, arch.TLSInitialExecOffset, arch.TLSDescOffset:
		return arch.PageOffset, true
	}
	return k, false
}

// toPart writes a part of an address.
func (j *joiner) toPart(p *spot, k arch.RelocKind, target Target, addend int64) error {
	switch {
	case k == arch.PageOffset && target.Kind == InOriginal:
		return j.store(p, p.ref.typ, j.bin.sections[target.Index].Addr+target.Offset+uint64(addend))
	case k == arch.PageOffset:
		t := p.ref.typ
		t.Kind = k
		j.pending = append(j.pending, pendingReloc{out: p.out, reloc: JoinedReloc{p.at, t, target, addend}})
		return nil
	}
	return j.emit(p, k, target, addend)
}

// store stores a constant in a field.
func (j *joiner) store(p *spot, t arch.RelocType, value uint64) error {
	b := j.out[p.out].Data
	if p.at+t.Width > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, j.out[p.out].Name)
	}
	if !t.Fits(value) {
		return fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", value, p.ref.typ, p.at)
	}
	t.Store(b[p.at:], value)
	return nil
}

// toSlot writes a part of the address of a slot in the original.
func (j *joiner) toSlot(p *spot, k arch.RelocKind, slot uint64) error {
	target, found := j.bin.locate(slot)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", slot)
	}
	return j.toPart(p, k, target, 0)
}

// toPrivateSlot writes a part of the address of a slot of the patch's own.
func (j *joiner) toPrivateSlot(p *spot, k arch.RelocKind, key gotKey) error {
	slot, found := j.got[key]
	if !found {
		slot = j.newSlot(key)
	}
	return j.toPart(p, k, Target{InPatch, outData, slot}, 0)
}

// importInParts handles what is found at run time: in a slot that the original has for it, else in one of the patch's own.
func (j *joiner) importInParts(p *spot, k arch.RelocKind, b binding) error {
	slot, found := j.slots.bound[j.slots.named(b)]
	if !found && j.bin.kind.bindNow {
		slot, found = j.slots.lazy[j.slots.named(b)]
	}
	if found {
		return j.toSlot(p, k, slot)
	}
	key := gotKey{imported: versioned{b.name, b.version}}
	if at, known := j.got[key]; known {
		return j.toPart(p, k, Target{InPatch, outData, at}, 0)
	}
	at := j.newSlot(key)
	field := spot{ref: p.ref, out: outData, at: at}
	var err error
	if importType(b, false) == elf.STT_FUNC {
		err = j.emitImport(&field, arch.Abs64, b, elf.STT_FUNC, 0)
	} else {
		err = j.emitImport(&field, arch.GlobDat, b, elf.STT_OBJECT, 0)
	}
	if err != nil {
		return err
	}
	return j.toPart(p, k, Target{InPatch, outData, at}, 0)
}

// direct handles a part of an address that is not known: that of an imported function may be a place in the original.
func (j *joiner) directPart(p *spot, b binding) error {
	addr, found := j.names.canonical(b)
	if !found {
		return direct(b)
	}
	target, found := j.bin.locate(addr)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", addr)
	}
	return j.toPart(p, p.kind(), target, p.addend())
}

// branchKind is the kind of a relocation of a call or jump in a patch.
func (p *spot) branchKind() arch.RelocKind {
	if p.ref.typ.InPatch {
		return p.kind()
	}
	return arch.PC32
}

// tlsInParts handles accesses of thread-local variables by slots whose addresses are in parts. In an executable what they hold of its own
// variables is a constant.
func (j *joiner) tlsInParts(p *spot, v tlsVariable) error {
	k, _ := partsOf(p.kind())
	if !v.fixed && p.addend() != 0 { // a slot is the start of a variable
		return j.unsupported(p)
	}
	slots := arch.TLSOffset
	if p.kind() == arch.TLSDescPage || p.kind() == arch.TLSDescOffset {
		model, slot := j.descriptorModel(v)
		if model == initialExec {
			if _, ok := j.bin.machine.relaxTLS(p.kind(), model, j.site(p)); !ok {
				return j.unsupported(p)
			}
			if !j.loadsSlot(p) {
				return nil
			}
			return j.toSlot(p, k, slot)
		}
		slots = arch.TLSDesc
	}
	if v.fixed {
		if !j.bin.machine.putThreadOffset(p.kind(), j.site(p), v.tpoff+p.addend()) {
			return j.unsupported(p)
		}
		return nil
	}
	slot, found := j.tlsSlot(v, slots)
	if !found {
		return j.noTLSSlot(p)
	}
	return j.toSlot(p, k, slot)
}

// loadsSlot reports whether the second part of a relaxed descriptor is the load, and not what is nothing then.
func (j *joiner) loadsSlot(p *spot) bool {
	return p.kind() == arch.TLSDescPage || p.ref.typ.Bits.Shift > 0
}
