package kpatch

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// others is a patch in the form LibcarePlus writes: tables between the sections, symbols of every kind, relocations
// against symbols with values, types that ours never have, and no digest.
type others struct {
	sections []elfobj.Section
	symbols  []elfobj.Symbol
	info     []elfobj.Rela
	text     []elfobj.Rela
	entries  []byte
}

func newOthers() *others {
	entries := make([]byte, 2*InfoEntrySize+InfoTerminatorSize)
	order.PutUint32(entries[16:], 30)
	order.PutUint32(entries[20:], 40)
	order.PutUint32(entries[InfoEntrySize+20:], 8)
	return &others{
		sections: []elfobj.Section{
			{},
			{Name: ".shstrtab", Type: elf.SHT_STRTAB},
			{Name: ".kpatch.strtab", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Data: []byte("f\x00g\x00")},
			{Name: ".symtab", Type: elf.SHT_SYMTAB, Link: 5, Info: 6, Align: 8, EntSize: symbolSize},
			{Name: ".rela.kpatch.info", Type: elf.SHT_RELA, Link: 3, Info: 7, Align: 8, EntSize: relaSize},
			{Name: ".strtab", Type: elf.SHT_STRTAB},
			{Name: ".text", Type: elf.SHT_NOBITS, Flags: flagsText, Addr: 0x1000, Size: 0x100, Align: 16},
			{Name: ".kpatch.info", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Align: 8},
			{Name: ".kpatch.text", Type: elf.SHT_PROGBITS, Flags: flagsText, Align: 16, Data: make([]byte, 64)},
			{Name: ".rela.kpatch.text", Type: elf.SHT_RELA, Link: 3, Info: 8, Align: 8, EntSize: relaSize},
		},
		symbols: []elfobj.Symbol{
			{},
			{Type: elf.STT_SECTION, Section: 2, Value: 0x200a},
			{Name: "f", Type: elf.STT_NOTYPE, Section: 6, Value: 0x20},
			{Name: "f.kpatch", Type: elf.STT_FUNC, Section: 8, Value: 0x10, Size: 40},
			{Name: "v", Type: elf.STT_TLS, Section: 6},
			{Name: "foo.c", Type: elf.STT_FILE, Section: int(elf.SHN_ABS)},
			{Name: "strcmp@GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
			{Name: "environ", Bind: elf.STB_WEAK},
		},
		info: []elfobj.Rela{
			{Offset: 24, Type: 0},
			{Offset: 24, Type: 1, Symbol: 1},
			{Offset: 8, Type: 1, Symbol: 3},
			{Offset: 0, Type: 1, Symbol: 2},
			{Offset: InfoEntrySize + 8, Type: 1, Symbol: 3, Addend: 0x20},
			{Offset: InfoEntrySize + 24, Type: 1, Symbol: 1, Addend: 2},
		},
		text: []elfobj.Rela{
			{Offset: 60, Type: uint32(elf.R_X86_64_TPOFF32), Symbol: 4},
			{Offset: 4, Type: uint32(elf.R_X86_64_PLT32), Symbol: 6, Addend: -4},
			{Offset: 12, Type: uint32(elf.R_X86_64_GOTPCREL), Symbol: 7, Addend: -4},
		},
		entries: entries,
	}
}

// encode writes the file by the rules of the header alone.
func (o *others) encode(t *testing.T) []byte {
	t.Helper()
	o.sections[3].Data, o.sections[5].Data = elfobj.EncodeSymbols(o.symbols)
	o.sections[4].Data, o.sections[9].Data = elfobj.EncodeRelas(o.info), elfobj.EncodeRelas(o.text)
	if o.sections[7].Type == elf.SHT_PROGBITS {
		o.sections[7].Data = o.entries
	}
	object, err := elfobj.EncodeObject(elf.EM_X86_64, o.sections, []int{8, 1, 2, 3, 4, 5, 7, 9})
	if err != nil {
		t.Fatal(err)
	}
	object = append(object, make([]byte, -len(object)&15)...)
	h := Header{ID: "0001", BuildID: "ab", KpatchOffset: 504, RelOffset: 504, TotalSize: uint32(504 + len(object))}
	return append(h.Encode(), object...)
}

func TestDecodeOthers(t *testing.T) {
	p := mustDecode(t, newOthers().encode(t))
	want := []Function{
		{Name: "f", Old: Location{6, 0x20}, New: Location{8, 0x10}, OldSize: 30, NewSize: 40},
		{Name: "g", New: Location{8, 0x30}, NewSize: 8},
	}
	if diff := cmp.Diff(want, p.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	wantRelocs := []Reloc{
		{4, x86(elf.R_X86_64_PLT32), 6, -4},
		{12, x86(elf.R_X86_64_GOTPCREL), 7, -4},
		{60, x86(elf.R_X86_64_TPOFF32), 4, 0},
	}
	if diff := cmp.Diff(wantRelocs, p.Sections[8].Relocs); diff != "" {
		t.Errorf("relocations:\n%s", diff)
	}
	if s := p.Symbols[6]; s.Name != "strcmp" || s.Version != "GLIBC_2.2.5" {
		t.Errorf("import %+v", s)
	}
	if p.Symbols[7].Bind != elf.STB_WEAK || p.Symbols[5].Section != int(elf.SHN_ABS) || p.Meta != nil {
		t.Errorf("symbols %+v, metadata %v", p.Symbols, p.Meta)
	}
	layout, err := p.Layout(p.Machine)
	if err != nil {
		t.Fatal(err)
	}
	object := uint32(len(p.Object))
	wantLayout := Layout{
		JumpSlots: 1, JmpOffset: 504, ElfOffset: 4096, UserInfo: 4096 + uint32(p.Sections[7].Offset),
		UserUndo: (4096 + object + 127) / 128 * 128, TotalMemory: 8192,
	}
	if diff := cmp.Diff(wantLayout, layout); diff != "" {
		t.Errorf("layout:\n%s", diff)
	}
}

func TestDecodeOthersRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(o *others)
		want   string
	}{
		{"no info", func(o *others) { o.sections[7].Name = ".other" }, ".kpatch.info: missing"},
		{"no terminator", func(o *others) { o.entries = o.entries[:2*InfoEntrySize+8] }, "no terminator after 2"},
		{"entry cut", func(o *others) { o.entries = o.entries[:InfoEntrySize+40] }, "no terminator after 1"},
		{"behind the terminator", func(o *others) {
			o.entries = append(o.entries, make([]byte, 2*InfoEntrySize)...)
			o.info = append(o.info, elfobj.Rela{Offset: 2*InfoEntrySize + 32, Type: 1, Symbol: 3})
		}, "behind the terminator"},
		{"two relocations at one place", func(o *others) { o.info[2].Offset = 0 }, "where one address belongs"},
		{"relative address", func(o *others) { o.info[3].Type = 2 }, "where one address belongs"},
		{"old address not relocated", func(o *others) { o.info[3].Offset = 32 }, "old address has no relocation"},
		{"new address not relocated", func(o *others) { o.info[2].Offset = 32 }, "new address has no relocation"},
		{"old address in the patch", func(o *others) { o.info[3].Symbol = 3 }, "in no section of the original"},
		{"old address undefined", func(o *others) { o.info[3].Symbol = 6 }, "is in no section"},
		{"old address past its section", func(o *others) { o.info[3].Addend = 0x100 }, "past the 256 bytes"},
		{"new address in the original", func(o *others) { o.info[2].Symbol = 2 }, "not in the patch"},
		{"new code too long", func(o *others) { order.PutUint32(o.entries[20:], 49) }, "not in the patch"},
		{"name elsewhere", func(o *others) { o.info[1].Addend = 4 }, "is no string"},
		{"name of the original", func(o *others) { o.info[1].Symbol = 2 }, "is no string"},
		{"place past the section", func(o *others) { o.text[1].Offset = 64 }, "past the section's 64 bytes"},
		{"relocated original", func(o *others) { o.sections[9].Info = 6 }, "section without contents"},
		{"no addends", func(o *others) { o.sections[9].Type = elf.SHT_REL }, "unreadable relocations"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newOthers()
			row.change(o)
			p, err := Decode(o.encode(t))
			if f := fault.As(err); p != nil || f == nil || f.Code != "format-corrupt" || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestLayoutInPages: whatever the size of a kernel's pages, data begin on one, and the mapping ends with one.
func TestLayoutInPages(t *testing.T) {
	small := mustDecode(t, mustEncode(t, small()))
	large := mustDecode(t, mustEncode(t, small))
	large.section(kpname.Data).Offset += 7 * 4096
	large.Object = append(large.Object, make([]byte, 7*4096)...)
	bare := mustDecode(t, newOthers().encode(t))
	for _, row := range []struct {
		name                string
		patch               *Patch
		page                uint64
		object, data, total uint64 // in KiB
	}{
		{"4 KiB", small, 4 << 10, 4, 8, 12},
		{"16 KiB", small, 16 << 10, 12, 16, 32},
		{"64 KiB", small, 64 << 10, 60, 64, 128},
		{"16 KiB, data further on", large, 16 << 10, 16, 48, 64},
		{"64 KiB, data further on", large, 64 << 10, 32, 64, 128},
		{"64 KiB, no data", bare, 64 << 10, 4, 0, 64},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := row.patch.Layout(&arch.Target{PageSize: row.page, UndoSize: row.patch.Machine.UndoSize})
			if err != nil || uint64(l.ElfOffset) != row.object<<10 || uint64(l.DataOffset) != row.data<<10 || l.TotalMemory != row.total<<10 {
				t.Errorf("%+v, %v", l, err)
			}
			if l.DataOffset != 0 && uint64(l.UserUndo) < uint64(l.DataOffset) {
				t.Errorf("what is written later at %#x is in code, up to %#x", l.UserUndo, l.DataOffset)
			}
		})
	}
}

func TestLayoutRefuses(t *testing.T) {
	p := mustDecode(t, mustEncode(t, small()))
	p.section(kpname.Data).Offset += 16
	if _, err := p.Layout(p.Machine); err == nil || !strings.Contains(err.Error(), "no page boundary") {
		t.Errorf("got %v", err)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	want := Header{
		ID: "a-_.Z09", Flags: 1, SafetyMethod: 2, BuildID: strings.Repeat("0f", 20), BuildTime: 3, Csum: 4, NrReloc: 5, KpatchOffset: 6,
		RelOffset: 7, TotalSize: 8, JmpOffset: 9, ElfOffset: 10, TotalMemory: 11, UserUndo: 12, UserInfo: 13, UserLevel: 14,
	}
	b := want.Encode()
	got, err := decodeHeader(b)
	if diff := cmp.Diff(want, got); diff != "" || err != nil || len(b) != 504 {
		t.Errorf("%d bytes, %v\n%s", len(b), err, diff)
	}
	// the offsets of the run-time fields, which no golden file shows
	for _, row := range []struct{ at, want int }{{16, 1}, {17, 2}, {164, 9}, {168, 10}, {176, 11}, {184, 12}, {188, 13}, {192, 14}} {
		if int(b[row.at]) != row.want {
			t.Errorf("byte %d is %d, want %d", row.at, b[row.at], row.want)
		}
	}
}
