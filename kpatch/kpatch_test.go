package kpatch

import (
	"bytes"
	"debug/elf"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// small returns a patch of one changed and one new function with every kind of section, reference and import.
func small() *Patch {
	return &Patch{
		ID: "0001", BuildID: "00112233445566778899aabbccddeeff00112233", BuildTime: 1700000000, Machine: &arch.X86_64,
		Sections: []Section{
			{},
			{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x1000, Size: 0x200, Align: 16},
			{Name: ".data", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Addr: 0x4000, Size: 0x40, Align: 8},
			{
				Name: kpname.Text, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 32, Align: 16,
				Data: bytes.Repeat([]byte{0x90}, 32),
				Relocs: []Reloc{
					{Offset: 4, Type: x86(elf.R_X86_64_PC32), Symbol: 2, Addend: 0x10 - 4},
					{Offset: 12, Type: x86(elf.R_X86_64_PC32), Symbol: 4, Addend: -4},
					{Offset: 20, Type: x86(elf.R_X86_64_PC32), Symbol: 3, Addend: -4},
				},
			},
			{
				Name: kpname.Rodata, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Size: 8, Align: 8, Data: make([]byte, 8),
				Relocs: []Reloc{{Offset: 0, Type: x86(elf.R_X86_64_64), Symbol: 1, Addend: 0x20}},
			},
			{Name: kpname.Data, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Size: 4, Align: 4, Data: []byte{1, 2, 3, 4}},
		},
		Symbols: []Symbol{
			{},
			{Type: elf.STT_SECTION, Section: 1},
			{Type: elf.STT_SECTION, Section: 2},
			{Type: elf.STT_SECTION, Section: 5},
			{Name: "puts", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
		},
		Functions: []Function{
			{Name: "changed", Old: Location{1, 0x40}, OldSize: 20, New: Location{3, 0}, NewSize: 16},
			{Name: "added", New: Location{3, 16}, NewSize: 16},
		},
		Meta: &Meta{Tool: "gocare test", Description: "a < b", Parts: []Part{{Function: "changed", Name: "changed", Addr: 0x1040, Size: 20}}},
	}
}

func mustEncode(t testing.TB, p *Patch) []byte {
	t.Helper()
	data, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustDecode(t testing.TB, data []byte) *Patch {
	t.Helper()
	p, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOriginalAlignment: a section of the original has its place, so that its alignment may be more than a page.
func TestOriginalAlignment(t *testing.T) {
	p := small()
	i := slices.IndexFunc(p.Sections, func(s Section) bool { return s.Name == ".text" })
	size := len(mustEncode(t, p))
	p.Sections[i].Align = 2 << 20
	data := mustEncode(t, p)
	if got := mustDecode(t, data).Sections[i].Align; got != 2<<20 {
		t.Errorf("alignment %d", got)
	}
	if len(data) != size {
		t.Errorf("%d bytes instead of %d", len(data), size)
	}
	p.Sections[i].Align = 3
	if _, err := Encode(p); err == nil {
		t.Error("an alignment of 3 bytes")
	}
}

func TestRoundTrip(t *testing.T) {
	want := small()
	data := mustEncode(t, want)
	got := mustDecode(t, data)
	if got.ID != want.ID || got.BuildID != want.BuildID || got.BuildTime != want.BuildTime {
		t.Errorf("header: %q %q %d", got.ID, got.BuildID, got.BuildTime)
	}
	if diff := cmp.Diff(want.Meta, got.Meta); diff != "" {
		t.Errorf("metadata:\n%s", diff)
	}
	if diff := cmp.Diff(want.Functions, got.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	for i, w := range want.Sections {
		g := got.Sections[i]
		if g.Name != w.Name || g.Addr != w.Addr || g.Size != w.Size || !bytes.Equal(g.Data, w.Data) || len(g.Relocs) != len(w.Relocs) {
			t.Errorf("section %d: got %+v, want %+v", i, g, w)
		}
		for k, r := range w.Relocs {
			gr := g.Relocs[k]
			if gr.Offset != r.Offset || gr.Type != r.Type || gr.Addend != r.Addend || got.Symbols[gr.Symbol] != want.Symbols[r.Symbol] {
				t.Errorf("%s relocation %d: got %+v, want %+v", w.Name, k, gr, r)
			}
		}
	}
	again := mustEncode(t, got)
	if !bytes.Equal(data, again) {
		t.Error("encoding what was decoded gives other bytes")
	}
	if !bytes.Equal(data, mustEncode(t, small())) {
		t.Error("encoding twice gives other bytes")
	}
}

func TestDataIsAlwaysThere(t *testing.T) {
	p := small()
	p.Sections = p.Sections[:5]
	p.Sections[3].Relocs = p.Sections[3].Relocs[:2]
	p.Symbols[3] = p.Symbols[1]
	data := mustEncode(t, p)
	got := mustDecode(t, data)
	s := got.section(kpname.Data)
	if s == nil || !bytes.Equal(s.Data, make([]byte, 8)) || s.Offset%arch.X86_64.PageSize != 0 {
		t.Fatalf("%s: %+v", kpname.Data, s)
	}
	if !bytes.Equal(data, mustEncode(t, got)) {
		t.Error("encoding what was decoded gives other bytes")
	}
}

// TestLoaderRules checks what LibcarePlus' loader needs and does not check itself.
func TestLoaderRules(t *testing.T) {
	data := mustEncode(t, small())
	if len(data)%16 != HeaderSize%16 || uint32(len(data)) != order.Uint32(data[160:]) {
		t.Errorf("%d bytes, total size %d", len(data), order.Uint32(data[160:]))
	}
	p := mustDecode(t, data)
	writable := p.section(kpname.Data).Offset
	for _, s := range p.Sections {
		if s.Data != nil && s.Flags&elf.SHF_WRITE == 0 && s.Offset >= writable && s.Name != kpname.Digest {
			t.Errorf("%s at 0x%x lies in the writable part", s.Name, s.Offset)
		}
	}
	for i, s := range p.Symbols[1:] {
		if s.Type != elf.STT_SECTION && (s.Section != 0 || s.Bind != elf.STB_GLOBAL) || s.Type == elf.STT_NOTYPE {
			t.Errorf("symbol %d: %+v", i+1, s)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := mustEncode(t, small())
	at := func(off int, b ...byte) []byte { // a file of others, without a digest, with bytes changed
		data := foreign(good)
		copy(data[off:], b)
		return data
	}
	object := HeaderSize
	for _, row := range []struct {
		name string
		data []byte
		code fault.Code
		want string
	}{
		{"empty", nil, "format-truncated", "0 of 504"},
		{"ELF file", good[HeaderSize:], "format-foreign", "an ELF file"},
		{"text", []byte("#!/bin/sh\n"), "format-foreign", "magic"},
		{"header cut", good[:300], "format-truncated", "300 of 504"},
		{"object cut", good[:len(good)-16], "format-truncated", "file ends"},
		{"eight bytes overwritten", append(append(bytes.Clone(good[:700]), "\x01\x02\x03\x04\x05\x06\x07\x08"...), good[708:]...), "format-corrupt", "SHA-256"},
		{"digest magic overwritten", append(bytes.Clone(good[:len(good)-48]), append([]byte("xxxxxxxx"), good[len(good)-40:]...)...), "format-corrupt", "SHA-256"},
		{"no id", at(8, 0), "bad-id", "empty"},
		{"id without end", at(8, []byte("12345678")...), "bad-id", "without an end"},
		{"id with a slash", at(8, []byte("a/b\x00")...), "bad-id", "not allowed"},
		{"build ID too long", at(88, bytes.Repeat([]byte("a"), 41)...), "format-build-id", "longer than 20"},
		{"build ID upper case", at(88, 'A'), "format-build-id", "lower-case"},
		{"build ID odd", at(127, 0), "format-build-id", "lower-case"},
		{"no build ID", at(88, 0), "format-build-id", "no build ID"},
		{"object elsewhere", at(152, 0), "format-corrupt", "ELF object at 256"},
		{"total size small", at(160, 0xf8, 1, 0, 0), "format-corrupt", "no room"},
		{"total size large", at(160, 0, 0, 0, 0x60), "format-truncated", "file ends"},
		{"no object", at(object, 0), "format-corrupt", "no ELF object"},
		{"32-bit object", at(object+4, 1), "format-corrupt", "ELFCLASS32"},
		{"relocations of another machine", at(object+18, 183), "format-corrupt", "R_AARCH64_P32_ABS32"},
		{"riscv", at(object+18, 243), "format-machine", "EM_RISCV"},
		{"executable", at(object+16, 2), "format-corrupt", "ET_EXEC"},
		{"section headers past the end", at(object+40, 0, 0, 0, 1), "format-corrupt", "past the end"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Decode(row.data)
			f := fault.As(err)
			if p != nil || f == nil || f.Code != row.code || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, %v, want %s with %q", p, err, row.code, row.want)
			}
		})
	}
}

func TestDecodeRefusesDamagedOurs(t *testing.T) {
	good := mustEncode(t, small())
	resealed := func(change func(file []byte)) []byte {
		data := bytes.Clone(good)
		change(data)
		seal(data)
		return data
	}
	object := HeaderSize
	for _, row := range []struct {
		name string
		data []byte
		want string
	}{
		{"metadata without digest", func() []byte {
			data := bytes.Clone(good)
			data[bytes.Index(data, []byte(kpname.Digest+"\x00"))+1] = 'x'
			copy(data[len(data)-digestSectionSize:], "other tool's end")
			return data
		}(), "SHA-256"},
		{"metadata is no JSON", resealed(func(file []byte) { file[bytes.Index(file, []byte(`{"tool"`))] = '[' }), "unreadable metadata"},
		{"program headers", resealed(func(file []byte) {
			order.PutUint64(file[object+32:], 64)
			order.PutUint16(file[object+54:], 56)
			order.PutUint16(file[object+56:], 1)
		}), "1 program headers"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Decode(row.data)
			if f := fault.As(err); p != nil || f == nil || f.Code != "format-corrupt" || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// TestEveryByteCounts changes each byte of a file of ours in turn.
func TestEveryByteCounts(t *testing.T) {
	good := mustEncode(t, small())
	for i := range good {
		data := bytes.Clone(good)
		data[i] ^= 0x01
		if p, err := Decode(data); err == nil || p != nil {
			t.Fatalf("byte 0x%x: damage was not seen", i)
		}
	}
}

// foreign returns a file as others make it: without our digest and metadata sections, which are only renamed.
func foreign(file []byte) []byte {
	data := bytes.Clone(file)
	for _, name := range []string{kpname.Meta, kpname.Digest} {
		at := bytes.Index(data, []byte(name+"\x00"))
		data[at+1] = 'x'
	}
	copy(data[len(data)-digestSectionSize:], "other tool's end")
	return data
}

// x86 returns a relocation type as package arch describes it.
func x86(t elf.R_X86_64) arch.RelocType { return arch.X86_64.Reloc(uint32(t)) }
