package unlink

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// builder writes the object of a unit.
type builder struct {
	*pieces
	sections []elfobj.Section
	order    []int // sections with contents, in the order of the file
	symbols  []elfobj.Symbol
	byOld    map[int]int       // symbols of the program -> of the object
	byName   map[[2]string]int // symbols of others, by name and version
	labels   map[int]int       // sections of the object -> their symbols
	relas    map[int][]elfobj.Rela
	texts    int // section of strings, 0 for none
}

// Object returns the unit as a relocatable object, with its debugging information if that is asked for.
func (u *Unit) Object(debug bool) ([]byte, error) {
	c, err := u.takeOut()
	if err != nil {
		return nil, err
	}
	b := &builder{pieces: c, sections: make([]elfobj.Section, 1), byOld: map[int]int{}, byName: map[[2]string]int{}, labels: map[int]int{}, relas: map[int][]elfobj.Rela{}}
	for _, q := range c.parts {
		q.index = b.section(elfobj.Section{
			Name: q.name, Type: q.from.Type, Flags: q.from.Flags &^ (elf.SHF_MERGE | elf.SHF_STRINGS | elf.SHF_INFO_LINK | elf.SHF_GROUP | elf.SHF_LINK_ORDER), Addr: q.start,
			Size: q.end - q.start, Align: alignOf(q), Data: b.content(q),
		})
	}
	b.writeTexts()
	b.locals()
	b.globals()
	for _, q := range c.parts {
		for _, r := range u.program.relasIn(q.from.Index, q.start, q.end) {
			b.relocate(q, r)
		}
	}
	if err := b.frames(); err != nil {
		return nil, err
	}
	if err := b.debug(debug); err != nil {
		return nil, err
	}
	return b.encode()
}

// alignOf is the alignment that the place of a part has.
func alignOf(q *part) uint64 {
	align := max(q.from.Align, 1)
	for q.start%align != 0 {
		align /= 2
	}
	return align
}

// section adds a section to the object.
func (b *builder) section(s elfobj.Section) int {
	s.Index = len(b.sections)
	b.sections = append(b.sections, s)
	if s.Type != elf.SHT_NOBITS {
		b.order = append(b.order, s.Index)
	}
	return s.Index
}

// content is what a part holds, with fields of relocations left blank, nil for what the program begins with zeroed.
func (b *builder) content(q *part) []byte {
	if q.from.Type == elf.SHT_NOBITS {
		return nil
	}
	data := b.program.bytesIn(q.from, q.start, q.end)
	for _, r := range b.program.relasIn(q.from.Index, q.start, q.end) {
		at := r.Offset - q.start
		clear(data[at:min(at+b.program.target.Reloc(r.Type).Width, uint64(len(data)))])
	}
	return data
}

func (b *builder) writeTexts() {
	if len(b.pieces.texts) == 0 {
		return
	}
	var data []byte
	for _, t := range b.pieces.texts {
		data = append(data, t.content...)
	}
	b.texts = b.section(elfobj.Section{Name: ".rodata.str1.1", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_MERGE | elf.SHF_STRINGS, Align: 1, EntSize: 1, Data: data})
}

// symbol adds a symbol to the object.
func (b *builder) symbol(s elfobj.Symbol) int {
	s.Index, s.Extended = len(b.symbols), false
	b.symbols = append(b.symbols, s)
	return s.Index
}

// locals adds the private symbols: the source, sections, the unit's own, and one for each string.
func (b *builder) locals() {
	b.symbol(elfobj.Symbol{})
	b.symbol(elfobj.Symbol{Name: b.Source, Type: elf.STT_FILE, Section: int(elf.SHN_ABS)})
	for i := range b.sections[1:] {
		b.labels[i+1] = b.symbol(elfobj.Symbol{Type: elf.STT_SECTION, Section: i + 1})
	}
	at := uint64(0)
	for i, t := range b.pieces.texts {
		t.symbol = b.symbol(elfobj.Symbol{Name: fmt.Sprintf(".LC%d", i), Section: b.texts, Value: at})
		at += uint64(len(t.content))
	}
	b.own(func(s *elfobj.Symbol) bool { return s.Bind == elf.STB_LOCAL && !b.shown[s.Name] })
}

// globals adds those that others see.
func (b *builder) globals() {
	b.own(func(s *elfobj.Symbol) bool { return s.Bind != elf.STB_LOCAL || b.shown[s.Name] })
}

func (b *builder) own(wanted func(*elfobj.Symbol) bool) {
	for _, s := range b.Unit.symbols {
		if !wanted(s) {
			continue
		}
		addr := b.program.addrOf(s)
		if q := b.at(s.Section, addr); q != nil {
			copied := *s
			copied.Section, copied.Value, copied.Version = q.index, addr-q.start, ""
			if b.shown[s.Name] && s.Bind == elf.STB_LOCAL {
				copied.Bind, copied.Vis = elf.STB_GLOBAL, elf.STV_HIDDEN
			}
			b.byOld[s.Index] = b.symbol(copied)
		}
	}
}

// foreign returns the symbol of something that is not the unit's.
func (b *builder) foreign(s *elfobj.Symbol) int {
	bind := elf.STB_GLOBAL
	if s.Bind == elf.STB_WEAK && !s.Defined() {
		bind = elf.STB_WEAK
	}
	return b.undefined(elfobj.Symbol{Name: s.Name, Version: b.program.imports.versions[s.Index], Bind: bind})
}

// isShown reports whether a private symbol of the program is one that its unit shows to others.
func (p *Program) isShown(s *elfobj.Symbol) bool {
	u := p.owner[s.Index]
	return u != nil && u.shown[s.Name]
}

// undefined returns a symbol that the object does not define.
func (b *builder) undefined(s elfobj.Symbol) int {
	key := [2]string{s.Name, s.Version}
	i, known := b.byName[key]
	if !known {
		i = b.symbol(s)
		b.byName[key] = i
	}
	return i
}

// relocate writes a relocation of a part.
func (b *builder) relocate(q *part, r elfobj.Rela) {
	p := b.program
	s := &p.file.Symbols[r.Symbol]
	out := elfobj.Rela{Offset: r.Offset - q.start, Type: r.Type, Addend: r.Addend}
	if !p.isConsistent(q.from.Index, r) {
		out.Symbol, out.Addend = b.nowhere(r.Offset, "linked"), 0
		b.relas[q.index] = append(b.relas[q.index], out)
		return
	}
	switch own, isOwn := b.byOld[r.Symbol]; {
	case isOwn:
		out.Symbol = own
	case s.Defined() && s.Bind == elf.STB_LOCAL && !isLabel(s) && s.Type != elf.STT_SECTION && !p.isShown(s):
		out.Symbol, out.Addend = b.nowhere(r.Offset, "private"), 0
	case p.imports.unclear[r.Symbol]:
		out.Symbol, out.Addend = b.nowhere(r.Offset, "version"), 0
	case !s.Defined() || s.Type != elf.STT_SECTION && !isLabel(s):
		out.Symbol = b.foreign(s)
	default:
		b.private(q, r, &out)
	}
	b.relas[q.index] = append(b.relas[q.index], out)
}

// private finds what a relocation means that leads to a section or to a label.
func (b *builder) private(q *part, r elfobj.Rela, out *elfobj.Rela) {
	p := b.program
	s, addr := &p.file.Symbols[r.Symbol], b.meant(q.from.Index, r)
	if b.isDistance(q.from, r) {
		start, ok := b.tableOf(q.from.Index, r.Offset)
		if addr -= r.Offset - start; !ok || !isCode(&p.file.Sections[s.Section]) {
			out.Symbol, out.Addend = b.nowhere(r.Offset, "distance"), 0
			return
		}
	}
	if t := b.known[addr]; t != nil && (isLabel(s) || !p.target.Reloc(r.Type).FromPC) {
		out.Symbol = t.symbol
		if !isLabel(s) {
			out.Addend = 0
		}
		return
	}
	to := b.at(s.Section, addr)
	if to == nil {
		out.Symbol, out.Addend = b.nowhere(addr, "elsewhere"), 0
		return
	}
	out.Symbol = b.labels[to.index]
	out.Addend += int64(p.addrOf(s) - to.start)
}

// nowhere is a symbol that no patch can refer to.
func (b *builder) nowhere(addr uint64, why string) int {
	return b.undefined(elfobj.Symbol{Name: fmt.Sprintf(".Lunclear_%s_%x", why, addr), Bind: elf.STB_GLOBAL})
}

// isConsistent reports whether the program has at a relocation what the relocation says, where that is plain.
func (p *linked) isConsistent(section int, r elfobj.Rela) bool {
	t, s := p.target.Reloc(r.Type), &p.file.Symbols[r.Symbol]
	switch {
	case t.Kind == arch.Unknown:
		return false
	case t.Kind != arch.PC32 || !s.Defined() || s.Type == elf.STT_GNU_IFUNC:
		return true
	}
	field, ok := p.file.BytesAt(r.Offset, t.Width)
	return ok && r.Offset+t.Load(field) == p.addrOf(s)+uint64(r.Addend)
}

// encode writes the object.
func (b *builder) encode() ([]byte, error) {
	slices.SortStableFunc(b.order, func(x, y int) int { return x - y })
	locals := 0
	for locals < len(b.symbols) && b.symbols[locals].Bind == elf.STB_LOCAL {
		locals++
	}
	symtab, names := elfobj.EncodeSymbols(b.symbols)
	table := b.section(elfobj.Section{Name: ".symtab", Type: elf.SHT_SYMTAB, Align: 8, EntSize: 24, Info: uint32(locals), Data: symtab})
	b.sections[table].Link = uint32(b.section(elfobj.Section{Name: ".strtab", Type: elf.SHT_STRTAB, Align: 1, Data: names}))
	for section := range len(b.sections) {
		if list := b.relas[section]; len(list) > 0 {
			b.section(elfobj.Section{
				Name: ".rela" + b.sections[section].Name, Type: elf.SHT_RELA, Flags: elf.SHF_INFO_LINK, Link: uint32(table), Info: uint32(section), Align: 8, EntSize: 24,
				Data: elfobj.EncodeRelas(list),
			})
		}
	}
	b.section(elfobj.Section{Name: ".shstrtab", Type: elf.SHT_STRTAB, Align: 1})
	return elfobj.EncodeObject(b.program.file.Machine, b.sections, b.order)
}

// Unplaced is an object as compilers write them, whose sections do not say where they are: disassemblers count from there.
func Unplaced(object []byte) []byte {
	const headerSize, addrAt = 64, 16 // of a section header, and where in it sh_addr is
	b := slices.Clone(object)
	first, count := binary.LittleEndian.Uint64(b[40:]), binary.LittleEndian.Uint16(b[60:])
	for i := range uint64(count) {
		clear(b[first+i*headerSize+addrAt:][:8])
	}
	return b
}
