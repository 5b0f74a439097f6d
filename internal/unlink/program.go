package unlink

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"sort"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// ErrNoRelocations is the error of Open for a program without the relocations of its link.
type ErrNoRelocations struct{}

func (ErrNoRelocations) Error() string { return "the linker did not keep the relocations of its code" }

// Program is a linked program, taken apart.
type Program struct {
	*marked
	owner  map[int]*Unit   // of symbols, by index
	bodies map[string]bool // functions that debugging information says to have code, by name
	units  []*Unit
	info   []byte // .debug_info
	wider  bool   // debugging information knows types of wide characters

	imports imports
}

// linked is a program with the relocations of its link.
type linked struct {
	file   *elfobj.File
	target *arch.Target
	relas  map[int][]elfobj.Rela // by section, in the order of addresses
	steps  []step                // instructions, in the order of addresses
}

// marked is a linked program of which is known where something begins.
type marked struct {
	*linked
	marks  map[int][]uint64 // by section: places at which something begins, in order
	direct map[uint64]bool  // places in data that an instruction accesses itself
	taken  map[uint64]bool  // places in data whose address something has
	starts map[uint64]bool  // places in data that have a name
	named  map[int][]step   // by section: what has a name and a size, in the order of addresses
}

// step is an instruction, or something else at [start, end) in link addresses.
type step struct{ start, end uint64 }

// Open takes a program apart. listing is what objdump lists of its code, see ListingArgs.
func Open(f *elfobj.File, listing []byte) (*Program, error) {
	target, ok := arch.ByMachine(f.Machine)
	if !ok || f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return nil, fmt.Errorf("it is no linked program of a known machine")
	}
	if len(f.Symbols) == 0 {
		return nil, ErrNoRelocations{}
	}
	m := &marked{linked: &linked{file: f, target: target, steps: stepsOf(listing)}, direct: map[uint64]bool{}, taken: map[uint64]bool{}, starts: map[uint64]bool{}, named: map[int][]step{}}
	p := &Program{marked: m, owner: map[int]*Unit{}}
	var err error
	if p.relas, err = linkRelas(f); err != nil {
		return nil, err
	}
	if err := p.readImports(); err != nil {
		return nil, err
	}
	if err := p.relax(); err != nil {
		return nil, err
	}
	if err := p.readUnits(); err != nil {
		return nil, err
	}
	p.mark()
	return p, nil
}

// Units are the units of C that debugging information tells, in its order.
func (p *Program) Units() []*Unit { return p.units }

// linkRelas returns the relocations that the linker kept, by section and in the order of addresses.
func linkRelas(f *elfobj.File) (map[int][]elfobj.Rela, error) {
	all, err := f.AllRelas()
	if err != nil {
		return nil, err
	}
	code := false
	for section, list := range all {
		code = code || f.Sections[section].Flags&elf.SHF_EXECINSTR != 0
		slices.SortStableFunc(list, func(a, b elfobj.Rela) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	if !code {
		return nil, ErrNoRelocations{}
	}
	return all, nil
}

// stepEnd returns where the instruction ends that holds an address.
func (p *linked) stepEnd(addr uint64) (end uint64, ok bool) {
	i := sort.Search(len(p.steps), func(i int) bool { return p.steps[i].start > addr }) - 1
	if i < 0 || addr >= p.steps[i].end {
		return 0, false
	}
	return p.steps[i].end, true
}

// sectionAt returns the allocated section that holds an address, nil for none.
func (p *linked) sectionAt(addr uint64) *elfobj.Section {
	for i := range p.file.Sections {
		s := &p.file.Sections[i]
		if s.Flags&elf.SHF_ALLOC != 0 && s.Addr != 0 && s.Addr <= addr && addr < s.Addr+s.Size && !isThreadRoom(s) {
			return s
		}
	}
	return nil
}

// isThreadRoom reports whether a section has no place of its own in the program: what is behind it has the same addresses.
func isThreadRoom(s *elfobj.Section) bool {
	return s.Flags&elf.SHF_TLS != 0 && s.Type == elf.SHT_NOBITS
}

func isCode(s *elfobj.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_EXECINSTR != 0
}

// addrOf is the link address of a symbol. Those of thread-local variables count from the start of their segment.
func (p *linked) addrOf(s *elfobj.Symbol) uint64 {
	if tls := p.file.TLS(); s.Type == elf.STT_TLS && tls != nil {
		return s.Value + tls.Vaddr
	}
	return s.Value
}

// leadsTo is the address that a relocation of a section means, as far as the relocation and the instruction around it tell.
func (p *linked) leadsTo(section int, r elfobj.Rela) uint64 {
	addr := p.addrOf(&p.file.Symbols[r.Symbol]) + uint64(r.Addend)
	if p.target.Reloc(r.Type).FromPC && isCode(&p.file.Sections[section]) {
		if end, ok := p.stepEnd(r.Offset); ok {
			addr += end - r.Offset
		}
	}
	return addr
}

// relasIn are the relocations of [from, to).
func (p *linked) relasIn(section int, from, to uint64) []elfobj.Rela {
	list := p.relas[section]
	at := sort.Search(len(list), func(i int) bool { return list[i].Offset >= from })
	end := at + sort.Search(len(list)-at, func(i int) bool { return list[at+i].Offset >= to })
	return list[at:end]
}

// mark notes where things begin in the data of the program: symbols, and what relocations lead to.
func (p *marked) mark() {
	p.marks = map[int][]uint64{}
	for i := range p.file.Symbols {
		if s := &p.file.Symbols[i]; s.Defined() && s.Name != "" && s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE {
			p.marks[s.Section] = append(p.marks[s.Section], p.addrOf(s))
			p.starts[p.addrOf(s)] = p.starts[p.addrOf(s)] || !isLabel(s)
			if s.Size > 0 {
				p.named[s.Section] = append(p.named[s.Section], step{p.addrOf(s), p.addrOf(s) + s.Size})
			}
		}
	}
	for section, list := range p.relas {
		if p.file.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		code := isCode(&p.file.Sections[section])
		for _, r := range list {
			t := p.target.Reloc(r.Type)
			if s := &p.file.Symbols[r.Symbol]; !s.Defined() || t.Kind.TLS() || t.FromPC && !code {
				continue
			}
			addr := p.leadsTo(section, r)
			if s := p.sectionAt(addr); s == nil || isCode(s) {
				continue
			} else if p.marks[s.Index] = append(p.marks[s.Index], addr); code && !p.takesAddress(section, r) {
				p.direct[addr] = true
			} else {
				p.taken[addr] = true
			}
		}
	}
	for section := range p.named {
		slices.SortFunc(p.named[section], func(a, b step) int { return cmp.Compare(a.start, b.start) })
	}
	for section := range p.marks {
		slices.Sort(p.marks[section])
		p.marks[section] = slices.Compact(p.marks[section])
	}
}

// takesAddress reports whether code takes the address that a relocation means.
func (p *linked) takesAddress(section int, r elfobj.Rela) bool {
	s := &p.file.Sections[section]
	return p.target.TakesAddress(p.target.Reloc(r.Type).Kind, s.Data, int(r.Offset-s.Addr))
}

// isNamed reports whether something with a name holds an address.
func (p *marked) isNamed(s *elfobj.Section, addr uint64) bool {
	list := p.named[s.Index]
	i := sort.Search(len(list), func(i int) bool { return list[i].start > addr }) - 1
	return i >= 0 && addr < list[i].end
}

// nextMark returns where the next thing begins behind an address of a section, at most the section's end.
func (p *marked) nextMark(s *elfobj.Section, addr uint64) uint64 {
	list := p.marks[s.Index]
	end := s.Addr + s.Size
	if i := sort.Search(len(list), func(i int) bool { return list[i] > addr }); i < len(list) {
		return min(list[i], end)
	}
	return end
}

// roomAt returns where what begins at an address surely ends: linkers let a string begin inside of another one that ends alike.
func (p *marked) roomAt(s *elfobj.Section, addr uint64) (end uint64) {
	if end = p.tableEnd(s, addr); end > addr {
		return min(end, p.nextMark(s, addr))
	}
	for end = p.nextMark(s, addr); end < s.Addr+s.Size; end = p.nextMark(s, end) {
		if p.starts[end] || p.direct[addr] && !p.taken[addr] || s.Data == nil || s.Data[end-1-s.Addr] == 0 {
			break
		}
	}
	return end
}

// isPiece reports whether what begins at an address may be a part of what stands before it: nothing but accesses lead there.
func (p *marked) isPiece(addr uint64) bool {
	_, named := p.starts[addr]
	return p.direct[addr] && !p.taken[addr] && !named
}

// tableEnd returns where a table of code ends that begins at an address; the address itself for none.
func (p *linked) tableEnd(s *elfobj.Section, addr uint64) (end uint64) {
	end = addr
	for _, r := range p.relasIn(s.Index, addr, s.Addr+s.Size) {
		to := &p.file.Symbols[r.Symbol]
		if r.Offset != end || to.Type != elf.STT_SECTION || !isCode(&p.file.Sections[to.Section]) {
			break
		}
		end += p.target.Reloc(r.Type).Width
	}
	return end
}

// bytesIn are the program's bytes of [from, to), zero where the file has none.
func (p *linked) bytesIn(s *elfobj.Section, from, to uint64) []byte {
	b := make([]byte, to-from)
	if s.Type != elf.SHT_NOBITS {
		copy(b, s.Data[from-s.Addr:])
	}
	return b
}
