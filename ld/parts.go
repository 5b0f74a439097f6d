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
	case arch.GOTPage, arch.TLSInitialExecPage, arch.TLSDescPage, arch.TLSGeneralDynamicPage:
		return arch.PagePC, true
	case arch.GOTPageOffset, arch.TLSInitialExecOffset, arch.TLSDescOffset, arch.TLSGeneralDynamicOffset:
		return arch.PageOffset, true
	}
	return k, false
}

// toPart writes a part of an address.
func (o *output) toPart(p *spot, k arch.RelocKind, target Target, addend int64) error {
	switch {
	case k == arch.PageOffset && target.Kind == InOriginal:
		return o.store(p, p.ref.typ, o.bin.sections[target.Index].Addr+target.Offset+uint64(addend))
	case k == arch.PageOffset:
		t := p.ref.typ
		t.Kind = k
		o.pending = append(o.pending, pendingReloc{out: p.out, reloc: JoinedReloc{p.at, t, target, addend}})
		return nil
	}
	return o.emit(p, k, target, addend)
}

// toSlot writes a part of the address of a slot in the original.
func (o *output) toSlot(p *spot, k arch.RelocKind, slot uint64) error {
	target, found := o.bin.locate(slot)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", slot)
	}
	return o.toPart(p, k, target, 0)
}

// toPrivateSlot writes a part of the address of a slot of the patch's own.
func (o *output) toPrivateSlot(p *spot, k arch.RelocKind, key gotKey) error {
	slot, found := o.got[key]
	if !found {
		slot = o.newSlot(key)
	}
	return o.toPart(p, k, Target{InPatch, outData, slot}, 0)
}

// importInParts handles what is found at run time: in a slot that the original has for it, else in one of the patch's own.
func (r *reducer) importInParts(p *spot, k arch.RelocKind, b binding) error {
	if slot, found := r.slots.load(b, r.bin.kind.bindNow); found {
		return r.toSlot(p, k, slot)
	}
	key := gotKey{imported: versioned{b.name, b.version}}
	if at, known := r.got[key]; known {
		return r.toPart(p, k, Target{InPatch, outData, at}, 0)
	}
	at := r.newSlot(key)
	field := spot{ref: p.ref, out: outData, at: at}
	var err error
	if importType(b, false) == elf.STT_FUNC {
		err = r.emitImport(&field, arch.Abs64, b, elf.STT_FUNC, 0)
	} else {
		err = r.emitImport(&field, arch.GlobDat, b, elf.STT_OBJECT, 0)
	}
	if err != nil {
		return err
	}
	return r.toPart(p, k, Target{InPatch, outData, at}, 0)
}

// direct handles a part of an address that is not known: that of an imported function may be a place in the original.
func (r *reducer) directPart(p *spot, b binding) error {
	addr, found := r.names.canonical(b)
	if !found {
		return direct(b)
	}
	target, found := r.bin.locate(addr)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", addr)
	}
	return r.toPart(p, p.kind(), target, p.addend())
}

// branchKind is the kind of a relocation of a call or jump in a patch.
func (p *spot) branchKind() arch.RelocKind {
	if p.ref.typ.InPatch {
		return p.kind()
	}
	return arch.PC32
}

// inParts handles accesses of thread-local variables by slots whose addresses are in parts. In an executable what they hold of its own
// variables is a constant.
func (t *tlsReducer) inParts(p *spot, v tlsVariable) error {
	k, _ := partsOf(p.kind())
	if !v.fixed && p.addend() != 0 { // a slot is the start of a variable
		return t.unsupported(p)
	}
	descriptor := false
	if p.kind() == arch.TLSDescPage || p.kind() == arch.TLSDescOffset {
		model, slot := t.descriptorModel(v)
		if model == initialExec {
			if _, ok := t.bin.machine.relaxTLS(p.kind(), model, t.site(p)); !ok {
				return t.unsupported(p)
			}
			if !loadsSlot(p) {
				return nil
			}
			return t.toSlot(p, k, slot)
		}
		descriptor = true
	}
	if v.fixed {
		if !t.bin.machine.putThreadOffset(p.kind(), t.site(p), v.tpoff+p.addend()) {
			return t.unsupported(p)
		}
		return nil
	}
	if descriptor {
		return t.toDescriptor(p, k, v)
	}
	return t.toSlotOf(p, v, arch.TLSOffset)
}

// pairInParts handles the pair of slots that __tls_get_addr is called with (-mtls-dialect=trad), as a library has it.
func (t *tlsReducer) pairInParts(p *spot, v tlsVariable) error {
	if !t.bin.kind.shared || p.addend() != 0 {
		return t.unsupported(p)
	}
	return t.toSlotOf(p, v, arch.TLSModule)
}

// loadsSlot reports whether the second part of a relaxed descriptor is the load, and not what is nothing then.
func loadsSlot(p *spot) bool {
	return p.kind() == arch.TLSDescPage || p.ref.typ.Bits.Shift > 0
}
