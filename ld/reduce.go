package ld

import (
	"debug/elf"
	"encoding/binary"
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

// reduce writes a reference as constants and relocations of the five types that a patch may hold.
func (j *joiner) reduce(p *spot, d dest) error {
	switch {
	case p.kind().TLS():
		return j.reduceTLS(p, d)
	case d.b.kind == bindTLS:
		return j.unsupported(p)
	case d.known:
		return j.reduceKnown(p, d.target)
	case d.b.absent:
		return j.reduceAbsent(p, d.b)
	case d.b.kind == bindNumber:
		return j.reduceNumber(p, d.b)
	}
	return j.reduceImport(p, d.b)
}

func (p *spot) kind() arch.RelocKind { return p.ref.typ.Kind }

func (p *spot) addend() int64 { return p.ref.rela.Addend }

func (j *joiner) site(p *spot) site {
	s := site{at: p.at, addend: p.addend()}
	if p.out == outText {
		s.code = j.out[p.out].Data
	}
	return s
}

// emit records a relocation at a spot.
func (j *joiner) emit(p *spot, k arch.RelocKind, target Target, addend int64) error {
	if k == arch.PC32 && target.Kind == InPatch && target.Index == p.out {
		return j.put32(p, int64(target.Offset)+addend-int64(p.at))
	}
	j.pending = append(j.pending, pendingReloc{out: p.out, reloc: JoinedReloc{p.at, j.bin.target.RelocOf(k), target, addend}})
	return nil
}

// emitImport records a relocation against an import.
func (j *joiner) emitImport(p *spot, k arch.RelocKind, b binding, typ elf.SymType, addend int64) error {
	i := j.imports[versioned{b.name, b.version}]
	if i == nil {
		i = &Import{Name: b.name, Version: b.version, Type: typ}
		j.imports[versioned{b.name, b.version}] = i
	}
	if typ == elf.STT_FUNC {
		i.Type = typ
	}
	j.pending = append(j.pending, pendingReloc{p.out, JoinedReloc{p.at, j.bin.target.RelocOf(k), Target{Kind: Imported}, addend}, versioned{b.name, b.version}})
	return nil
}

// put32 stores a constant in a field.
func (j *joiner) put32(p *spot, v int64) error {
	if v < math.MinInt32 || v > math.MaxInt32 {
		return fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", v, p.ref.typ, p.at)
	}
	b := j.out[p.out].Data
	if p.at+4 > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, j.out[p.out].Name)
	}
	binary.LittleEndian.PutUint32(b[p.at:], uint32(v))
	return nil
}

func (j *joiner) put64(p *spot, v uint64) error {
	b := j.out[p.out].Data
	if p.at+8 > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, j.out[p.out].Name)
	}
	binary.LittleEndian.PutUint64(b[p.at:], v)
	return nil
}

func (j *joiner) unsupported(p *spot) error {
	return fault.Refuse(fault.UnsupportedRelocation, "", "%v against %q at %s+0x%x", p.ref.typ, p.ref.sym.Name, j.out[p.out].Name, p.at)
}

// reduceKnown handles references to addresses in the patch and in the original.
func (j *joiner) reduceKnown(p *spot, target Target) error {
	switch k := p.kind(); k {
	case arch.None:
		return nil
	case arch.Abs64:
		return j.emit(p, k, target, p.addend())
	case arch.Abs32, arch.Abs32S:
		if !j.bin.kind.fixed {
			return fault.Refuse(fault.AbsoluteReference, "", "%v against %q in a position independent binary", p.ref.typ, p.ref.sym.Name)
		}
		return j.emit(p, k, target, p.addend())
	case arch.PC32:
		return j.emit(p, k, target, p.addend())
	case arch.Call, arch.Jump:
		return j.emit(p, p.branchKind(), target, p.addend())
	case arch.PagePC, arch.PageOffset:
		return j.toPart(p, k, target, p.addend())
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(k)
		return j.toPrivateSlot(p, direct, gotKey{target: target})
	case arch.GOTLoad:
		return j.throughPrivateSlot(p, gotKey{target: target})
	case arch.GOTLoadRelax:
		if j.relaxGOT(p) {
			return j.emit(p, arch.PC32, target, p.addend())
		}
		return j.throughPrivateSlot(p, gotKey{target: target})
	}
	return j.unsupported(p)
}

// reduceIFUNC handles an IFUNC of the original. A load from the GOT goes to the slot that the original loads from, so that
// pointers compare equal; everything else means the PLT entry.
func (j *joiner) reduceIFUNC(p *spot, b binding) error {
	switch p.kind() {
	case arch.GOTLoad, arch.GOTLoadRelax:
		if b.slot != 0 {
			return j.toOriginal(p, arch.PC32, b.slot)
		}
	case arch.GOTPage, arch.GOTPageOffset:
		if direct, _ := partsOf(p.kind()); b.slot != 0 {
			return j.toSlot(p, direct, b.slot)
		}
	}
	target, found := j.bin.locate(b.addr)
	if b.addr == 0 || !found {
		return fault.Refuse(fault.IfuncWithoutStub, "", "indirect function %q has no PLT entry in the original", b.name).
			WithHint("compile the patched unit with the options of the original")
	}
	return j.reduceKnown(p, target)
}

// relaxGOT turns an access through the GOT into a direct one where an instruction of the same length does it.
func (j *joiner) relaxGOT(p *spot) bool {
	moved, ok := j.bin.machine.relaxGOT(j.site(p))
	p.at += uint64(moved)
	return ok
}

// throughPrivateSlot makes a GOT slot of the patch's own.
func (j *joiner) throughPrivateSlot(p *spot, k gotKey) error {
	slot, found := j.got[k]
	if !found {
		slot = j.newSlot(k)
	}
	return j.emit(p, arch.PC32, Target{InPatch, outData, slot}, p.addend())
}

func (j *joiner) newSlot(k gotKey) uint64 {
	data := &j.out[outData]
	data.Align = max(data.Align, 8)
	for len(data.Data)%8 != 0 {
		data.Data = append(data.Data, 0)
	}
	slot := uint64(len(data.Data))
	data.Data = binary.LittleEndian.AppendUint64(data.Data, k.value)
	j.got[k] = slot
	if !k.constant && k.imported == (versioned{}) {
		reloc := JoinedReloc{slot, j.bin.target.RelocOf(arch.Abs64), k.target, 0}
		j.pending = append(j.pending, pendingReloc{out: outData, reloc: reloc})
	}
	return slot
}

// reduceAbsent handles weak symbols that nothing defines: their address is 0.
func (j *joiner) reduceAbsent(p *spot, b binding) error {
	if s := j.site(p); (p.kind() == arch.Call || p.kind() == arch.Jump) && j.bin.machine.branches(s) {
		j.bin.machine.trapBranch(s) // guarded by a test of the address, and as fatal as a call of 0
		return nil
	}
	if done, err := j.constant(p, 0); done {
		return err
	}
	return fault.Refuse(fault.WeakUndefined, "", "weak symbol %q is defined nowhere", b.name)
}

// reduceNumber handles symbols that are no places.
func (j *joiner) reduceNumber(p *spot, b binding) error {
	if done, err := j.constant(p, b.addr); done {
		return err
	}
	return fault.Refuse(fault.AbsoluteSymbol, "", "%q is the number 0x%x, no place in a section", b.name, b.addr)
}

// constant stores a value where a symbol's address is meant; done says that the field can hold one.
func (j *joiner) constant(p *spot, value uint64) (done bool, err error) {
	sum := value + uint64(p.addend())
	switch p.kind() {
	case arch.GOTLoad, arch.GOTLoadRelax:
		return true, j.throughPrivateSlot(p, gotKey{constant: true, value: value})
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(p.kind())
		return true, j.toPrivateSlot(p, direct, gotKey{constant: true, value: value})
	case arch.Abs64:
		return true, j.put64(p, sum)
	case arch.Abs32:
		if sum > math.MaxUint32 {
			return true, fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", sum, p.ref.typ, p.at)
		}
		return true, j.put32(p, int64(int32(sum)))
	case arch.Abs32S:
		return true, j.put32(p, int64(sum))
	}
	return false, nil
}

// reduceImport handles what is found at run time: through the PLT entry or GOT slot that the original has for it, which
// keeps version, interposition and laziness as they are, else as an import of the patch.
func (j *joiner) reduceImport(p *spot, b binding) error {
	switch k := p.kind(); k {
	case arch.None:
		return nil
	case arch.Call, arch.Jump:
		return j.branchToImport(p, b)
	case arch.PagePC, arch.PageOffset:
		return j.directPart(p, b)
	case arch.GOTPage, arch.GOTPageOffset:
		direct, _ := partsOf(k)
		return j.importInParts(p, direct, b)
	case arch.PC32:
		return j.directImport(p, b)
	case arch.GOTLoad, arch.GOTLoadRelax:
		return j.importThroughGOT(p, b, j.calls(p))
	case arch.Abs32, arch.Abs32S:
		if addr, found := j.names.canonical(b); found && j.bin.kind.fixed {
			return j.toOriginal(p, k, addr)
		}
		return direct(b)
	case arch.Abs64:
		if addr, found := j.names.canonical(b); found {
			return j.toOriginal(p, k, addr)
		}
		if (b.typ == elf.STT_FUNC || b.typ == elf.STT_GNU_IFUNC) && p.addend() == 0 {
			return j.emitImport(p, k, b, elf.STT_FUNC, 0)
		}
		return j.emitImport(p, arch.GlobDat, b, elf.STT_OBJECT, p.addend())
	}
	return j.unsupported(p)
}

func direct(b binding) error {
	return fault.Refuse(fault.DirectImport, "", "direct access to %q, which is in another object", b.name)
}

// toOriginal points a field at a link address of the original.
func (j *joiner) toOriginal(p *spot, k arch.RelocKind, addr uint64) error {
	target, found := j.bin.locate(addr)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", addr)
	}
	return j.emit(p, k, target, p.addend())
}

func (j *joiner) branchToImport(p *spot, b binding) error {
	if stub, found := j.slots.stub(b); found {
		return j.toOriginal(p, p.branchKind(), stub)
	}
	return j.emitImport(p, p.branchKind(), b, elf.STT_FUNC, p.addend())
}

// directImport handles PC32, which assemblers before binutils 2.31 write for calls too, and which compilers write where
// they expect a copy relocation. What computes the address can load it from a GOT slot instead.
func (j *joiner) directImport(p *spot, b binding) error {
	if addr, found := j.names.canonical(b); found {
		return j.toOriginal(p, arch.PC32, addr)
	}
	if j.bin.machine.branches(j.site(p)) {
		return j.branchToImport(p, b)
	}
	if j.bin.machine.loadInstead(j.site(p)) {
		return j.importThroughGOT(p, b, false)
	}
	return direct(b)
}

// calls reports whether an access through the GOT is an indirect call or jump, for which an unbound slot will do.
func (j *joiner) calls(p *spot) bool {
	return p.kind() != arch.GOTLoad && j.bin.machine.branchesThrough(j.site(p))
}

func (j *joiner) importThroughGOT(p *spot, b binding, calls bool) error {
	slot, found := j.slots.bound[j.slots.named(b)]
	if !found && (calls || j.bin.kind.bindNow) {
		slot, found = j.slots.lazy[j.slots.named(b)]
	}
	if found {
		return j.toOriginal(p, arch.PC32, slot)
	}
	// In the loader's jump table the import's address is behind the stub: with that much added PC32 leads to a GOT slot.
	return j.emitImport(p, arch.PC32, b, importType(b, calls), p.addend()+int64(len(j.bin.target.Stub)))
}

func importType(b binding, calls bool) elf.SymType {
	if calls || b.typ == elf.STT_FUNC || b.typ == elf.STT_GNU_IFUNC {
		return elf.STT_FUNC
	}
	return elf.STT_OBJECT
}
