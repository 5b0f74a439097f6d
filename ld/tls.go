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
}

// relaxed is where the fields of a sequence are after it was rewritten, in bytes from the field that it was found by.
type relaxed struct {
	field uint64 // of the offset from the thread pointer, or of the distance to the slot that holds it
	gone  uint64 // that of the call that is no more; 0 if there was none
}

// tlsVariable is a thread-local variable as the new code may reach it.
type tlsVariable struct {
	name   versioned
	offset int64 // in the original's TLS block
	tpoff  int64 // from the thread pointer
	fixed  bool  // the variable is in the executable, so that tpoff is known
	byName bool  // the dynamic linker looks it up
}

func (j *joiner) tlsVariable(b binding) tlsVariable {
	v := tlsVariable{name: j.slots.named(b), byName: b.kind != bindTLS || b.own}
	if seg := j.bin.TLS(); seg != nil && b.kind == bindTLS {
		v.offset = int64(b.addr - seg.Vaddr)
		v.tpoff = v.offset + j.bin.machine.threadOffset(seg)
		v.fixed = !j.bin.kind.shared && !b.own
	}
	return v
}

// tlsSlot finds a GOT slot of the original for a thread-local variable.
func (j *joiner) tlsSlot(v tlsVariable, k arch.RelocKind) (uint64, bool) {
	keys := []tlsKey{{k, v.name, 0}}
	if !v.byName {
		keys = append(keys, tlsKey{k, versioned{}, uint64(v.offset)})
	}
	for _, k := range keys {
		if list := j.slots.tls[k]; len(list) > 0 {
			return list[0], true
		}
	}
	return 0, false
}

// reduceTLS handles the four TLS models. In an executable everything about its own variables is a constant, as the linker
// would make it; otherwise the original's own GOT slots are used (ELF Handling For Thread-Local Storage 0.21, and the
// psABI 1.0 for TLSDESC).
func (j *joiner) reduceTLS(p *spot, d dest) error {
	v := j.tlsVariable(d.b)
	if d.known {
		return j.unsupported(p)
	}
	switch p.kind() {
	case arch.TLSLocalExec:
		if !v.fixed {
			return j.tlsModel(p)
		}
		return j.store(p, p.ref.typ, uint64(v.tpoff+p.addend()))
	case arch.TLSInitialExecPage, arch.TLSInitialExecOffset, arch.TLSDescPage, arch.TLSDescOffset:
		return j.tlsInParts(p, v)
	case arch.TLSDescMark:
		return nil
	case arch.TLSBlockOffset32:
		return j.dtpoff(p, v)
	case arch.TLSInitialExec:
		return j.initialExec(p, v)
	case arch.TLSGeneralDynamic:
		return j.generalDynamic(p, v)
	case arch.TLSLocalDynamic:
		return j.localDynamic(p)
	case arch.TLSDescLoad:
		return j.descriptor(p, v)
	case arch.TLSDescCall:
		return j.descriptorCall(p, v)
	}
	return j.unsupported(p)
}

func (j *joiner) tlsModel(p *spot) error {
	return fault.Refuse(fault.TLSModel, "", "%v against %q, which has no fixed place in this binary", p.ref.typ, p.ref.sym.Name)
}

func (j *joiner) noTLSSlot(p *spot) error {
	return fault.Refuse(fault.NewTLSSlot, "", "thread-local %q: the original has no GOT slot for %v", p.ref.sym.Name, p.ref.typ)
}

// throughTLSSlot points a field at the original's slot.
func (j *joiner) throughTLSSlot(p *spot, v tlsVariable, k arch.RelocKind) error {
	slot, found := j.tlsSlot(v, k)
	if !found {
		return j.noTLSSlot(p)
	}
	return j.toOriginal(p, arch.PC32, slot)
}

// dtpoff is an offset from what a local-dynamic sequence found: the block, or in an executable the thread pointer.
func (j *joiner) dtpoff(p *spot, v tlsVariable) error {
	switch {
	case p.out != outText || v.byName:
		return j.unsupported(p)
	case v.fixed:
		return j.put32(p, v.tpoff+p.addend())
	}
	return j.put32(p, v.offset+p.addend())
}

// initialExec loads or adds an offset from the GOT. In an executable it becomes a constant in the code where an instruction of
// the same length does it, just as the linker does it.
func (j *joiner) initialExec(p *spot, v tlsVariable) error {
	if !v.fixed {
		return j.throughTLSSlot(p, v, arch.TLSOffset)
	}
	if _, ok := j.bin.machine.relaxTLS(p.kind(), localExec, j.site(p)); !ok {
		return j.throughPrivateSlot(p, gotKey{constant: true, value: uint64(v.tpoff)})
	}
	return j.put32(p, v.tpoff)
}

// generalDynamic: a call of __tls_get_addr with a pair of slots. In an executable the offset from the thread pointer, for a
// variable of a library from a slot that the original has.
func (j *joiner) generalDynamic(p *spot, v tlsVariable) error {
	if j.bin.kind.shared {
		return j.throughTLSSlot(p, v, arch.TLSModule)
	}
	slot, found := j.tlsSlot(v, arch.TLSOffset)
	model := asCompiled
	switch {
	case v.fixed:
		model = localExec
	case found:
		model = initialExec
	}
	r, ok := j.bin.machine.relaxTLS(p.kind(), model, j.site(p))
	if !ok {
		return j.unsupported(p)
	}
	if model == asCompiled {
		return j.throughTLSSlot(p, v, arch.TLSModule)
	}
	j.done[field{p.out, p.at + r.gone}] = true
	at := spot{ref: p.ref, out: p.out, at: p.at + r.field}
	if model == localExec {
		return j.put32(&at, v.tpoff)
	}
	return j.toOriginal(&at, arch.PC32, slot)
}

// localDynamic: a call of __tls_get_addr for the start of a module's block. In an executable the thread pointer.
func (j *joiner) localDynamic(p *spot) error {
	if j.bin.kind.shared {
		return j.throughTLSSlot(p, tlsVariable{}, arch.TLSModule)
	}
	r, ok := j.bin.machine.relaxTLS(p.kind(), localExec, j.site(p))
	if !ok {
		return j.unsupported(p)
	}
	j.done[field{p.out, p.at + r.gone}] = true
	return nil
}

// descriptor: the address of a descriptor, in an executable the offset from the thread pointer.
func (j *joiner) descriptor(p *spot, v tlsVariable) error {
	model, slot := j.descriptorModel(v)
	if model == asCompiled {
		return j.throughTLSSlot(p, v, arch.TLSDesc)
	}
	if _, ok := j.bin.machine.relaxTLS(p.kind(), model, j.site(p)); !ok {
		return j.unsupported(p)
	}
	if model == localExec {
		return j.put32(p, v.tpoff)
	}
	return j.toOriginal(p, arch.PC32, slot)
}

// descriptorModel returns the model that takes the place of a descriptor, with the slot of initialExec.
func (j *joiner) descriptorModel(v tlsVariable) (model tlsModel, slot uint64) {
	switch {
	case v.fixed:
		return localExec, 0
	case j.bin.kind.shared:
		return asCompiled, 0
	}
	if slot, found := j.tlsSlot(v, arch.TLSOffset); found {
		return initialExec, slot
	}
	return asCompiled, 0
}

// descriptorCall: the call through a descriptor, in an executable nothing.
func (j *joiner) descriptorCall(p *spot, v tlsVariable) error {
	model, _ := j.descriptorModel(v)
	if model == asCompiled {
		if _, found := j.tlsSlot(v, arch.TLSDesc); !found {
			return j.noTLSSlot(p)
		}
		return nil
	}
	if _, ok := j.bin.machine.relaxTLS(p.kind(), model, j.site(p)); !ok {
		return j.unsupported(p)
	}
	return nil
}
