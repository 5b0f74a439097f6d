package link

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

const (
	base      = inspect.Addr(0x7f0000400000)
	bias      = inspect.Addr(0x7f0000000000)
	textAddr  = 0x1000 // link address of the original .text
	importAt  = inspect.Addr(0x7fff00001234)
	elfOffset = 4096 // header and jump table fit one page
)

// Section and symbol indices of the patch that sample makes, before it is written and read again.
const (
	secText = iota + 1
	secData
	secOriginal
)

// sample returns a decoded patch with one replaced function and the given relocation in its code, at offset 8. symbol
// chooses what it refers to.
func sample(t testing.TB, rel kpatch.Reloc, symbol kpatch.Symbol) *kpatch.Patch {
	t.Helper()
	p := &kpatch.Patch{
		ID: "0001", BuildID: "00112233445566778899aabbccddeeff00112233", Machine: &arch.X86_64,
		Sections: []kpatch.Section{
			{},
			{Name: kpname.Text, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Size: 32, Align: 16, Data: make([]byte, 32)},
			{Name: kpname.Data, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Size: 16, Align: 8, Data: make([]byte, 16)},
			{Name: ".text", Type: elf.SHT_NOBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: textAddr, Size: 0x100, Align: 16},
		},
		Symbols:   []kpatch.Symbol{{}, symbol, {Type: elf.STT_SECTION, Section: secText}, {Type: elf.STT_SECTION, Section: secOriginal}},
		Functions: []kpatch.Function{{Name: "f", Old: kpatch.Location{Section: secOriginal, Offset: 0x20}, New: kpatch.Location{Section: secText}, OldSize: 16, NewSize: 32}},
	}
	if rel.Symbol != 0 {
		p.Sections[secText].Relocs = []kpatch.Reloc{rel}
	}
	data, err := kpatch.Encode(p)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	decoded, err := kpatch.Decode(data)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return decoded
}

func object() *inspect.Object { return &inspect.Object{Name: "prog", Bias: bias} }

func resolve(kpatch.Symbol) (inspect.Addr, error) { return importAt, nil }

func section(t testing.TB, p *kpatch.Patch, name string) *kpatch.Section {
	t.Helper()
	for i := range p.Sections {
		if p.Sections[i].Name == name {
			return &p.Sections[i]
		}
	}
	t.Fatalf("no section %s", name)
	return nil
}

var (
	sectionSymbol = kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}
	original      = kpatch.Symbol{Type: elf.STT_SECTION, Section: secOriginal}
	function      = kpatch.Symbol{Name: "g", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL}
	data          = kpatch.Symbol{Name: "v", Type: elf.STT_OBJECT, Bind: elf.STB_GLOBAL}
)

// TestRelocations follows the table of the AMD64 ABI by hand: what lands at offset 8 of .kpatch.text.
func TestRelocations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		typ    arch.RelocType
		symbol kpatch.Symbol
		addend int64
		want   func(place, dataAddr, slot uint64) uint64
		size   int
	}{
		{"64 to the patch", x86(elf.R_X86_64_64), sectionSymbol, 4, func(_, d, _ uint64) uint64 { return d + 4 }, 8},
		{"64 to the original", x86(elf.R_X86_64_64), original, 0x10, func(_, _, _ uint64) uint64 { return uint64(bias) + textAddr + 0x10 }, 8},
		{"64 to an import", x86(elf.R_X86_64_64), function, 0, func(_, _, _ uint64) uint64 { return uint64(importAt) }, 8},
		{"GLOB_DAT of an import", x86(elf.R_X86_64_GLOB_DAT), data, 8, func(_, _, _ uint64) uint64 { return uint64(importAt) + 8 }, 8},
		{"PC32 to the patch", x86(elf.R_X86_64_PC32), sectionSymbol, -4, func(p, d, _ uint64) uint64 { return d - 4 - p }, 4},
		{"PC32 to the original", x86(elf.R_X86_64_PC32), original, 0x1c, func(p, _, _ uint64) uint64 { return uint64(bias) + textAddr + 0x1c - p }, 4},
		{"PC32 to an import", x86(elf.R_X86_64_PC32), function, -4, func(p, _, s uint64) uint64 { return s - 4 - p }, 4},
		{"PC32 to an import's GOT entry", x86(elf.R_X86_64_PC32), data, 4, func(p, _, s uint64) uint64 { return s + 4 - p }, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := sample(t, kpatch.Reloc{Offset: 8, Type: tt.typ, Symbol: 1, Addend: tt.addend}, tt.symbol)
			image, err := Place(p, object(), p.Machine, base, resolve)
			if err != nil {
				t.Fatal(err)
			}
			text, dataSec := section(t, p, kpname.Text), section(t, p, kpname.Data)
			at := elfOffset + text.Offset + 8
			slot := uint64(base) + kpatch.HeaderSize + 16
			want := tt.want(uint64(base)+at, uint64(base)+elfOffset+dataSec.Offset, slot)
			var got uint64
			if tt.size == 8 {
				got = binary.LittleEndian.Uint64(image.Bytes[at:])
			} else {
				got, want = uint64(binary.LittleEndian.Uint32(image.Bytes[at:])), uint64(uint32(want))
			}
			if got != want {
				t.Errorf("got %#x, want %#x", got, want)
			}
		})
	}
}

// TestForeignRelocations are those that only LibcarePlus writes: they are put in behind the decoder.
func TestForeignRelocations(t *testing.T) {
	tls := kpatch.Symbol{Name: "t", Type: elf.STT_TLS, Section: secOriginal}
	for _, tt := range []struct {
		name   string
		typ    arch.RelocType
		symbol kpatch.Symbol
		addend int64
		field  uint32
		want   func(place, slot uint64) uint32
		code   fault.Code
	}{
		{"none", x86(elf.R_X86_64_NONE), tls, 0, 7, func(_, _ uint64) uint32 { return 7 }, ""},
		{"PLT32", x86(elf.R_X86_64_PLT32), function, -4, 0, func(p, s uint64) uint32 { return uint32(s - 4 - p) }, ""},
		{"GOTPCREL of an import", x86(elf.R_X86_64_GOTPCREL), function, -4, 0, func(p, s uint64) uint32 { return uint32(s + 8 - 4 - p) }, ""},
		{"GOTPCRELX of an import", x86(elf.R_X86_64_GOTPCRELX), function, -4, 0, func(p, s uint64) uint32 { return uint32(s + 8 - 4 - p) }, ""},
		{"REX_GOTPCRELX of an import", x86(elf.R_X86_64_REX_GOTPCRELX), data, -4, 0, func(p, s uint64) uint32 { return uint32(s + 8 - 4 - p) }, ""},
		{"GOTTPOFF", x86(elf.R_X86_64_GOTTPOFF), tls, 0x3000, 0, func(p, _ uint64) uint32 { return uint32(uint64(bias) + 0x3000 - 4 - p) }, ""},
		{"TPOFF32 filled in", x86(elf.R_X86_64_TPOFF32), tls, 0, 0xfffffffc, func(_, _ uint64) uint32 { return 0xfffffffc }, ""},
		{"TPOFF32 not filled in", x86(elf.R_X86_64_TPOFF32), tls, 0, 0, nil, "unresolved"},
		{"TLSGD", x86(elf.R_X86_64_TLSGD), tls, 0, 0, nil, "reloc-type"},
		{"GOTTPOFF of no TLS variable", x86(elf.R_X86_64_GOTTPOFF), kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}, 0, 0, nil, "unresolved"},
		{"PC32 of data of a library", x86(elf.R_X86_64_PC32), data, -4, 0, nil, "unresolved"},
		{"GLOB_DAT of no import", x86(elf.R_X86_64_GLOB_DAT), kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}, 0, 0, nil, "unresolved"},
		{"32S of an import", x86(elf.R_X86_64_32S), function, 0, 0, nil, "unresolved"},
		{"undefined NOTYPE", x86(elf.R_X86_64_PC32), kpatch.Symbol{Name: "n", Bind: elf.STB_GLOBAL}, 0, 0, nil, "unresolved"},
		{"undefined WEAK", x86(elf.R_X86_64_PC32), kpatch.Symbol{Name: "w", Type: elf.STT_FUNC, Bind: elf.STB_WEAK}, 0, 0, nil, "unresolved"},
		{"absolute", x86(elf.R_X86_64_64), kpatch.Symbol{Name: "a", Type: elf.STT_OBJECT, Section: int(elf.SHN_ABS)}, 0, 0, nil, "unresolved"},
		{"file", x86(elf.R_X86_64_PC32), kpatch.Symbol{Name: "f.c", Type: elf.STT_FILE, Section: secText}, 0, 0, nil, "unresolved"},
		{"IFUNC", x86(elf.R_X86_64_PC32), kpatch.Symbol{Name: "i", Type: elf.STT_GNU_IFUNC, Section: secText}, 0, 0, nil, "unresolved"},
		{"32 out of range", x86(elf.R_X86_64_32), kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}, 0, 0, nil, "reloc-range"},
		{"32S out of range", x86(elf.R_X86_64_32S), kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}, 0, 0, nil, "reloc-range"},
		{"PC32 out of range", x86(elf.R_X86_64_PC32), kpatch.Symbol{Type: elf.STT_SECTION, Section: secData}, 1 << 32, 0, nil, "reloc-range"},
		{"no such symbol", x86(elf.R_X86_64_PC32), kpatch.Symbol{}, -1, 0, nil, "format-corrupt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := sample(t, kpatch.Reloc{Offset: 8, Type: x86(elf.R_X86_64_64), Symbol: 1}, sectionSymbol)
			text := section(t, p, kpname.Text)
			if tt.symbol.Section == secData { // sections have new indices
				tt.symbol.Section = index(p, kpname.Data)
			}
			p.Symbols = append(p.Symbols, tt.symbol)
			symbol := len(p.Symbols) - 1
			if tt.name == "no such symbol" {
				symbol = 1000
			}
			text.Relocs = []kpatch.Reloc{{Offset: 8, Type: tt.typ, Symbol: symbol, Addend: tt.addend}}
			field := p.Object[text.Offset+8:]
			copy(field, make([]byte, 8))
			binary.LittleEndian.PutUint32(field, tt.field)
			image, err := Place(p, object(), p.Machine, base, resolve)
			if tt.code != "" {
				if e := fault.As(err); e == nil || e.Code != tt.code {
					t.Errorf("got %v, want %s", err, tt.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			at := elfOffset + text.Offset + 8
			want := tt.want(uint64(base)+at, uint64(base)+kpatch.HeaderSize+16)
			if got := binary.LittleEndian.Uint32(image.Bytes[at:]); got != want {
				t.Errorf("got %#x, want %#x", got, want)
			}
		})
	}
}

func index(p *kpatch.Patch, name string) int {
	for i := range p.Sections {
		if p.Sections[i].Name == name {
			return i
		}
	}
	return -1
}

func TestRelocationOutsideItsSection(t *testing.T) {
	for _, offset := range []uint64{29, 32, 1 << 40} {
		p := sample(t, kpatch.Reloc{}, sectionSymbol)
		text := section(t, p, kpname.Text)
		text.Relocs = []kpatch.Reloc{{Offset: offset, Type: x86(elf.R_X86_64_PC32), Symbol: 1}}
		if e := fault.As(place(p)); e == nil || e.Code != "format-corrupt" {
			t.Errorf("offset %d: got %v", offset, e)
		}
	}
}

func place(p *kpatch.Patch) error {
	_, err := Place(p, object(), p.Machine, base, resolve)
	return err
}

// TestLayout checks what LibcarePlus reads of a mapped patch, by the offsets of the format.
func TestLayout(t *testing.T) {
	p := sample(t, kpatch.Reloc{Offset: 8, Type: x86(elf.R_X86_64_PC32), Symbol: 1, Addend: -4}, function)
	image, err := Place(p, object(), p.Machine, base, resolve)
	if err != nil {
		t.Fatal(err)
	}
	b := image.Bytes
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	size := len(p.Object)
	undo := (elfOffset + size + 127) &^ 127
	for _, tt := range []struct {
		name      string
		got, want int
	}{
		{"jmp_offset", u32(164), 504},
		{"elf_offset", u32(168), elfOffset},
		{"kpatch_total_mem_sz", int(u64(176)), len(b)},
		{"user_undo", u32(184), undo},
		{"user_info", u32(188), elfOffset + int(section(t, p, kpname.Info).Offset)},
		{"jump table: size", u32(504), 32},
		{"jump table: entries used", u32(508), 1},
		{"jump table: entries", u32(512), 1},
		{"first writable byte", int(image.CodeSize), elfOffset + int(section(t, p, kpname.Data).Offset)},
		{"writable part on a page boundary", int(image.CodeSize % 4096), 0},
		{"whole pages", len(b) % 4096, 0},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	if string(b[:8]) != "KPATCH1\x00" || string(b[8:12]) != "0001" {
		t.Errorf("header begins with %q", b[:16])
	}
	if slot := b[520:536]; !bytes.Equal(slot[:8], []byte{0xff, 0x25, 2, 0, 0, 0, 0x90, 0x90}) || u64(528) != uint64(importAt) {
		t.Errorf("slot % x", slot)
	}
	info := u32(188)
	text := uint64(base) + elfOffset + section(t, p, kpname.Text).Offset
	if u64(info) != uint64(bias)+textAddr+0x20 || u64(info+8) != text {
		t.Errorf(".kpatch.info: daddr %#x, saddr %#x", u64(info), u64(info+8))
	}
	want := Function{Name: "f", Old: bias + textAddr + 0x20, New: inspect.Addr(text), OldSize: 16, NewSize: 32}
	if len(image.Functions) != 1 || image.Functions[0] != want {
		t.Errorf("functions %+v, want %+v", image.Functions, want)
	}
}

func TestUnresolvedImport(t *testing.T) {
	p := sample(t, kpatch.Reloc{Offset: 8, Type: x86(elf.R_X86_64_PC32), Symbol: 1, Addend: -4}, function)
	_, err := Place(p, object(), p.Machine, base, func(kpatch.Symbol) (inspect.Addr, error) {
		return 0, fault.Refuse("unresolved", "", "nowhere")
	})
	if e := fault.As(err); e == nil || e.Code != "unresolved" {
		t.Errorf("got %v", err)
	}
}

// x86 returns a relocation type as package arch describes it.
func x86(t elf.R_X86_64) arch.RelocType { return arch.X86_64.Reloc(uint32(t)) }

// TestImportedDataBySlot: what counts from the slot of a variable gets the address in its second half, and never what is there to be jumped to.
func TestImportedDataBySlot(t *testing.T) {
	for _, tt := range []struct {
		name    string
		machine *arch.Target
		typ     arch.RelocType
		addend  int64
		ok      bool
	}{
		{"x86-64", &arch.X86_64, x86(elf.R_X86_64_PC32), kpatch.JumpSlotTarget - 4, true},
		{"x86-64, the jump", &arch.X86_64, x86(elf.R_X86_64_PC32), -4, false},
		{"aarch64", &arch.AArch64, arch.AArch64.Reloc(uint32(elf.R_AARCH64_PREL32)), kpatch.JumpSlotTarget, true},
		{"aarch64, the jump", &arch.AArch64, arch.AArch64.Reloc(uint32(elf.R_AARCH64_PREL32)), 0, false},
		{"aarch64, the jump's page", &arch.AArch64, arch.AArch64.Reloc(uint32(elf.R_AARCH64_ADR_PREL_PG_HI21)), 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &linker{patch: &kpatch.Patch{Machine: tt.machine}, image: &Image{}, imports: make([]inspect.Addr, 1)}
			_, err := l.importValue(".kpatch.text", kpatch.Reloc{Type: tt.typ, Addend: tt.addend}, &kpatch.Symbol{Name: "v", Type: elf.STT_OBJECT}, 0)
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
