package ld

import (
	"debug/elf"
	"path/filepath"
	"slices"
	"sort"
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
func (o *Original) placeHint(input int, p place) string {
	obj := &o.objects[input]
	twin := func(other Object) bool {
		return other.Path == obj.Path && other.Member == obj.Member && other.File != obj.File
	}
	switch {
	case p.state != ambiguous:
		return "map, objects and binary have to come from one link: build the original again with --clean"
	case slices.ContainsFunc(o.objects, twin):
		return "the archive has several members of that name: give the members different names, and build the original again with --clean"
	}
	return "sections of one name are alike there: make the change in a function that uses none of them"
}

// inputKey names an input in a map. Several inputs may share one: archives may hold two members of a name.
type inputKey struct{ path, member, section string }

// inputSection is a section of an input, by index.
type inputSection struct{ object, section int }

// place finds every allocated section of every input in the map. Paths are compared as spelt, then cleaned.
func (o *Original) place(m *Map) {
	o.places = make([][]place, len(o.objects))
	exact, clean, inputs := map[inputKey][]Placement{}, map[inputKey][]Placement{}, map[inputKey]bool{}
	for _, e := range m.Entries {
		k := inputKey{e.Path, e.Member, e.Section}
		exact[k] = append(exact[k], e)
		k.path = filepath.Clean(e.Path)
		clean[k] = append(clean[k], e)
		inputs[inputKey{path: k.path, member: k.member}] = true
	}
	groups := map[inputKey][]inputSection{}
	for i := range o.objects {
		o.groupSections(i, exact, groups)
	}
	for k, sections := range groups {
		entries := exact[k]
		if len(entries) == 0 {
			k.path = filepath.Clean(k.path)
			entries = clean[k]
		}
		o.assign(sections, entries)
		if len(entries) == 0 && m.complete {
			o.leaveOut(sections, inputs)
		}
	}
}

// leaveOut marks sections that a complete map does not mention, if it mentions their inputs at all.
func (o *Original) leaveOut(sections []inputSection, inputs map[inputKey]bool) {
	for _, s := range sections {
		obj := &o.objects[s.object]
		if inputs[inputKey{path: filepath.Clean(obj.path(s.section)), member: obj.Member}] {
			o.places[s.object][s.section].state = discarded
		}
	}
}

func (o *Original) groupSections(i int, exact map[inputKey][]Placement, groups map[inputKey][]inputSection) {
	obj := &o.objects[i]
	o.places[i] = make([]place, len(obj.File.Sections))
	if obj.File.Type != elf.ET_REL {
		return
	}
	for s := range obj.File.Sections {
		sec := &obj.File.Sections[s]
		switch {
		case sec.Flags&elf.SHF_ALLOC == 0:
		case sec.Flags&elf.SHF_MERGE != 0:
			o.places[i][s].state = merged
		case sec.Addr != 0: // of an object that was taken out of the binary
			o.places[i][s] = place{placed, sec.Addr}
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
func (o *Original) assign(sections []inputSection, entries []Placement) {
	if len(entries) == 0 {
		return
	}
	rivals := map[uint64]int{}
	for _, s := range sections {
		rivals[o.section(s).Size]++
	}
	for _, s := range sections {
		size := o.section(s).Size
		o.places[s.object][s.section] = o.choose(s, withSize(entries, size), rivals[size])
	}
}

func (o *Original) section(s inputSection) *elfSection {
	return &o.objects[s.object].File.Sections[s.section]
}

// choose picks the entry of section s among those of its size, for which rivals sections compete.
func (o *Original) choose(s inputSection, entries []Placement, rivals int) place {
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
	p := o.chooseByBytes(s, live)
	if p.state == discarded && len(live) == len(entries) {
		p.state = ambiguous // none was discarded: map, inputs and binary do not belong together
	}
	return p
}

func (o *Original) chooseByBytes(s inputSection, live []Placement) place {
	sec := o.section(s)
	if sec.Type == elf.SHT_NOBITS || sec.Size == 0 {
		return place{state: ambiguous}
	}
	var found []uint64
	for _, e := range live {
		if o.mismatch(s, 0, sec.Size, e.Addr) == nil {
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

func sortSections(s []OrigSection) {
	sort.SliceStable(s, func(i, k int) bool { return s[i].Addr < s[k].Addr })
}

// locate expresses a link address as an offset into an original section. One past the end counts as inside, for
// symbols such as _end, when no other section begins there.
func (o *Original) locate(addr uint64) (Target, bool) {
	end := -1
	for i, s := range o.out {
		if s.Addr <= addr && addr < s.Addr+s.Size {
			return Target{InOriginal, i, addr - s.Addr}, true
		}
		if addr == s.Addr+s.Size {
			end = i
		}
	}
	if end < 0 {
		return Target{}, false
	}
	return Target{InOriginal, end, addr - o.out[end].Addr}, true
}
