package ld

import (
	"encoding/binary"

	"gocare/internal/arch"
)

// This file reaches thread-local variables that the original has no slot or descriptor of, by one that it has of another variable: within the block
// of a module their distance is known. gcc's section anchors leave such.
//
// What a slot leads to is displaced by an instruction behind. The patch's own descriptor is three words: the address of a resolver in the patch, that of the original's descriptor, and the distance.

const descriptorWords = 3

// neighbour returns the original's slot of a kind of the variable of its own that is closest to one, and how far behind that it is.
func (t *tlsReducer) neighbour(v tlsVariable, kind arch.RelocKind) (slot uint64, distance int64, ok bool) {
	if v.byName || !t.bin.kind.shared || t.bin.machine.resolver() == nil {
		return 0, 0, false
	}
	for k, list := range t.slots.tls {
		if k.kind != kind || k.name != (versioned{}) || len(list) == 0 {
			continue
		}
		d := v.offset - int64(k.offset)
		if closer := max(d, -d) - max(distance, -distance); !ok || closer < 0 || closer == 0 && list[0] < slot {
			slot, distance, ok = list[0], d, true
		}
	}
	return slot, distance, ok
}

// toSlotOf writes a part of the address of the original's slot of a variable, or else of its neighbour's.
func (t *tlsReducer) toSlotOf(p *spot, v tlsVariable, kind arch.RelocKind) error {
	k, _ := partsOf(p.kind())
	slot, found := t.slots.tlsSlot(v, kind)
	if !found {
		var distance int64
		slot, distance, found = t.neighbour(v, kind)
		if !found || k == arch.PageOffset && !t.bin.machine.displace(p.kind(), t.site(p), distance) {
			return noTLSSlot(p)
		}
	}
	return t.toSlot(p, k, slot)
}

// hasDescriptor reports whether a variable can be reached by a descriptor.
func (t *tlsReducer) hasDescriptor(v tlsVariable) bool {
	_, found := t.slots.tlsSlot(v, arch.TLSDesc)
	if !found {
		_, _, found = t.neighbour(v, arch.TLSDesc)
	}
	return found
}

// toDescriptor writes a part of the address of a descriptor: of the original's, or of one of the patch's own.
func (t *tlsReducer) toDescriptor(p *spot, k arch.RelocKind, v tlsVariable) error {
	if slot, found := t.slots.tlsSlot(v, arch.TLSDesc); found {
		return t.toSlot(p, k, slot)
	}
	slot, distance, found := t.neighbour(v, arch.TLSDesc)
	if !found {
		return noTLSSlot(p)
	}
	own, found := t.descriptors[v.offset]
	if !found {
		own = t.newDescriptor(slot, distance)
		t.descriptors[v.offset] = own
	}
	return t.toPart(p, k, Target{InPatch, outData, own}, 0)
}

// newDescriptor makes a descriptor of the patch's own.
func (t *tlsReducer) newDescriptor(slot uint64, distance int64) uint64 {
	data := &t.sections[outData]
	data.Align = max(data.Align, 8)
	data.Data = append(data.Data, make([]byte, -uint64(len(data.Data))%8)...)
	at := uint64(len(data.Data))
	data.Data = append(data.Data, make([]byte, 8*(descriptorWords-1))...)
	data.Data = binary.LittleEndian.AppendUint64(data.Data, uint64(distance))
	original, _ := t.bin.locate(slot) // the dynamic linker writes to it
	for i, target := range []Target{{InPatch, outText, t.resolverCode()}, original} {
		reloc := JoinedReloc{at + 8*uint64(i), t.bin.target.RelocOf(arch.Abs64), target, 0}
		t.pending = append(t.pending, pendingReloc{out: outData, reloc: reloc})
	}
	return at
}

// resolverCode returns where the resolver of the patch's own descriptors is, behind the new code.
func (t *tlsReducer) resolverCode() uint64 {
	if len(t.descriptors) == 0 {
		text, code := &t.sections[outText], t.bin.machine.resolver()
		text.Data = append(text.Data, make([]byte, -uint64(len(text.Data))%16)...)
		t.resolver = uint64(len(text.Data))
		text.Align = max(text.Align, 16)
		text.Data = append(text.Data, code...)
	}
	return t.resolver
}
