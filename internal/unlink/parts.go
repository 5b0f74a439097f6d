package unlink

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// item is something that a unit has at [start, end) of a section of the program.
type item struct {
	start, end uint64
	named      bool
	lone       bool // a constant that code accesses: what stands beside it is none of its
}

// part is a piece of a section of the program, of one unit alone, that becomes a section of its object.
type part struct {
	from       *elfobj.Section
	name       string
	start, end uint64
	index      int // in the object
}

// text is a string that linkers merge.
type text struct {
	addr    uint64
	content []byte // its final zero included
	symbol  int    // in the object
}

// pieces is a unit, taken out of the program.
type pieces struct {
	*Unit
	items map[int][]item // by section of the program
	parts []*part
	texts []*text
	known map[uint64]*text
	queue []work

	sorted []*elfobj.Symbol // see order
}

// work is an item whose relocations are still to be looked at.
type work struct {
	section int
	item    item
}

// takeOut collects what a unit has in the program, once.
func (u *Unit) takeOut() (*pieces, error) {
	if u.taken != nil {
		return u.taken, nil
	}
	c := &pieces{Unit: u, items: map[int][]item{}, known: map[uint64]*text{}}
	for _, s := range u.symbols {
		addr := u.program.addrOf(s)
		c.add(s.Section, item{start: addr, end: addr + s.Size, named: true})
	}
	c.lists()
	for len(c.queue) > 0 {
		w := c.queue[0]
		c.queue = c.queue[1:]
		for _, r := range u.program.relasIn(w.section, w.item.start, w.item.end) {
			c.follow(w, r)
		}
	}
	slices.SortFunc(c.texts, func(a, b *text) int { return strings.Compare(string(a.content), string(b.content)) })
	c.join()
	u.taken = c
	return c, nil
}

func (c *pieces) add(section int, i item) {
	if slices.Contains(c.items[section], i) {
		return
	}
	c.items[section] = append(c.items[section], i)
	c.queue = append(c.queue, work{section, i})
}

// lists adds the entries of lists for what starts and ends programs that lead to code of the unit.
func (c *pieces) lists() {
	p := c.program
	for section, relas := range p.relas {
		if !isList(&p.file.Sections[section]) {
			continue
		}
		for _, r := range relas {
			addr := p.leadsTo(section, r)
			if to := p.sectionAt(addr); to != nil && slices.ContainsFunc(c.items[to.Index], func(i item) bool { return i.named && i.start <= addr && addr < i.end }) {
				c.add(section, item{start: r.Offset, end: r.Offset + p.target.Reloc(r.Type).Width, named: true})
			}
		}
	}
}

// isList reports whether a section lists functions that start or end a program.
func isList(s *elfobj.Section) bool {
	return s.Type == elf.SHT_INIT_ARRAY || s.Type == elf.SHT_FINI_ARRAY || s.Type == elf.SHT_PREINIT_ARRAY
}

// has reports whether a named item of the unit is at an address, or ends there.
func (c *pieces) has(section int, addr uint64) bool {
	return slices.ContainsFunc(c.items[section], func(i item) bool { return i.named && i.start <= addr && addr <= i.end })
}

// follow adds what a relocation of an item leads to, if it has no name.
func (c *pieces) follow(w work, r elfobj.Rela) {
	p := c.program
	s := &p.file.Symbols[r.Symbol]
	if !s.Defined() || s.Type != elf.STT_SECTION && !isLabel(s) || p.target.Reloc(r.Type).Kind.TLS() {
		return
	}
	to, addr := &p.file.Sections[s.Section], c.meant(w.section, r)
	if isCode(to) || to.Type == elf.SHT_NOBITS || addr < to.Addr || addr >= to.Addr+to.Size || !isLabel(s) && c.has(s.Section, addr) || p.isNamed(to, addr) {
		return
	}
	how, merged := c.use(w.section, r)
	room := p.roomAt(to, addr)
	rest := p.bytesIn(to, addr, to.Addr+to.Size)
	plain := merged && to.Flags&elf.SHF_WRITE == 0 && !p.direct[addr] && len(p.relasIn(to.Index, addr, addr+1)) == 0
	if plain && (how != absolute || !p.isPiece(room)) && isString(rest, int(room-addr), addr, how, p.wider) {
		c.addText(addr, rest)
		return
	}
	if merged && p.taken[addr] { // linkers let a string of wide characters begin inside of another one, too
		for end := addr + uint64(wideEnd(rest)); room < end; {
			room = p.nextMark(to, room)
		}
	}
	c.add(s.Section, item{start: addr, end: room, lone: how == labelled && p.direct[addr] && !p.taken[addr]})
}

// use says how a relocation refers to a constant, and whether that may be one that the linker merged.
func (c *pieces) use(section int, r elfobj.Rela) (how use, merged bool) {
	switch from := &c.program.file.Sections[section]; {
	case isLabel(&c.program.file.Symbols[r.Symbol]):
		return labelled, true
	case c.program.target.Reloc(r.Type).FromPC: // assemblers write such a one with a label
		return absolute, false
	case isCode(from):
		return absolute, c.merges()
	}
	return stored, c.merges()
}

// meant is the place of a constant that a relocation chooses: that of its symbol, if that has a label of its own.
func (c *pieces) meant(section int, r elfobj.Rela) uint64 {
	if s := &c.program.file.Symbols[r.Symbol]; isLabel(s) {
		return s.Value
	}
	return c.program.leadsTo(section, r)
}

// merges reports whether the unit's compiler put strings where linkers merge them.
func (u *Unit) merges() bool {
	level := strings.Contains(u.Producer, " -O") && !strings.Contains(u.Producer, " -O0")
	return level && !strings.Contains(u.Producer, "-fno-merge-constants")
}

func (c *pieces) addText(addr uint64, rest []byte) {
	if c.known[addr] != nil {
		return
	}
	t := &text{addr: addr, content: rest[:slices.Index(rest, 0)+1]}
	c.known[addr] = t
	c.texts = append(c.texts, t)
}

// join makes parts of items that nothing of another unit stands between.
func (c *pieces) join() {
	names := map[string]int{}
	for _, section := range sortedKeys(c.items) {
		s := &c.program.file.Sections[section]
		list := c.items[section]
		slices.SortFunc(list, func(a, b item) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
		var last *part
		for _, i := range list {
			if i.lone {
				c.parts = append(c.parts, c.newPart(s, i, s.Name+".lone", names))
				continue
			}
			if last != nil && c.isAlone(s, last.end, i.start) {
				last.end = max(last.end, i.end)
				continue
			}
			last = c.newPart(s, i, s.Name, names)
			c.parts = append(c.parts, last)
		}
	}
}

// newPart begins a part, with a name that no other has.
func (c *pieces) newPart(s *elfobj.Section, i item, name string, names map[string]int) *part {
	names[name]++
	if n := names[name]; n > 1 {
		name = fmt.Sprintf("%s.%d", name, n-1)
	}
	return &part{from: s, name: name, start: i.start, end: i.end}
}

// isAlone reports whether there is nothing of another unit between two items.
func (c *pieces) isAlone(s *elfobj.Section, end, next uint64) bool {
	if next <= end {
		return true
	}
	if isCode(s) {
		b := c.program.bytesIn(s, end, next)
		return c.program.nextMark(s, end-1) >= next && c.program.target.Padding(b) == len(b)
	}
	return c.program.nextMark(s, end-1) >= next
}

func sortedKeys(m map[int][]item) (list []int) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// at returns the part that holds an address of a section of the program, or ends there.
func (c *pieces) at(section int, addr uint64) *part {
	var ends *part
	for _, q := range c.parts {
		switch {
		case q.from.Index != section:
		case q.start <= addr && addr < q.end:
			return q
		case addr == q.end:
			ends = q
		}
	}
	return ends
}

// tableOf returns where the table begins that a place is in: the constant without a name, or the variable.
func (c *pieces) tableOf(section int, addr uint64) (start uint64, ok bool) {
	for _, i := range c.items[section] {
		if i.start <= addr && addr < i.end && (!ok || i.start > start) {
			start, ok = i.start, true
		}
	}
	return start, ok
}

// isDistance reports whether a relocation of data holds a distance to code.
func (c *pieces) isDistance(from *elfobj.Section, r elfobj.Rela) bool {
	s := &c.program.file.Symbols[r.Symbol]
	t := c.program.target.Reloc(r.Type)
	return !isCode(from) && t.FromPC && t.Kind == arch.PC32 && s.Type == elf.STT_SECTION
}
