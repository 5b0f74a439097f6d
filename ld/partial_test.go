package ld

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The inputs of a partial link are where its output is, and in that where its own map says; one at its start is not discarded.
func TestExpand(t *testing.T) {
	inner := `
Discarded input sections

 .text.unused   0x0000000000000000        0x7 b.o

.interp
 *(.interp)

.text           0x0000000000000000       0x30
 *(.text .stub)
 .text          0x0000000000000000       0x10 a.o
 .text          0x0000000000000010       0x20 b.o

.rodata.a_section_with_a_long_name
                0x0000000000000000        0x8
 .rodata.a_section_with_a_long_name
                0x0000000000000000        0x8 /abs/l.a(m.o)

.bss            0x0000000000000000        0x4
 COMMON         0x0000000000000000        0x4 a.o
                0x0000000000000000                shared

.text.gone      0x0000000000000000        0x5
 .text.gone     0x0000000000000000        0x5 a.o
`
	outer := `
 .text.gone     0x0000000000000000        0x5 lib.a(both.o)

.text           0x0000000000001000      0x100
 .text          0x0000000000001000       0x40 main.o
 .text          0x0000000000001040       0x30 lib.a(both.o)
 .rodata.a_section_with_a_long_name
                0x0000000000002000        0x8 lib.a(both.o)
 .bss           0x0000000000003000        0x4 lib.a(both.o)
`
	m, err := ReadMap([]byte(outer))
	if err != nil {
		t.Fatal(err)
	}
	own := len(m.Entries)
	p := Partial{Dir: "/t/sub", Path: "lib.a", Member: "both.o"}
	if p.Map, err = ReadMap([]byte(inner)); err != nil {
		t.Fatal(err)
	}
	if err := m.Expand(p); err != nil {
		t.Fatal(err)
	}
	for i := range m.Entries {
		m.Entries[i].Output = ""
	}
	want := []Placement{
		{Path: "/t/sub/b.o", Section: ".text.unused", Size: 7, Discarded: true},
		{Path: "/t/sub/a.o", Section: ".text", Addr: 0x1040, Size: 0x10},
		{Path: "/t/sub/b.o", Section: ".text", Addr: 0x1050, Size: 0x20},
		{Path: "/abs/l.a", Member: "m.o", Section: ".rodata.a_section_with_a_long_name", Addr: 0x2000, Size: 8},
		{Path: "/t/sub/a.o", Section: "COMMON", Addr: 0x3000, Size: 4, Symbols: map[string]uint64{"shared": 0x3000}},
		{Path: "/t/sub/a.o", Section: ".text.gone", Size: 5, Discarded: true},
	}
	if diff := cmp.Diff(want, m.Entries[own:]); diff != "" {
		t.Error(diff)
	}
	p.Map.Linker = "gold"
	if err := m.Expand(p); err == nil {
		t.Error("the map of another linker is taken")
	}
}
