package unlink

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/elfobj"
)

// This file tells of code and data that neither is a unit's nor has a name and a size: assembly sources may have such, and reach it by a
// distance from what has a name.

// unclaimed adds a digest of what sections have between claims and between units to what a program has besides.
func (p *Program) unclaimed(rest map[string]string, claims map[int][]step, names []place) {
	p.claimUnits(claims)
	p.claimConstants(claims)
	for i := range p.file.Sections {
		s := &p.file.Sections[i]
		if !isCompiled(s) {
			continue
		}
		var text strings.Builder
		for _, gap := range p.gapsOf(s, claims[i]) {
			text.WriteString(p.describeGap(s, gap, names))
		}
		if text.Len() > 0 {
			rest["section "+s.Name] += text.String()
		}
	}
}

// isCompiled reports whether a section has what the inputs of a link have: what linkers make themselves follows from that.
func isCompiled(s *elfobj.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Addr != 0 && (s.Type == elf.SHT_PROGBITS || isList(s)) && !isMade(s) && !isUnwindTable(s)
}

// isMade reports whether linkers make a section themselves.
func isMade(s *elfobj.Section) bool {
	return s.Type == elf.SHT_DYNAMIC || hasName(s, ".interp", ".plt", ".got", ".iplt")
}

// isUnwindTable reports whether a section tells how to unwind code: it is compared with the code.
func isUnwindTable(s *elfobj.Section) bool {
	return hasName(s, ".eh_frame", ".sframe", ".gcc_except_table")
}

// hasName reports whether a section is one of those, or of a kind of them.
func hasName(s *elfobj.Section, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return s.Name == name || strings.HasPrefix(s.Name, name+".") || s.Name == name+"_hdr"
	})
}

// claimUnits claims what units have, which is compared with them.
func (p *Program) claimUnits(claims map[int][]step) {
	for _, u := range p.units {
		c, err := u.takeOut()
		if err != nil { // what is not claimed is compared here
			continue
		}
		for section, list := range c.items {
			for _, i := range list {
				claims[section] = append(claims[section], step{i.start, i.end})
			}
		}
	}
}

// claimConstants claims what relocations lead to that is only read: it is compared with what leads there.
func (p *Program) claimConstants(claims map[int][]step) {
	for section, list := range p.relas {
		if p.file.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		for _, r := range list {
			if to, addr, ok := p.constant(section, r); ok {
				claims[to.Index] = append(claims[to.Index], step{addr, p.roomAt(to, addr)})
			}
		}
	}
}

// constant returns what a relocation leads to that has no name of its own and is only read.
func (p *linked) constant(section int, r elfobj.Rela) (to *elfobj.Section, addr uint64, ok bool) {
	s := &p.file.Symbols[r.Symbol]
	if !s.Defined() || s.Type != elf.STT_SECTION && !isLabel(s) || s.Section >= len(p.file.Sections) {
		return nil, 0, false
	}
	to, addr = &p.file.Sections[s.Section], p.leadsTo(section, r)
	return to, addr, to.Flags&(elf.SHF_WRITE|elf.SHF_EXECINSTR) == 0 && addr >= to.Addr && addr < to.Addr+to.Size && to.Type != elf.SHT_NOBITS
}

// gapsOf lists what of a section nothing claims, cut where something begins.
func (p *marked) gapsOf(s *elfobj.Section, claims []step) (list []step) {
	slices.SortFunc(claims, func(a, b step) int { return cmp.Compare(a.start, b.start) })
	at, end := s.Addr, s.Addr+s.Size
	for _, c := range append(claims, step{end, end}) {
		for to := min(c.start, end); at < to; {
			next := min(p.nextMark(s, at), to)
			list = append(list, step{at, next})
			at = next
		}
		at = max(at, c.end)
	}
	return list
}

// describeGap is a digest of what is between claims and where its relocations lead, "" for what only fills it.
func (p *Program) describeGap(s *elfobj.Section, gap step, names []place) string {
	data, relas := p.bytesIn(s, gap.start, gap.end), p.relasIn(s.Index, gap.start, gap.end)
	from, to := p.withoutPadding(s, gap, data)
	if len(relas) > 0 {
		from = min(from, relas[0].Offset-gap.start)
		to = max(to, relas[len(relas)-1].Offset-gap.start+1)
	}
	if from >= to {
		return ""
	}
	var leads strings.Builder
	for _, r := range relas {
		at := r.Offset - gap.start
		clear(data[at:min(at+p.target.Reloc(r.Type).Width, uint64(len(data)))])
		fmt.Fprintf(&leads, "%d %d %s\n", at-from, r.Type, p.destination(s.Index, r, names))
	}
	return fmt.Sprintf("%d %x;", to-from, sha256.Sum256(append(data[from:to:to], leads.String()...)))
}

// withoutPadding returns where in the data of a gap something starts and ends that is not there to fill it. Zeros behind a place at which
// something begins are its own, if more follows.
func (p *marked) withoutPadding(s *elfobj.Section, gap step, data []byte) (from, to uint64) {
	if to = uint64(len(data)); !isCode(s) {
		to = uint64(len(bytes.TrimRight(data, "\x00")))
		if _, begins := slices.BinarySearch(p.marks[s.Index], gap.start); !begins {
			from = to - uint64(len(bytes.TrimLeft(data[:to], "\x00")))
		}
		return from, to
	}
	if p.madeBy("mold") && len(bytes.Trim(data, "\x00")) == 0 { // which fills code with zeros
		return to, to
	}
	from = uint64(p.target.Padding(data))
	for end := from; end < to; end++ {
		if p.target.Padding(data[end:]) == len(data)-int(end) {
			return from, end
		}
	}
	return from, to
}
