package ld

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/elfobj"
)

func TestReadTables(t *testing.T) {
	symbol := func(name, version string, section int, value uint64, typ elf.SymType) elfobj.Symbol {
		return elfobj.Symbol{Name: name, Version: version, Section: section, Value: value, Type: typ, Bind: elf.STB_GLOBAL}
	}
	const absolute, undefined = int(elf.SHN_ABS), int(elf.SHN_UNDEF)
	bin := &image{File: &elfobj.File{
		Segments: []elfobj.Segment{{Type: elf.PT_TLS, Vaddr: 0x3000}},
		Sections: make([]elfobj.Section, 2),
		Symbols: []elfobj.Symbol{
			{},
			symbol("number", "", absolute, 7, elf.STT_NOTYPE),
			symbol("thread", "", 1, 8, elf.STT_TLS),
			symbol("f", "", 1, 0x1000, elf.STT_FUNC),
			{Name: "f", Section: 1, Value: 0x1100, Type: elf.STT_FUNC, Bind: elf.STB_LOCAL},
		},
		DynSymbols: []elfobj.Symbol{
			{},
			symbol("f", "", 1, 0x1000, elf.STT_FUNC),
			symbol("two", "V1", 1, 0x1200, elf.STT_FUNC),
			symbol("two", "V2", 1, 0x1300, elf.STT_FUNC),
			symbol("import", "V1", undefined, 0, elf.STT_FUNC),
			symbol("import", "V2", undefined, 0x1400, elf.STT_FUNC),
		},
	}}
	got := readTables(bin)
	addresses := map[string][]uint64{}
	for name, list := range got.globals {
		for _, d := range list {
			addresses[name] = append(addresses[name], d.addr)
		}
	}
	if diff := cmp.Diff(map[string][]uint64{"thread": {0x3008}, "f": {0x1000}, "two": {0x1200, 0x1300}}, addresses); diff != "" {
		t.Errorf("globals (-want +got):\n%s", diff)
	}
	if len(got.locals) != 1 || got.locals["f"][0].addr != 0x1100 {
		t.Errorf("locals: %v", got.locals)
	}
	if got.numbers["number"] != 7 {
		t.Errorf("numbers: %v", got.numbers)
	}
	if got.exports["two"].Version != "" {
		t.Errorf("of two versions %q is taken for the one", got.exports["two"].Version)
	}
	if len(got.canonicals) != 1 || got.canonicals[versioned{"import", "V2"}] != 0x1400 || len(got.taken) != 2 {
		t.Errorf("canonicals %v, taken %v", got.canonicals, got.taken)
	}
}

// TestReadLibraries: what a process has comes before what a later version or a new library of the link has, and a default version settles
// what a name means.
func TestReadLibraries(t *testing.T) {
	library := func(o Object, symbols ...elfobj.Symbol) Object {
		o.File = &elfobj.File{Type: elf.ET_DYN, DynSymbols: symbols}
		return o
	}
	defined := func(name, version string, older bool) elfobj.Symbol {
		return elfobj.Symbol{Name: name, Version: version, Older: older, Section: 1, Type: elf.STT_FUNC}
	}
	got := readLibraries(objects{
		library(Object{Path: "new.so", New: true}, defined("f", "N", false), defined("only", "N", false)),
		library(Object{Path: "later.so", Later: true}, defined("f", "L", false), defined("more", "L", false)),
		library(Object{Path: "lib.so"}, defined("f", "V1", true), defined("f", "V2", false), defined("old", "V1", true)),
	})
	want := libraries{
		"f":    {typ: elf.STT_FUNC, version: "V2", settled: true},
		"old":  {typ: elf.STT_FUNC},
		"only": {typ: elf.STT_FUNC, version: "N", settled: true, missing: "new.so"},
		"more": {typ: elf.STT_FUNC, version: "L", settled: true, later: "later.so"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(libSymbol{})); diff != "" {
		t.Errorf("libraries (-want +got):\n%s", diff)
	}
}
