package ld

import (
	"debug/elf"
	"encoding/binary"
	"math"
	"sort"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// outputNames are the sections of a Joined, in the order in which they appear.
var outputNames = [...]string{kpname.Text, kpname.Rodata, kpname.Unwind, kpname.Data}

const (
	outText = iota
	outRodata
	outUnwind
	outData
)

// output are the sections of a patch, and what they refer to.
type output struct {
	bin         *image
	sections    [len(outputNames)]JoinedSection
	pending     []pendingReloc
	imports     map[versioned]*Import
	got         map[gotKey]uint64  // private GOT slots in .kpatch.data
	literals    map[literal]uint64 // places of those carried in .kpatch.rodata
	descriptors map[int64]uint64   // private descriptors in .kpatch.data, by the offset of their variable; and where their resolver is
	resolver    uint64
	done        map[field]bool // fields that an earlier relaxation took
}

func newOutput(bin *image) *output {
	o := &output{bin: bin, imports: map[versioned]*Import{}, got: map[gotKey]uint64{}, literals: map[literal]uint64{}, descriptors: map[int64]uint64{}, done: map[field]bool{}}
	for i, name := range outputNames {
		o.sections[i] = JoinedSection{Name: name, Flags: outputFlags(i), Align: 1}
	}
	return o
}

func outputIndex(name string) int {
	for i, n := range outputNames {
		if n == name {
			return i
		}
	}
	return -1
}

// append adds a section of a unit to an output, and returns where it begins there.
func (o *output) append(out int, s *elfSection) (base uint64, err error) {
	sec := &o.sections[out]
	align := max(s.Align, 1)
	sec.Align = max(sec.Align, align)
	if gap := -uint64(len(sec.Data)) % align; gap > 0 {
		if out == outUnwind {
			return 0, fault.New(fault.Bug, s.Name, "unwind tables of two units do not touch") // zeros would end them
		}
		fill := make([]byte, gap)
		if out == outText {
			arch.Fill(fill, o.bin.target.Nop)
		}
		sec.Data = append(sec.Data, fill...)
	}
	base = uint64(len(sec.Data))
	if s.Type == elf.SHT_NOBITS {
		sec.Data = append(sec.Data, make([]byte, s.Size)...)
	} else {
		sec.Data = append(sec.Data, s.Data...)
	}
	return base, nil
}

func outputFlags(out int) elf.SectionFlag {
	switch out {
	case outText:
		return elf.SHF_ALLOC | elf.SHF_EXECINSTR
	case outData:
		return elf.SHF_ALLOC | elf.SHF_WRITE
	}
	return elf.SHF_ALLOC
}

// gotKey is what a private GOT slot holds: a known address, or a constant.
type gotKey struct {
	target   Target
	constant bool
	value    uint64
	imported versioned // what is found at run time
}

// field is a place in an output.
type field struct {
	out    int
	offset uint64
}

// pendingReloc is a relocation whose import has no number yet.
type pendingReloc struct {
	out   int
	reloc JoinedReloc
	name  versioned // of the import
}

// joined returns what is in the sections that are not empty, and which number each has.
func (o *output) joined() (joined *Joined, index [len(outputNames)]int) {
	joined = &Joined{Machine: o.bin.target, Originals: o.bin.sections}
	for _, i := range o.imports {
		joined.Imports = append(joined.Imports, *i)
	}
	sort.Slice(joined.Imports, func(a, b int) bool { return joined.Imports[a].symbol().less(joined.Imports[b].symbol()) })
	number := map[versioned]int{}
	for i, imp := range joined.Imports {
		number[imp.symbol()] = i
	}
	for i := range o.sections {
		if len(o.sections[i].Data) > 0 {
			index[i] = len(joined.Sections)
			joined.Sections = append(joined.Sections, o.sections[i])
		}
	}
	for _, p := range o.pending {
		switch p.reloc.Target.Kind {
		case InPatch:
			p.reloc.Target.Index = index[p.reloc.Target.Index]
		case Imported:
			p.reloc.Target.Index = number[p.name]
		}
		sec := &joined.Sections[index[p.out]]
		sec.Relocs = append(sec.Relocs, p.reloc)
	}
	for i := range joined.Sections {
		relocs := joined.Sections[i].Relocs
		sort.SliceStable(relocs, func(a, b int) bool { return relocs[a].Offset < relocs[b].Offset })
	}
	return joined, index
}

// emit records a relocation at a spot.
func (o *output) emit(p *spot, k arch.RelocKind, target Target, addend int64) error {
	if k == arch.PC32 && target.Kind == InPatch && target.Index == p.out {
		return o.put32(p, int64(target.Offset)+addend-int64(p.at))
	}
	o.pending = append(o.pending, pendingReloc{out: p.out, reloc: JoinedReloc{p.at, o.bin.target.RelocOf(k), target, addend}})
	return nil
}

// emitImport records a relocation against an import.
func (o *output) emitImport(p *spot, k arch.RelocKind, b binding, typ elf.SymType, addend int64) error {
	i := o.imports[versioned{b.name, b.version}]
	if i == nil {
		i = &Import{Name: b.name, Version: b.version, Type: typ}
		o.imports[versioned{b.name, b.version}] = i
	}
	if typ == elf.STT_FUNC {
		i.Type = typ
	}
	o.pending = append(o.pending, pendingReloc{p.out, JoinedReloc{p.at, o.bin.target.RelocOf(k), Target{Kind: Imported}, addend}, versioned{b.name, b.version}})
	return nil
}

// put32 stores a constant in a field.
func (o *output) put32(p *spot, v int64) error {
	if v < math.MinInt32 || v > math.MaxInt32 {
		return fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", v, p.ref.typ, p.at)
	}
	b := o.sections[p.out].Data
	if p.at+4 > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, o.sections[p.out].Name)
	}
	binary.LittleEndian.PutUint32(b[p.at:], uint32(v))
	return nil
}

func (o *output) put64(p *spot, v uint64) error {
	b := o.sections[p.out].Data
	if p.at+8 > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, o.sections[p.out].Name)
	}
	binary.LittleEndian.PutUint64(b[p.at:], v)
	return nil
}

// newSlot makes a GOT slot of the patch's own, and returns where it is in .kpatch.data.
func (o *output) newSlot(k gotKey) uint64 {
	data := &o.sections[outData]
	data.Align = max(data.Align, 8)
	for len(data.Data)%8 != 0 {
		data.Data = append(data.Data, 0)
	}
	slot := uint64(len(data.Data))
	data.Data = binary.LittleEndian.AppendUint64(data.Data, k.value)
	o.got[k] = slot
	if !k.constant && k.imported == (versioned{}) {
		reloc := JoinedReloc{slot, o.bin.target.RelocOf(arch.Abs64), k.target, 0}
		o.pending = append(o.pending, pendingReloc{out: outData, reloc: reloc})
	}
	return slot
}

// toOriginal points a field at a link address of the original.
func (o *output) toOriginal(p *spot, k arch.RelocKind, addr uint64) error {
	target, found := o.bin.locate(addr)
	if !found {
		return fault.New(fault.Bug, "", "0x%x is in no section of the original", addr)
	}
	return o.emit(p, k, target, p.addend())
}

// throughPrivateSlot makes a GOT slot of the patch's own.
func (o *output) throughPrivateSlot(p *spot, k gotKey) error {
	slot, found := o.got[k]
	if !found {
		slot = o.newSlot(k)
	}
	return o.emit(p, arch.PC32, Target{InPatch, outData, slot}, p.addend())
}

func (o *output) site(p *spot) site {
	s := site{at: p.at, addend: p.addend()}
	if p.out == outText {
		s.code = o.sections[p.out].Data
	}
	return s
}

func (o *output) unsupported(p *spot) error {
	return fault.Refuse(fault.UnsupportedRelocation, "", "%v against %q at %s+0x%x", p.ref.typ, p.ref.sym.Name, o.sections[p.out].Name, p.at)
}

// carryLiteral appends a literal and returns its place. Those of several units that a linker would merge are one.
func (o *output) carryLiteral(l literal) uint64 {
	sec := &o.sections[outRodata]
	sec.Align = max(sec.Align, l.align)
	sec.Data = append(sec.Data, make([]byte, -uint64(len(sec.Data))%l.align)...)
	at := uint64(len(sec.Data))
	sec.Data = append(sec.Data, l.text...)
	o.literals[l] = at
	return at
}

// store stores a constant in a field.
func (o *output) store(p *spot, t arch.RelocType, value uint64) error {
	b := o.sections[p.out].Data
	if p.at+t.Width > uint64(len(b)) {
		return fault.New(fault.Bug, "", "field at 0x%x of %s reaches outside", p.at, o.sections[p.out].Name)
	}
	if !t.Fits(value) {
		return fault.Refuse(fault.OutOfRange, "", "value 0x%x of %v at 0x%x does not fit", value, p.ref.typ, p.at)
	}
	t.Store(b[p.at:], value)
	return nil
}
