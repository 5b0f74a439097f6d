package unlink

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
)

// Same reports whether two versions of a unit have the same code and data, wherever these are in their programs. What it does not report may
// be the same, too.
func Same(a, b *Unit) (bool, error) {
	one, err := a.takeOut()
	if err != nil {
		return false, err
	}
	other, err := b.takeOut()
	if err != nil {
		return false, err
	}
	if a.Producer != b.Producer || len(a.symbols) != len(b.symbols) {
		return false, nil
	}
	t := twins{one, other, map[[2]uint64]bool{}}
	for i := range one.order() {
		if !t.symbol(one.order()[i], other.order()[i]) {
			return false, nil
		}
	}
	return t.lists(), nil
}

// lists compares what starts and ends programs.
func (t *twins) lists() bool {
	one, other := t.a.listed(), t.b.listed()
	if len(one) != len(other) {
		return false
	}
	for i := range one {
		from, to := &t.a.program.file.Sections[one[i].section], &t.b.program.file.Sections[other[i].section]
		x, y := one[i].item, other[i].item
		if from.Type != to.Type || x.end-x.start != y.end-y.start || !t.bytes(from, to, x.start, y.start, x.end-x.start) {
			return false
		}
	}
	return true
}

// listed are the unit's entries of lists, in order.
func (c *pieces) listed() (list []work) {
	for _, section := range sortedKeys(c.items) {
		for _, i := range c.items[section] {
			if isList(&c.program.file.Sections[section]) {
				list = append(list, work{section, i})
			}
		}
	}
	return list
}

// twins are two versions of a unit that are compared.
type twins struct {
	a, b *pieces
	seen map[[2]uint64]bool // pairs of places that were compared, or are being so
}

// order lists the symbols of a unit as they stand in its parts.
func (c *pieces) order() []*elfobj.Symbol {
	if c.sorted == nil {
		c.sorted = slices.Clone(c.symbols)
		slices.SortStableFunc(c.sorted, func(x, y *elfobj.Symbol) int {
			return cmp.Or(cmp.Compare(x.Section, y.Section), cmp.Compare(c.program.addrOf(x), c.program.addrOf(y)), cmp.Compare(x.Name, y.Name))
		})
	}
	return c.sorted
}

// symbol compares what two symbols name, and where in their parts that is.
func (t *twins) symbol(x, y *elfobj.Symbol) bool {
	from, to := t.a.at(x.Section, t.a.program.addrOf(x)), t.b.at(y.Section, t.b.program.addrOf(y))
	if x.Name != y.Name || x.Type != y.Type || x.Bind != y.Bind || x.Vis != y.Vis || x.Size != y.Size || from == nil || to == nil {
		return false
	}
	ax, by := t.a.program.addrOf(x), t.b.program.addrOf(y)
	if from.from.Name != to.from.Name || from.from.Type != to.from.Type || from.from.Flags != to.from.Flags {
		return false
	}
	if isCode(from.from) && ax-from.start != by-to.start { // calls inside of a section hold distances
		return false
	}
	return t.bytes(from.from, to.from, ax, by, x.Size)
}

// bytes compares n bytes of two sections and what their relocations lead to.
func (t *twins) bytes(from, to *elfobj.Section, x, y, n uint64) bool {
	key := [2]uint64{x, y}
	if t.seen[key] || n == 0 {
		return true
	}
	t.seen[key] = true
	if from.Type == elf.SHT_NOBITS {
		return to.Type == elf.SHT_NOBITS
	}
	one, other := t.a.program.relasIn(from.Index, x, x+n), t.b.program.relasIn(to.Index, y, y+n)
	if len(one) != len(other) {
		return false
	}
	b, c := t.a.program.bytesIn(from, x, x+n), t.b.program.bytesIn(to, y, y+n)
	for i := range one {
		r, s := one[i], other[i]
		if r.Offset-x != s.Offset-y || r.Type != s.Type || !t.leads(from, to, r, s) {
			return false
		}
		for _, data := range [][]byte{b, c} {
			clear(data[r.Offset-x : min(r.Offset-x+t.a.program.target.Reloc(r.Type).Width, n)])
		}
	}
	return bytes.Equal(b, c)
}

// leads compares what two relocations lead to.
func (t *twins) leads(from, to *elfobj.Section, r, s elfobj.Rela) bool {
	p, q := t.a.program, t.b.program
	x, y := &p.file.Symbols[r.Symbol], &q.file.Symbols[s.Symbol]
	private := x.Defined() && (isLabel(x) || x.Type == elf.STT_SECTION)
	if private != (y.Defined() && (isLabel(y) || y.Type == elf.STT_SECTION)) {
		return false
	}
	if !private {
		return x.Name == y.Name && p.imports.versions[x.Index] == q.imports.versions[y.Index] && p.isImport(x) == q.isImport(y) && r.Addend == s.Addend && x.Bind == y.Bind
	}
	if isLabel(x) != isLabel(y) {
		return false
	}
	one, other := t.a.meant(from.Index, r), t.b.meant(to.Index, s)
	if isLabel(x) && r.Addend != s.Addend {
		return false
	}
	if t.a.isDistance(from, r) {
		start, ok := t.a.tableOf(from.Index, r.Offset)
		begin, same := t.b.tableOf(to.Index, s.Offset)
		if one, other = one-(r.Offset-start), other-(s.Offset-begin); !ok || !same {
			return false
		}
	}
	if ta, tb := t.a.known[one], t.b.known[other]; ta != nil || tb != nil {
		return ta != nil && tb != nil && bytes.Equal(ta.content, tb.content)
	}
	return t.place(x, y, one, other)
}

// place compares two places of sections.
func (t *twins) place(x, y *elfobj.Symbol, one, other uint64) bool {
	name, off, named := t.a.nameAt(x.Section, one)
	again, same, alsoNamed := t.b.nameAt(y.Section, other)
	if named || alsoNamed {
		return named && alsoNamed && name == again && off == same
	}
	from, to := &t.a.program.file.Sections[x.Section], &t.b.program.file.Sections[y.Section]
	room, space := t.a.roomOf(x.Section, one), t.b.roomOf(y.Section, other)
	if room == 0 || space == 0 || isCode(from) || isCode(to) {
		return false
	}
	p, q := t.a.program, t.b.program
	if p.direct[one] && !p.taken[one] && q.direct[other] && !q.taken[other] { // as much as an access reads, and no more than that counts
		room, space = min(room, space), min(room, space)
	}
	return room == space && t.bytes(from, to, one, other, room)
}

// nameAt returns the symbol of the unit that holds a place, or ends there, and how far in that is.
func (c *pieces) nameAt(section int, addr uint64) (name string, off uint64, ok bool) {
	for _, s := range c.order() {
		at := c.program.addrOf(s)
		switch {
		case s.Section != section || addr < at || addr > at+s.Size:
		case addr < at+s.Size:
			return s.Name, addr - at, true
		default:
			name, off, ok = s.Name, addr-at, true
		}
	}
	return name, off, ok
}

// roomOf is how much of a constant without a name is known to be at a place, in bytes.
func (c *pieces) roomOf(section int, addr uint64) uint64 {
	for _, i := range c.items[section] {
		if !i.named && i.start == addr {
			return i.end - i.start
		}
	}
	return 0
}
