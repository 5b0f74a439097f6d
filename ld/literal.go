package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// This file finds the literals of the original. A process knows a literal, such as the string "auto", by its address: it stores
// the address, compares it, frees what is not at it. So a literal that the original has is taken from there, and only others are
// carried. It has no name. Its object says what it holds, the linker merged it with all that are equal, and where that is stands in
// the linked code and data that refer to it.

// literal is what a linker goes by when it merges: two literals with all of this alike are one.
type literal struct {
	strings bool   // ends with the first entry that is zero (SHF_STRINGS)
	entry   uint64 // bytes of a constant, or of a character of a string
	align   uint64 // of its section, in bytes
	text    string // content, the final zero included
	lone    string // of a literal that linkers leave alone, what tells it from others of its content; else ""
}

// anyAlign is a literal for a search that leaves its alignment out.
func (l literal) anyAlign() literal {
	l.align = 0
	return l
}

// piece is a literal in a section of an object: [start, end).
type piece struct {
	literal
	section    int
	start, end uint64
}

// mergeable reports whether a linker takes a section apart to merge what it holds.
func mergeable(s *elfSection) bool {
	return s.Flags&elf.SHF_MERGE != 0 && s.EntSize > 0 && s.Type != elf.SHT_NOBITS && s.Flags&elf.SHF_WRITE == 0
}

// pieceAt returns the piece of a mergeable section that an offset lies in.
func pieceAt(s *elfSection, offset uint64) (piece, bool) {
	if offset >= uint64(len(s.Data)) {
		return piece{}, false
	}
	size, p := s.EntSize, piece{section: s.Index}
	p.start = offset - offset%size
	p.end = p.start + size
	if s.Flags&elf.SHF_STRINGS != 0 {
		p.strings = true
		for p.start > 0 && !isZero(s.Data[p.start-size:p.start]) {
			p.start -= size
		}
		for p.end <= uint64(len(s.Data)) && !isZero(s.Data[p.end-size:p.end]) {
			p.end += size
		}
	}
	if p.end > uint64(len(s.Data)) {
		return piece{}, false
	}
	p.entry, p.align, p.text = size, max(s.Align, 1), string(s.Data[p.start:p.end])
	return p, true
}

func isZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

// meant returns the offset in its section by which a reference chooses a piece: that of its symbol, or the sum where the symbol is
// the section. Linkers do the same, and leave the bias of the program counter in.
func meant(sym *elfobj.Symbol, r elfobj.Rela) uint64 {
	if sym.Type == elf.STT_SECTION {
		return sym.Value + uint64(r.Addend)
	}
	return sym.Value
}

// found is what an input's code and data tell of a literal.
type found struct {
	at     []linkedLiteral // one for each address
	unread bool            // something refers to it in a way that does not tell where it is
}

// linkedLiteral is a place of a literal in the binary.
type linkedLiteral struct {
	addr  uint64
	align uint64 // of the section that it came from
}

// literalIndex finds literals of the original.
type literalIndex struct {
	*link
	slots    *slots
	privates *localSymbols
	known    []map[literal]*found // by input; read when first needed
}

// of says where the literals that an input refers to are in the binary, by content without alignment.
func (x *literalIndex) of(input int) map[literal]*found {
	if known := x.known[input]; known != nil {
		return known
	}
	index := map[literal]*found{}
	x.known[input] = index
	f := x.objects[input].File
	if f.Type != elf.ET_REL || !slices.ContainsFunc(f.Sections, func(s elfSection) bool { return mergeable(&s) }) {
		return index
	}
	relas, err := f.AllRelas()
	if err != nil {
		return index // an object that the patch uses is refused when its functions are compared
	}
	for section := range f.Sections {
		if p := x.places[input][section]; f.Sections[section].Flags&elf.SHF_ALLOC != 0 && p.state != discarded {
			for _, r := range relas[section] {
				x.add(index, input, p, relas[section], r)
			}
		}
	}
	return index
}

// add notes what a reference from a section of an input at p tells.
func (x *literalIndex) add(index map[literal]*found, input int, p place, relas []elfobj.Rela, r elfobj.Rela) {
	f := x.objects[input].File
	sym := &f.Symbols[r.Symbol]
	if !sym.Defined() || !mergeable(&f.Sections[sym.Section]) {
		return
	}
	at, ok := pieceAt(&f.Sections[sym.Section], meant(sym, r))
	if !ok {
		return
	}
	known := index[at.anyAlign()]
	if known == nil {
		known = &found{}
		index[at.anyAlign()] = known
	}
	value, ok := uint64(0), false
	t := x.bin.target.Reloc(r.Type)
	if t.Kind == arch.PagePC {
		return // what completes the address tells
	}
	if p.state == placed {
		value, ok = x.linkedAddress(p.addr, relas, r)
	}
	addr := value - uint64(r.Addend) - sym.Value + at.start
	if ok = ok && x.bin.holds(addr, at.text); !ok {
		known.unread = true
		return
	}
	if !slices.ContainsFunc(known.at, func(l linkedLiteral) bool { return l.addr == addr }) {
		known.at = append(known.at, linkedLiteral{addr, at.align})
	}
}

// linkedAddress does what linkedValue does, also for a word that is relocated when the binary is loaded, and for the second part of an
// address, of which another of the relocations of the section, which is linked at base, has the page.
func (x *literalIndex) linkedAddress(base uint64, relas []elfobj.Rela, r elfobj.Rela) (uint64, bool) {
	t := x.bin.target.Reloc(r.Type)
	if value, isSlot := x.slots.relative[base+r.Offset]; isSlot && t.Kind == arch.Abs64 && x.bin.Loads(base+r.Offset, t.Width) {
		return value, true
	}
	if t.Kind != arch.PageOffset {
		return linkedValue(x.bin.File, base+r.Offset, t, x.bin.kind.fixed)
	}
	field, ok := x.bin.instruction(base+r.Offset, t.Width)
	if !ok {
		return 0, false
	}
	for _, q := range relas {
		if q.Symbol != r.Symbol || q.Addend != r.Addend || x.bin.target.Reloc(q.Type).Kind != arch.PagePC {
			continue
		}
		if code, ok := x.bin.BytesAt(base+q.Offset, 4); ok {
			if page, ok := x.bin.machine.page(code, base+q.Offset); ok {
				return page + t.Load(field), true
			}
		}
	}
	return 0, false
}

// linkedValue returns the sum of symbol and addend that the linker computed for a field at a link address of a binary; fixed says that it
// loads there, so that its words hold addresses.
func linkedValue(bin *elfobj.File, at uint64, t arch.RelocType, fixed bool) (uint64, bool) {
	field, ok := bin.BytesAt(at, t.Width)
	if !ok {
		return 0, false
	}
	switch t.Kind {
	case arch.PC32, arch.Call:
		return at + t.Load(field), true
	case arch.Abs32, arch.Abs32S, arch.Abs64:
		return t.Load(field), fixed
	}
	return 0, false
}

// old returns the link address that a literal of a unit's new code has in the original, 0 if it is new. What the unit
// itself had is sought first, then what other inputs have: the linker would merge it with those, too.
func (x *literalIndex) old(input int, l literal) (uint64, error) {
	if input != NewInput {
		if own := x.of(input)[l.anyAlign()]; own != nil {
			if addr, one := own.only(l.align); one {
				return addr, nil
			}
			if l.strings && (own.unread || len(own.at) > 1) {
				return 0, literalUnplaced(l.text)
			}
		}
	}
	all := found{}
	for i := range x.objects {
		if other := x.of(i)[l.anyAlign()]; other != nil {
			all.add(other, l.align)
		}
	}
	addr, one := all.only(l.align)
	if !one && x.partial && l.strings {
		addr = x.bin.stringAt(l.text)
	}
	return addr, nil
}

// only returns the one address of a literal; of several that with an alignment.
func (k *found) only(align uint64) (addr uint64, one bool) {
	if len(k.at) == 1 {
		return k.at[0].addr, true
	}
	for _, l := range k.at {
		if l.align == align {
			if one {
				return 0, false
			}
			addr, one = l.addr, true
		}
	}
	return addr, one
}

// add adds those places of an alignment that another input tells.
func (k *found) add(other *found, align uint64) {
	for _, l := range other.at {
		if l.align == align && !slices.Contains(k.at, l) {
			k.at = append(k.at, l)
		}
	}
}

func literalUnplaced(text string) error {
	return fault.Refuse(fault.LiteralUnplaced, "", "the original has the constant %.40q, and it cannot be told where", text)
}
