package unlink

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"

	"gocare/internal/elfobj"
)

// Rest says what the program has that is no unit's, by name: code and data of compiles without debugging information and of assembly sources,
// with a name or without, what the linker itself defines as a number, and the libraries that it was linked with. Two texts of a name are equal
// where it is the same.
func (p *Program) Rest() map[string]string {
	rest, claims := map[string]string{}, map[int][]step{}
	names := p.namesByPlace()
	for i := range p.file.Symbols {
		s := &p.file.Symbols[i]
		switch {
		case s.Name == "" || s.Type == elf.STT_FILE || s.Type == elf.STT_SECTION || isLabel(s) || p.owner[s.Index] != nil || p.imports.copies[i]:
		case s.Section == int(elf.SHN_ABS) && s.Type == elf.STT_NOTYPE:
			rest[s.Name] += fmt.Sprintf("number %d;", s.Value)
		case s.Defined() && p.file.Sections[s.Section].Flags&elf.SHF_ALLOC != 0 && !isMade(&p.file.Sections[s.Section]):
			text, claim := p.described(s, names)
			rest[s.Name] += text + ";"
			claims[s.Section] = append(claims[s.Section], claim)
		}
	}
	p.unclaimed(rest, claims, names)
	rest["shared libraries"] = strings.Join(p.file.Needed(), " ")
	return rest
}

// place is a name of something in the program.
type place struct {
	addr uint64
	name string
}

// namesByPlace lists what has a name and a size, or is code, by address.
func (p *Program) namesByPlace() (list []place) {
	for i := range p.file.Symbols {
		if s := &p.file.Symbols[i]; s.Defined() && s.Name != "" && s.Type != elf.STT_TLS && s.Type != elf.STT_SECTION && !isLabel(s) &&
			(s.Size > 0 || isCode(&p.file.Sections[s.Section])) {
			list = append(list, place{s.Value, s.Name})
		}
	}
	slices.SortFunc(list, func(a, b place) int {
		if a.addr != b.addr {
			return int(int64(a.addr - b.addr))
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

// described is a digest of what a symbol names: its bytes, and what its relocations lead to, wherever that is; and which place it is about.
func (p *Program) described(s *elfobj.Symbol, names []place) (text string, about step) {
	sec := &p.file.Sections[s.Section]
	from := p.addrOf(s)
	to := from + s.Size
	if s.Size == 0 && isCode(sec) {
		to = p.nextMark(sec, from)
	}
	if from < sec.Addr || to > sec.Addr+sec.Size || to <= from {
		return "nothing", about
	}
	if sec.Type == elf.SHT_NOBITS {
		return fmt.Sprintf("%v %v %d", s.Type, s.Bind, to-from), about
	}
	data := p.bytesIn(sec, from, to)
	var leads strings.Builder
	for _, r := range p.relasIn(sec.Index, from, to) {
		t := p.target.Reloc(r.Type)
		clear(data[r.Offset-from : min(r.Offset-from+t.Width, to-from)])
		fmt.Fprintf(&leads, "%d %d %s\n", r.Offset-from, r.Type, p.destination(sec.Index, r, names))
	}
	return fmt.Sprintf("%v %v %d %x", s.Type, s.Bind, to-from, sha256.Sum256(append(data, leads.String()...))), step{from, to}
}

// destination says what a relocation leads to.
func (p *Program) destination(section int, r elfobj.Rela, names []place) string {
	s := &p.file.Symbols[r.Symbol]
	if !s.Defined() || s.Type != elf.STT_SECTION && !isLabel(s) {
		return fmt.Sprintf("%s %s%+d", s.Name, p.imports.versions[s.Index], r.Addend)
	}
	addr := p.leadsTo(section, r)
	sec := &p.file.Sections[s.Section]
	if sec.Flags&elf.SHF_WRITE == 0 && sec.Type != elf.SHT_NOBITS && !isCompiled(sec) {
		return fmt.Sprintf("%s+%d", sec.Name, addr-sec.Addr)
	}
	if sec.Flags&(elf.SHF_WRITE|elf.SHF_EXECINSTR) == 0 && addr >= sec.Addr && addr < sec.Addr+sec.Size && sec.Type != elf.SHT_NOBITS {
		return p.constantText(sec, addr, names)
	}
	if !isCode(sec) && !p.isNamed(sec, addr) {
		return fmt.Sprintf("%s, nameless %d", sec.Name, p.namelessBefore(sec, addr))
	}
	i := sort.Search(len(names), func(i int) bool { return names[i].addr > addr }) - 1
	if i < 0 {
		return sec.Name
	}
	return fmt.Sprintf("%s+%d", names[i].name, addr-names[i].addr)
}

// constantText tells what is at a place that is only read: its bytes, and the places in code and the symbols that it has the addresses of, or
// the distances to. What else it refers to is told by its place.
func (p *Program) constantText(s *elfobj.Section, addr uint64, names []place) string {
	end := p.roomAt(s, addr)
	data := p.bytesIn(s, addr, end)
	var leads strings.Builder
	for _, r := range p.relasIn(s.Index, addr, end) {
		t, to := p.target.Reloc(r.Type), &p.file.Symbols[r.Symbol]
		if !to.Defined() || !isCode(&p.file.Sections[to.Section]) {
			continue
		}
		if t.FromPC && to.Type == elf.STT_SECTION { // counted from where the constant begins
			r.Addend -= int64(r.Offset - addr)
		}
		clear(data[r.Offset-addr : min(r.Offset-addr+t.Width, end-addr)])
		fmt.Fprintf(&leads, " %d %d %s", r.Offset-addr, r.Type, p.destination(s.Index, r, names))
	}
	return fmt.Sprintf("%q%s", bytes.TrimRight(data, "\x00"), &leads) // zeros may be there to fill a gap
}

// namelessBefore counts the places before one at which something begins that has no name and no size. What is there is compared with the
// section.
func (p *marked) namelessBefore(s *elfobj.Section, addr uint64) (n int) {
	for _, m := range p.marks[s.Index] {
		if m < addr && !p.isNamed(s, m) {
			n++
		}
	}
	return n
}

// Folded names two functions that the linker made one, as gold, lld and mold do when they are told to; "" if it made none.
func (p *Program) Folded() (one, other string) {
	if !p.mayFold() {
		return "", ""
	}
	at := map[uint64]string{}
	for i := range p.file.Symbols {
		s := &p.file.Symbols[i]
		if !s.Defined() || s.Type != elf.STT_FUNC || !p.bodies[s.Name] {
			continue
		}
		if first, taken := at[s.Value]; taken && first != s.Name {
			return first, s.Name
		}
		at[s.Value] = s.Name
	}
	return "", ""
}

// mayFold reports whether another linker than GNU's made the program.
func (p *linked) mayFold() bool {
	return p.file.Section(".note.gnu.gold-version") != nil || p.madeBy("LLD") || p.madeBy("mold")
}

// madeBy reports whether the program says of a tool that it had a part in it.
func (p *linked) madeBy(tool string) bool {
	s := p.file.Section(".comment")
	return s != nil && bytes.Contains(s.Data, []byte(tool))
}
