package ld

import (
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// tlsModel is how code finds a thread-local variable.
type tlsModel int

const (
	asCompiled  tlsModel = iota
	initialExec          // by an offset from the thread pointer in a GOT slot
	localExec            // by an offset from the thread pointer in the code
)

// tlsCode knows the instructions of thread-local accesses.
type tlsCode interface {
	// threadOffset returns where the start of an executable's TLS segment is, from the thread pointer.
	threadOffset(seg *elfobj.Segment) int64
	// relaxTLS rewrites the instructions around a reference of a kind for another model, as a linker does. ok is false where
	// they are none that it knows or none of the same length would do; then, and for asCompiled, nothing is changed.
	relaxTLS(k arch.RelocKind, to tlsModel, s site) (r relaxed, ok bool)
	// putThreadOffset makes a part of an access by a slot a part of one by a constant. ok is false where nothing is changed.
	putThreadOffset(k arch.RelocKind, s site, offset int64) (ok bool)
	// displace has the part of an access that finds a variable find what is so many bytes behind it, by the instruction that is left free
	// for that. ok is false where nothing is changed.
	displace(k arch.RelocKind, s site, distance int64) (ok bool)
	// resolver returns the code of a descriptor's resolver which adds the third word of the descriptor to what the descriptor that its
	// second word leads to stands for; nil if descriptors are not made.
	resolver() []byte
}

// relaxed is where the fields of a sequence are after it was rewritten, in bytes from the field that it was found by.
type relaxed struct {
	field uint64 // of the offset from the thread pointer, or of the distance to the slot that holds it
	gone  uint64 // that of the call that is no more; 0 if there was none
}

// tlsReducer is the reducer of references to thread-local variables.
type tlsReducer struct {
	*output
	slots *slots
}

// tlsVariable is a thread-local variable as the new code may reach it.
type tlsVariable struct {
	name   versioned
	offset int64 // in the original's TLS block
	tpoff  int64 // from the thread pointer
	fixed  bool  // the variable is in the executable, so that tpoff is known
	byName bool  // the dynamic linker looks it up
}

func (t *tlsReducer) variable(b binding) tlsVariable {
	v := tlsVariable{name: t.slots.named(b), byName: b.kind != bindTLS || b.own}
	if seg := t.bin.TLS(); seg != nil && b.kind == bindTLS {
		v.offset = int64(b.addr - seg.Vaddr)
		v.tpoff = v.offset + t.bin.machine.threadOffset(seg)
		v.fixed = !t.bin.kind.shared && !b.own
	}
	return v
}

// reduce handles the four TLS models. In an executable everything about its own variables is a constant, as the linker
// would make it; otherwise the original's own GOT slots are used (ELF Handling For Thread-Local Storage 0.21, and the
// psABI 1.0 for TLSDESC).
func (t *tlsReducer) reduce(p *spot, d dest) error {
	v := t.variable(d.b)
	if d.known {
		return t.unsupported(p)
	}
	switch p.kind() {
	case arch.TLSLocalExec:
		if !v.fixed {
			return noTLSModel(p)
		}
		return t.store(p, p.ref.typ, uint64(v.tpoff+p.addend()))
	case arch.TLSInitialExecPage, arch.TLSInitialExecOffset, arch.TLSDescPage, arch.TLSDescOffset:
		return t.inParts(p, v)
	case arch.TLSGeneralDynamicPage, arch.TLSGeneralDynamicOffset:
		return t.pairInParts(p, v)
	case arch.TLSDescMark:
		return nil
	case arch.TLSBlockOffset32:
		return t.dtpoff(p, v)
	case arch.TLSInitialExec:
		return t.initialExec(p, v)
	case arch.TLSGeneralDynamic:
		return t.generalDynamic(p, v)
	case arch.TLSLocalDynamic:
		return t.localDynamic(p)
	case arch.TLSDescLoad:
		return t.descriptor(p, v)
	case arch.TLSDescCall:
		return t.descriptorCall(p, v)
	}
	return t.unsupported(p)
}

func noTLSModel(p *spot) error {
	return fault.Refuse(fault.TLSModel, "", "%v against %q, which has no fixed place in this binary", p.ref.typ, p.ref.sym.Name)
}

func noTLSSlot(p *spot) error {
	return fault.Refuse(fault.NewTLSSlot, "", "thread-local %q: the original has no GOT slot for %v", p.ref.sym.Name, p.ref.typ)
}

// throughSlot points a field at the original's slot.
func (t *tlsReducer) throughSlot(p *spot, v tlsVariable, k arch.RelocKind) error {
	slot, found := t.slots.tlsSlot(v, k)
	if !found {
		return noTLSSlot(p)
	}
	return t.toOriginal(p, arch.PC32, slot)
}

// dtpoff is an offset from what a local-dynamic sequence found: the block, or in an executable the thread pointer.
func (t *tlsReducer) dtpoff(p *spot, v tlsVariable) error {
	switch {
	case p.out != outText || v.byName:
		return t.unsupported(p)
	case v.fixed:
		return t.put32(p, v.tpoff+p.addend())
	}
	return t.put32(p, v.offset+p.addend())
}

// initialExec loads or adds an offset from the GOT. In an executable it becomes a constant in the code where an instruction of
// the same length does it, just as the linker does it.
func (t *tlsReducer) initialExec(p *spot, v tlsVariable) error {
	if !v.fixed {
		return t.throughSlot(p, v, arch.TLSOffset)
	}
	if _, ok := t.bin.machine.relaxTLS(p.kind(), localExec, t.site(p)); !ok {
		return t.throughPrivateSlot(p, gotKey{constant: true, value: uint64(v.tpoff)})
	}
	return t.put32(p, v.tpoff)
}

// generalDynamic: a call of __tls_get_addr with a pair of slots. In an executable the offset from the thread pointer, for a
// variable of a library from a slot that the original has.
func (t *tlsReducer) generalDynamic(p *spot, v tlsVariable) error {
	if t.bin.kind.shared {
		return t.throughSlot(p, v, arch.TLSModule)
	}
	slot, found := t.slots.tlsSlot(v, arch.TLSOffset)
	model := asCompiled
	switch {
	case v.fixed:
		model = localExec
	case found:
		model = initialExec
	}
	r, ok := t.bin.machine.relaxTLS(p.kind(), model, t.site(p))
	if !ok {
		return t.unsupported(p)
	}
	if model == asCompiled {
		return t.throughSlot(p, v, arch.TLSModule)
	}
	t.done[field{p.out, p.at + r.gone}] = true
	at := spot{ref: p.ref, out: p.out, at: p.at + r.field}
	if model == localExec {
		return t.put32(&at, v.tpoff)
	}
	return t.toOriginal(&at, arch.PC32, slot)
}

// localDynamic: a call of __tls_get_addr for the start of a module's block. In an executable the thread pointer.
func (t *tlsReducer) localDynamic(p *spot) error {
	if t.bin.kind.shared {
		return t.throughSlot(p, tlsVariable{}, arch.TLSModule)
	}
	r, ok := t.bin.machine.relaxTLS(p.kind(), localExec, t.site(p))
	if !ok {
		return t.unsupported(p)
	}
	t.done[field{p.out, p.at + r.gone}] = true
	return nil
}

// descriptor: the address of a descriptor, in an executable the offset from the thread pointer.
func (t *tlsReducer) descriptor(p *spot, v tlsVariable) error {
	model, slot := t.descriptorModel(v)
	if model == asCompiled {
		return t.throughSlot(p, v, arch.TLSDesc)
	}
	if _, ok := t.bin.machine.relaxTLS(p.kind(), model, t.site(p)); !ok {
		return t.unsupported(p)
	}
	if model == localExec {
		return t.put32(p, v.tpoff)
	}
	return t.toOriginal(p, arch.PC32, slot)
}

// descriptorModel returns the model that takes the place of a descriptor, with the slot of initialExec.
func (t *tlsReducer) descriptorModel(v tlsVariable) (model tlsModel, slot uint64) {
	switch {
	case v.fixed:
		return localExec, 0
	case t.bin.kind.shared:
		return asCompiled, 0
	}
	if slot, found := t.slots.tlsSlot(v, arch.TLSOffset); found {
		return initialExec, slot
	}
	return asCompiled, 0
}

// descriptorCall: the call through a descriptor, in an executable nothing.
func (t *tlsReducer) descriptorCall(p *spot, v tlsVariable) error {
	model, _ := t.descriptorModel(v)
	if model == asCompiled {
		if !t.hasDescriptor(v) {
			return noTLSSlot(p)
		}
		return nil
	}
	if _, ok := t.bin.machine.relaxTLS(p.kind(), model, t.site(p)); !ok {
		return t.unsupported(p)
	}
	return nil
}
