package ld

import (
	"encoding/binary"

	"gocare/internal/arch"
)

// This file reaches thread-local variables that the original has no descriptor of, by one that it has of another variable: within the block of a
// module their distance is known. gcc's section anchors leave such.
//
// The patch's own descriptor is three words: the address of a resolver in the patch, that of the original's descriptor, and the distance.

const descriptorWords = 3

// neighbour returns the original's descriptor of the variable of its own that is closest to one, and how far behind that it is.
func (t *tlsReducer) neighbour(v tlsVariable) (slot uint64, distance int64, ok bool) {
	if v.byName || !t.bin.kind.shared || t.bin.machine.resolver() == nil {
		return 0, 0, false
	}
	for k, list := range t.slots.tls {
		if k.kind != arch.TLSDesc || k.name != (versioned{}) || len(list) == 0 {
			continue
		}
		d := v.offset - int64(k.offset)
		if closer := max(d, -d) - max(distance, -distance); !ok || closer < 0 || closer == 0 && list[0] < slot {
			slot, distance, ok = list[0], d, true
		}
	}
	return slot, distance, ok
}

// hasDescriptor reports whether a variable can be reached by a descriptor.
func (t *tlsReducer) hasDescriptor(v tlsVariable) bool {
	_, found := t.slots.tlsSlot(v, arch.TLSDesc)
	if !found {
		_, _, found = t.neighbour(v)
	}
	return found
}

// toDescriptor writes a part of the address of a descriptor: of the original's, or of one of the patch's own.
func (t *tlsReducer) toDescriptor(p *spot, k arch.RelocKind, v tlsVariable) error {
	if slot, found := t.slots.tlsSlot(v, arch.TLSDesc); found {
		return t.toSlot(p, k, slot)
	}
	slot, distance, found := t.neighbour(v)
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
