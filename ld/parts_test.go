package ld

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/elfobj"
)

// Sections of a merged object are where the map has those of the objects that it was merged of.
func TestPlaceParts(t *testing.T) {
	text := elfobj.Section{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 8}
	merged := &elfobj.File{Type: elf.ET_REL, Sections: []elfobj.Section{{}, text, {}, text}}
	o := &link{objects: []Object{{Path: "prog (-flto)", File: merged, Parts: []string{"/tmp/0.o", "/tmp/0.o", "/tmp/1.o", "/tmp/1.o"}}}}
	o.place(&Map{Entries: []Placement{
		{Path: "/tmp/1.o", Section: ".text", Addr: 0x2000, Size: 8},
		{Path: "/tmp/0.o", Section: ".text", Addr: 0x1000, Size: 8},
	}})
	if first, second := o.places[0][1], o.places[0][3]; first != (place{placed, 0x1000}) || second != (place{placed, 0x2000}) {
		t.Errorf("placed at %+v and %+v", first, second)
	}
}

func TestMapPlaces(t *testing.T) {
	m := &Map{Entries: []Placement{
		{Path: "a.o", Section: ".text", Addr: 0x1000},
		{Path: "b.o", Section: ".text", Addr: 0x2000},
		{Path: "b.o", Section: ".text", Addr: 0x3000},
		{Path: "l.a", Member: "c.o", Section: ".text", Addr: 0x4000},
	}}
	if diff := cmp.Diff(map[InputSection]uint64{{"a.o", ".text"}: 0x1000}, m.Places()); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}
