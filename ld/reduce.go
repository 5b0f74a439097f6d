package ld

import (
	"debug/elf"
	"math"

	"gocare/internal/arch"
	"gocare/internal/fault"
)

// accesses knows the instructions that references stand in. What changes one leaves alone what it does not know, and says so.
type accesses interface {
	// branches reports whether a reference is the target of a direct call or jump.
	branches(s site) bool
	// trapBranch puts an instruction that ends the process in the place of a direct call or jump.
	trapBranch(s site)
	// branchesThrough reports whether an indirect call or jump goes through the slot that a reference leads to.
	branchesThrough(s site) bool
	// relaxGOT turns an access through the GOT into a direct one; moved is where its field is then, from where it was.
	relaxGOT(s site) (moved int64, ok bool)
	// loadInstead turns an instruction that computes an address into one that loads what is there.
	loadInstead(s site) bool
}

// site is the field of a reference and the code around it.
type site struct {
	code   []byte // the section; nil of data
	at     uint64 // offset of the field
	addend int64
}

// from returns the code from n bytes before the field on, or nil where there is none: in data and at the start of code.
func (s site) from(n uint64) []byte {
	if s.code == nil || s.at < n {
		return nil
	}
	return s.code[s.at-n:]
}

// spot is the field of a reference in its output.
type spot struct {
	ref *reference
	out int
	at  uint64 // offset in the output
}

// dest is what a reference means: a known place, or by its binding a thread-local variable or an import.
type dest struct {
	known  bool
	target Target
	b      binding
}

// reducer writes references in the terms of the format.
type reducer struct {
	*output
	names *scope
	slots *slots
	tls   *tlsReducer
}

// reduce writes a reference as constants and relocations of the five types that a patch may hold.
func (r *reducer) reduce(p *spot, d dest) error {
	switch {
	case p.kind().TLS():
		return r.tls.reduce(p, d)
	case d.b.kind == bindTLS:
		return r.unsupported(p)
	case d.known:
		return r.reduceKnown(p, d.target)
	case d.b.absent:
		return r.reduceAbsent(p, d.b)
	case d.b.kind == bindNumber:
		return r.reduceNumber(p, d.b)
	}
	return r.reduceImport(p, d.b)
}

func (p *spot) kind() arch.RelocKind { return p.ref.typ.Kind }

func (p *spot) addend() int64 { return p.ref.rela.Addend }

// reduceKnown handles references to addresses in the patch and in the original.
func (r *reducer) reduceKnown(p *spot, target Target) error {
	switch k := p.kind(); k {
	case arch.None:
		return nil
	case arch.Abs64:
		return r.emit(p, k, target, p.addend())
	case arch.Abs32, arch.Abs32S:
		if !r.bin.kind.fixed {
			return fault.Refuse(fault.AbsoluteReference, "", "%v against %q in a position independent binary", p.ref.typ, p.ref.sym.Name)
		}
		return r.emit(p, k, target, p.addend())
	case arch.PC32, arch.PC64:
		return r.emit(p, k, target, p.addend())
	case arch.Call, arch.Jump:
		return r.emit(p, p.branchKind(), target, p.addend())
	case arch.PagePC, arch.PageOffset:
		return r.toPart(p, k, target, p.addend())
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(k)
		return r.toPrivateSlot(p, direct, gotKey{target: target})
	case arch.GOTLoad:
		return r.throughPrivateSlot(p, gotKey{target: target})
	case arch.GOTLoadRelax:
		if r.relaxGOT(p) {
			return r.emit(p, arch.PC32, target, p.addend())
		}
		return r.throughPrivateSlot(p, gotKey{target: target})
	}
	return r.unsupported(p)
}

// reduceIFUNC handles an IFUNC of the original. A load from the GOT goes to the slot that the original loads from, so that
// pointers compare equal; everything else means the PLT entry.
func (r *reducer) reduceIFUNC(p *spot, b binding) error {
	switch p.kind() {
	case arch.GOTLoad, arch.GOTLoadRelax:
		if b.slot != 0 {
			return r.toOriginal(p, arch.PC32, b.slot)
		}
	case arch.GOTPage, arch.GOTPageOffset:
		if direct, _ := partsOf(p.kind()); b.slot != 0 {
			return r.toSlot(p, direct, b.slot)
		}
	}
	target, found := r.bin.locate(b.addr)
	if b.addr == 0 || !found {
		return fault.Refuse(fault.IfuncWithoutStub, "", "indirect function %q has no PLT entry in the original", b.name).
			WithHint("compile the patched unit with the options of the original")
	}
	return r.reduceKnown(p, target)
}

// relaxGOT turns an access through the GOT into a direct one where an instruction of the same length does it.
func (r *reducer) relaxGOT(p *spot) bool {
	moved, ok := r.bin.machine.relaxGOT(r.site(p))
	p.at += uint64(moved)
	return ok
}

// reduceAbsent handles weak symbols that nothing defines: their address is 0.
func (r *reducer) reduceAbsent(p *spot, b binding) error {
	if s := r.site(p); (p.kind() == arch.Call || p.kind() == arch.Jump) && r.bin.machine.branches(s) {
		r.bin.machine.trapBranch(s) // guarded by a test of the address, and as fatal as a call of 0
		return nil
	}
	if done, err := r.constant(p, 0); done {
		return err
	}
	return fault.Refuse(fault.WeakUndefined, "", "weak symbol %q is defined nowhere", b.name)
}

// reduceNumber handles symbols that are no places.
func (r *reducer) reduceNumber(p *spot, b binding) error {
	if done, err := r.constant(p, b.addr); done {
		return err
	}
	return fault.Refuse(fault.AbsoluteSymbol, "", "%q is the number 0x%x, no place in a section", b.name, b.addr)
}

// constant stores a value where a symbol's address is meant; done says that the field can hold one.
func (r *reducer) constant(p *spot, value uint64) (done bool, err error) {
	sum := value + uint64(p.addend())
	switch p.kind() {
	case arch.GOTLoad, arch.GOTLoadRelax:
		return true, r.throughPrivateSlot(p, gotKey{constant: true, value: value})
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(p.kind())
		return true, r.toPrivateSlot(p, direct, gotKey{constant: true, value: value})
	case arch.Abs64:
		return true, r.put64(p, sum)
	case arch.Abs32:
		if sum > math.MaxUint32 {
			return true, fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", sum, p.ref.typ, p.at)
		}
		return true, r.put32(p, int64(int32(sum)))
	case arch.Abs32S:
		return true, r.put32(p, int64(sum))
	}
	return false, nil
}

// reduceImport handles what is found at run time: through the PLT entry or GOT slot that the original has for it, which
// keeps version, interposition and laziness as they are, else as an import of the patch.
func (r *reducer) reduceImport(p *spot, b binding) error {
	switch k := p.kind(); k {
	case arch.None:
		return nil
	case arch.Call, arch.Jump:
		return r.branchToImport(p, b)
	case arch.PagePC, arch.PageOffset:
		return r.directPart(p, b)
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(k)
		return r.importInParts(p, direct, b)
	case arch.PC32:
		return r.directImport(p, b)
	case arch.GOTLoad, arch.GOTLoadRelax:
		return r.importThroughGOT(p, b, r.calls(p))
	case arch.Abs32, arch.Abs32S:
		if addr, found := r.names.canonical(b); found && r.bin.kind.fixed {
			return r.toOriginal(p, k, addr)
		}
		return direct(b)
	case arch.Abs64:
		if addr, found := r.names.canonical(b); found {
			return r.toOriginal(p, k, addr)
		}
		if (b.typ == elf.STT_FUNC || b.typ == elf.STT_GNU_IFUNC) && p.addend() == 0 {
			return r.emitImport(p, k, b, elf.STT_FUNC, 0)
		}
		return r.emitImport(p, arch.GlobDat, b, elf.STT_OBJECT, p.addend())
	}
	return r.unsupported(p)
}

func direct(b binding) error {
	return fault.Refuse(fault.DirectImport, "", "direct access to %q, which is in another object", b.name)
}

func (r *reducer) branchToImport(p *spot, b binding) error {
	if stub, found := r.slots.stub(b); found {
		return r.toOriginal(p, p.branchKind(), stub)
	}
	return r.emitImport(p, p.branchKind(), b, elf.STT_FUNC, p.addend())
}

// directImport handles PC32, which assemblers before binutils 2.31 write for calls too, and which compilers write where
// they expect a copy relocation. What computes the address can load it from a GOT slot instead.
func (r *reducer) directImport(p *spot, b binding) error {
	if addr, found := r.names.canonical(b); found {
		return r.toOriginal(p, arch.PC32, addr)
	}
	if r.bin.machine.branches(r.site(p)) {
		return r.branchToImport(p, b)
	}
	if r.bin.machine.loadInstead(r.site(p)) {
		return r.importThroughGOT(p, b, false)
	}
	return direct(b)
}

// calls reports whether an access through the GOT is an indirect call or jump, for which an unbound slot will do.
func (r *reducer) calls(p *spot) bool {
	return p.kind() != arch.GOTLoad && r.bin.machine.branchesThrough(r.site(p))
}

func (r *reducer) importThroughGOT(p *spot, b binding, calls bool) error {
	if slot, found := r.slots.load(b, calls || r.bin.kind.bindNow); found {
		return r.toOriginal(p, arch.PC32, slot)
	}
	// In the loader's jump table the import's address is behind the stub: with that much added PC32 leads to a GOT slot.
	return r.emitImport(p, arch.PC32, b, importType(b, calls), p.addend()+int64(len(r.bin.target.Stub)))
}

func importType(b binding, calls bool) elf.SymType {
	if calls || b.typ == elf.STT_FUNC || b.typ == elf.STT_GNU_IFUNC {
		return elf.STT_FUNC
	}
	return elf.STT_OBJECT
}
