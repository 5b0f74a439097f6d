package ld

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
)

// placeState says what the map tells about an input section.
type placeState int

const (
	unplaced  placeState = iota // the map does not mention it
	placed                      // at a known address
	discarded                   // left out by the linker
	merged                      // its pieces were merged with those of other inputs
	ambiguous                   // several inputs or sections could be meant
	resized                     // mentioned with another size
)

// place is where an input section went.
type place struct {
	state placeState
	addr  uint64 // link address, if placed
}

func (p placeState) String() string {
	return [...]string{
		"not in the link map", "placed", "discarded by the linker", "in a section whose pieces the linker merges",
		"at several places in the link map", "of another size in the link map",
	}[p]
}

// placeHint says what to do about a section of an input that the map does not place.
func (o objects) placeHint(input int, p place) string {
	obj := &o[input]
	twin := func(other Object) bool {
		return other.Path == obj.Path && other.Member == obj.Member && other.File != obj.File
	}
	switch {
	case p.state != ambiguous:
		return "map, objects and binary have to come from one link: build the original again with --clean"
	case slices.ContainsFunc(o, twin):
		return "the archive has several members of that name: give the members different names, and build the original again with --clean"
	}
	return "sections of one name are alike there: make the change in a function that uses none of them"
}

// inputKey names an input in a map. Several inputs may share one: archives may hold two members of a name.
type inputKey struct{ path, member, section string }

// inputSection is a section of an input, by index.
type inputSection struct{ object, section int }

// place finds every allocated section of every input in the map. Paths are compared as spelt, then cleaned.
func (l *link) place(m *Map) {
	l.places = make([][]place, len(l.objects))
	exact, clean, inputs := map[inputKey][]Placement{}, map[inputKey][]Placement{}, map[inputKey]bool{}
	for _, e := range m.Entries {
		k := inputKey{e.Path, e.Member, e.Section}
		exact[k] = append(exact[k], e)
		k.path = filepath.Clean(e.Path)
		clean[k] = append(clean[k], e)
		inputs[inputKey{path: k.path, member: k.member}] = true
	}
	groups := map[inputKey][]inputSection{}
	for i := range l.objects {
		l.groupSections(i, exact, groups)
	}
	for k, sections := range groups {
		entries := exact[k]
		if len(entries) == 0 {
			k.path = filepath.Clean(k.path)
			entries = clean[k]
		}
		l.assign(sections, entries)
		if len(entries) == 0 && m.complete {
			l.leaveOut(sections, inputs)
		}
	}
}

// leaveOut marks sections that a complete map does not mention, if it mentions their inputs at all.
func (l *link) leaveOut(sections []inputSection, inputs map[inputKey]bool) {
	for _, s := range sections {
		obj := &l.objects[s.object]
		if inputs[inputKey{path: filepath.Clean(obj.path(s.section)), member: obj.Member}] {
			l.places[s.object][s.section].state = discarded
		}
	}
}

func (l *link) groupSections(i int, exact map[inputKey][]Placement, groups map[inputKey][]inputSection) {
	obj := &l.objects[i]
	l.places[i] = make([]place, len(obj.File.Sections))
	if obj.File.Type != elf.ET_REL {
		return
	}
	for s := range obj.File.Sections {
		sec := &obj.File.Sections[s]
		switch {
		case sec.Flags&elf.SHF_ALLOC == 0:
		case sec.Flags&elf.SHF_MERGE != 0:
			l.places[i][s].state = merged
		case sec.Addr != 0: // of an object that was taken out of the binary
			l.places[i][s] = place{placed, sec.Addr}
		default:
			k := inputKey{obj.path(s), obj.Member, sec.Name}
			if _, found := exact[k]; !found {
				k.path = filepath.Clean(k.path)
			}
			groups[k] = append(groups[k], inputSection{i, s})
		}
	}
}

// assign gives sections of one name their entries of that name: by size, and where that leaves a choice by contents.
func (l *link) assign(sections []inputSection, entries []Placement) {
	if len(entries) == 0 {
		return
	}
	rivals := map[uint64]int{}
	for _, s := range sections {
		rivals[l.objects.section(s).Size]++
	}
	for _, s := range sections {
		size := l.objects.section(s).Size
		l.places[s.object][s.section] = l.choose(s, withSize(entries, size), rivals[size])
	}
}

// choose picks the entry of section s among those of its size, for which rivals sections compete.
func (l *link) choose(s inputSection, entries []Placement, rivals int) place {
	live := entries[:0:0]
	for _, e := range entries {
		if !e.Discarded {
			live = append(live, e)
		}
	}
	switch {
	case len(entries) == 0:
		return place{state: resized}
	case len(live) == 0:
		return place{state: discarded}
	case len(live) == 1 && len(entries) == 1 && rivals == 1:
		return place{placed, live[0].Addr}
	}
	p := l.chooseByBytes(s, live)
	if p.state == discarded && len(live) == len(entries) {
		p.state = ambiguous // none was discarded: map, inputs and binary do not belong together
	}
	return p
}

func (l *link) chooseByBytes(s inputSection, live []Placement) place {
	sec := l.objects.section(s)
	if sec.Type == elf.SHT_NOBITS || sec.Size == 0 {
		return place{state: ambiguous}
	}
	var found []uint64
	for _, e := range live {
		if l.mismatch(s, 0, sec.Size, e.Addr) == nil {
			found = append(found, e.Addr)
		}
	}
	switch len(found) {
	case 0:
		return place{state: discarded}
	case 1:
		return place{placed, found[0]}
	}
	return place{state: ambiguous}
}

func withSize(entries []Placement, size uint64) []Placement {
	var same []Placement
	for _, e := range entries {
		if e.Size == size {
			same = append(same, e)
		}
	}
	return same
}

// functionAddrs returns the link addresses of functions of an input, as far as they are in the binary.
func (l *link) functionAddrs(input int, names []string) []uint64 {
	var addrs []uint64
	for _, name := range names {
		s, err := l.objects.functionSymbol(input, name, "")
		if err != nil {
			continue
		}
		if p := l.places[input][s.Section]; p.state == placed {
			addrs = append(addrs, p.addr+s.Value)
		}
	}
	return addrs
}

// nextInput returns where the next input section behind addr begins, at most the end of the section that holds addr-1.
func (l *link) nextInput(addr uint64) uint64 {
	limit := addr
	for _, s := range l.bin.sections {
		if s.Addr < addr && addr <= s.Addr+s.Size {
			limit = s.Addr + s.Size
		}
	}
	for i := range l.bin.Symbols {
		if s := &l.bin.Symbols[i]; l.partial && s.Defined() && s.Type == elf.STT_FUNC && s.Value >= addr && s.Value < limit {
			limit = s.Value
		}
	}
	for i := range l.places {
		for k, p := range l.places[i] {
			if p.state == placed && p.addr >= addr && p.addr < limit && l.objects[i].File.Sections[k].Size > 0 {
				limit = p.addr
			}
		}
	}
	return limit
}

// globalAt returns the link address of a function of an input.
func (l *link) globalAt(input int, name string) (uint64, bool) {
	s, err := l.objects.functionSymbol(input, name, "")
	if err != nil || l.places[input][s.Section].state != placed {
		return 0, false
	}
	return l.places[input][s.Section].addr + s.Value, true
}

// codeSections lists the sections of inputs that hold code of the original, and says whether these are all: the place of each is known.
func (l *link) codeSections() (list []inputSection, all bool) {
	all = true
	for input := range l.objects {
		for section, p := range l.places[input] {
			sec := &l.objects[input].File.Sections[section]
			switch {
			case l.objects[input].File.Type != elf.ET_REL || sec.Flags&elf.SHF_EXECINSTR == 0 || sec.Size == 0 || p.state == discarded:
			case p.state == placed:
				list = append(list, inputSection{input, section})
			default:
				all = false
			}
		}
	}
	return list, all
}

// mismatch compares size bytes at offset from of an input section with the binary's bytes at addr, where relocations
// did not change them, and says where they differ.
func (l *link) mismatch(s inputSection, from, size, addr uint64) error {
	sec := l.objects.section(s)
	if from > uint64(len(sec.Data)) || size > uint64(len(sec.Data))-from {
		return fmt.Errorf("section %s ends before 0x%x", sec.Name, from+size)
	}
	linked, ok := l.bin.BytesAt(addr, size)
	if !ok {
		return fmt.Errorf("no %d bytes at 0x%x in the binary", size, addr)
	}
	relas, err := l.relas(s, from-min(from, mostTouched), from+size+mostTouched)
	if err != nil {
		return err
	}
	skip := l.bin.relocated(relas, from, size)
	for i, b := range sec.Data[from : from+size] {
		if b != linked[i] && !skip[i] && !l.bin.moved(sec.Data[from:from+size], uint64(i), addr) {
			return fmt.Errorf("byte 0x%02x at %s+0x%x is 0x%02x at 0x%x of the binary", b, sec.Name, from+uint64(i), linked[i], addr+uint64(i))
		}
	}
	return nil
}
