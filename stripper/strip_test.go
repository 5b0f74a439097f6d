package stripper

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/kpatch"
	"gocare/ld"
)

// joined returns an object of one changed and one new function. The first original section and the first import are
// not referred to.
func joined() *ld.Joined {
	text := bytes.Repeat([]byte{0x90}, 48)
	return &ld.Joined{
		Machine: &arch.X86_64,
		Sections: []ld.JoinedSection{
			{
				Name: kpname.Text, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Align: 16, Data: text,
				Relocs: []ld.JoinedReloc{
					{Offset: 1, Type: x86(elf.R_X86_64_PC32), Target: ld.Target{Kind: ld.InPatch, Index: 0, Offset: 32}, Addend: -4},
					{Offset: 8, Type: x86(elf.R_X86_64_PC32), Target: ld.Target{Kind: ld.InPatch, Index: 1, Offset: 4}, Addend: -4},
					{Offset: 16, Type: x86(elf.R_X86_64_PC32), Target: ld.Target{Kind: ld.Imported, Index: 1}, Addend: -4},
					{Offset: 24, Type: x86(elf.R_X86_64_PC32), Target: ld.Target{Kind: ld.InOriginal, Index: 1, Offset: 0x80}, Addend: -4},
				},
			},
			{
				Name: kpname.Data, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: 8, Data: make([]byte, 16),
				Relocs: []ld.JoinedReloc{
					{Offset: 8, Type: x86(elf.R_X86_64_64), Target: ld.Target{Kind: ld.InOriginal, Index: 2, Offset: 8}, Addend: 2},
				},
			},
		},
		Originals: []ld.OrigSection{
			{Name: ".init", Addr: 0x1000, Size: 0x10, Align: 4, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR},
			{Name: ".text", Addr: 0x1020, Size: 0x200, Align: 16, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR},
			{Name: ".bss", Addr: 0x4000, Size: 0x40, Align: 32, Flags: elf.SHF_ALLOC | elf.SHF_WRITE},
		},
		Imports: []ld.Import{
			{Name: "abort", Type: elf.STT_FUNC},
			{Name: "strchr", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC},
		},
		Functions: []ld.JoinedFunction{
			{
				Name: "f", New: ld.Target{Kind: ld.InPatch}, NewSize: 32, Old: ld.Target{Kind: ld.InOriginal, Index: 1, Offset: 0x40},
				OldSize: 20, Reason: "changed", Parts: []ld.OldPart{{Name: "f", Addr: 0x1060, Size: 3, Bytes: []byte("abc")}},
			},
			{Name: "g", New: ld.Target{Kind: ld.InPatch, Offset: 32}, NewSize: 16, IsNew: true, Reason: "new"},
		},
		Stale: []ld.JoinedStale{{Name: "h", Reason: "gone", Parts: []ld.OldPart{{Name: "h", Addr: 0x1080, Size: 3, Bytes: []byte("abc")}}}},
	}
}

// fixed moves the original to where programs linked with -no-pie lie.
func fixed(j *ld.Joined) {
	for i := range j.Originals {
		j.Originals[i].Addr += 0x400000
	}
	j.Functions[0].Parts[0].Addr += 0x400000
}

var options = Options{ID: "0001", BuildID: "0123456789abcdef0123456789abcdef01234567", Meta: kpatch.Meta{Tool: "test"}}

func TestStrip(t *testing.T) {
	p, err := Strip(joined(), options)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range p.Sections {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"", ".text", ".bss", ".kpatch.text", ".kpatch.data"}, names); diff != "" {
		t.Errorf("sections:\n%s", diff)
	}
	wantSymbols := []kpatch.Symbol{
		{},
		{Type: elf.STT_SECTION, Section: 1},
		{Type: elf.STT_SECTION, Section: 2},
		{Type: elf.STT_SECTION, Section: 3},
		{Type: elf.STT_SECTION, Section: 4},
		{Name: "strchr", Version: "GLIBC_2.2.5", Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL},
	}
	if diff := cmp.Diff(wantSymbols, p.Symbols); diff != "" {
		t.Errorf("symbols:\n%s", diff)
	}
	wantText := []kpatch.Reloc{
		{Offset: 8, Type: x86(elf.R_X86_64_PC32), Symbol: 4, Addend: 0},
		{Offset: 16, Type: x86(elf.R_X86_64_PC32), Symbol: 5, Addend: -4},
		{Offset: 24, Type: x86(elf.R_X86_64_PC32), Symbol: 1, Addend: 0x7c},
	}
	if diff := cmp.Diff(wantText, p.Sections[3].Relocs); diff != "" {
		t.Errorf("text relocations:\n%s", diff)
	}
	if diff := cmp.Diff([]kpatch.Reloc{{Offset: 8, Type: x86(elf.R_X86_64_64), Symbol: 2, Addend: 10}}, p.Sections[4].Relocs); diff != "" {
		t.Errorf("data relocations:\n%s", diff)
	}
	if got := binary.LittleEndian.Uint32(p.Sections[3].Data[1:]); got != 32-4-1 {
		t.Errorf("reference within the section: %d", got)
	}
	wantFunctions := []kpatch.Function{
		{Name: "f", Old: kpatch.Location{Section: 1, Offset: 0x40}, New: kpatch.Location{Section: 3}, OldSize: 20, NewSize: 32},
		{Name: "g", New: kpatch.Location{Section: 3, Offset: 32}, NewSize: 16},
	}
	if diff := cmp.Diff(wantFunctions, p.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	wantParts := []kpatch.Part{{
		Function: "f", Name: "f", Addr: 0x1060, Size: 3, Reason: "changed",
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", // FIPS 180-2, appendix B.1
	}, {
		Function: "h", Name: "h", Addr: 0x1080, Size: 3, Reason: "gone", Gone: true,
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	}}
	if diff := cmp.Diff(wantParts, p.Meta.Parts); diff != "" {
		t.Errorf("parts:\n%s", diff)
	}
}

func TestStripLeavesInputAlone(t *testing.T) {
	j := joined()
	if _, err := Strip(j, options); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(joined(), j, cmp.Comparer(func(a, b *arch.Target) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestRoundTrip(t *testing.T) {
	p, err := Strip(joined(), options)
	if err != nil {
		t.Fatal(err)
	}
	data, err := kpatch.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := kpatch.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Functions, got.Functions); diff != "" {
		t.Errorf("functions:\n%s", diff)
	}
	if diff := cmp.Diff(p.Meta, got.Meta); diff != "" {
		t.Errorf("metadata:\n%s", diff)
	}
	again, err := kpatch.Encode(got)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("encoding again: %v", err)
	}
}

func TestStripRefuses(t *testing.T) {
	reloc := func(j *ld.Joined) *ld.JoinedReloc { return &j.Sections[0].Relocs[1] }
	for _, row := range []struct {
		name   string
		change func(j *ld.Joined, o *Options)
		code   fault.Code
		want   string
	}{
		{"bad id", func(_ *ld.Joined, o *Options) { o.ID = "12345678" }, "bad-id", "longer than 7"},
		{"nothing", func(j *ld.Joined, _ *Options) { j.Functions = nil }, "patch-empty", "no function"},
		{"unresolved type", func(j *ld.Joined, _ *Options) { reloc(j).Type = x86(elf.R_X86_64_PLT32) }, "", "R_X86_64_PLT32 was not resolved"},
		{"place past the section", func(j *ld.Joined, _ *Options) { reloc(j).Offset = 45 }, "", "past the section's 48 bytes"},
		{"target past its section", func(j *ld.Joined, _ *Options) { reloc(j).Target.Offset = 17 }, "", "past section .kpatch.data"},
		{"target past the original", func(j *ld.Joined, _ *Options) { j.Sections[1].Relocs[0].Target.Offset = 0x41 }, "", "past the original's section .bss"},
		{"offset into an import", func(j *ld.Joined, _ *Options) { j.Sections[0].Relocs[2].Target.Offset = 1 }, "", "into import strchr"},
		{"no such import", func(j *ld.Joined, _ *Options) { j.Sections[0].Relocs[2].Target.Index = 2 }, "", "target 2 of 2"},
		{"32-bit address in PIE", func(j *ld.Joined, o *Options) {
			fixed(j)
			reloc(j).Type, o.PIE = x86(elf.R_X86_64_32S), true
		}, "reloc-32-pie", "R_X86_64_32S"},
		{"32-bit address for a binary linked at 0", func(j *ld.Joined, _ *Options) { reloc(j).Type = x86(elf.R_X86_64_32S) }, "reloc-32-pie", "R_X86_64_32S"},
		{"GLOB_DAT of no import", func(j *ld.Joined, _ *Options) { j.Sections[1].Relocs[0].Type = x86(elf.R_X86_64_GLOB_DAT) }, "", "R_X86_64_GLOB_DAT of no import"},
		{"original above 2 GiB", func(j *ld.Joined, _ *Options) {
			fixed(j)
			j.Originals[2].Addr = 1<<31 - 8
			j.Sections[1].Relocs[0].Type = x86(elf.R_X86_64_32S)
		}, "reloc-range", "R_X86_64_32S cannot hold 0x80000002"},
		{"original above 4 GiB", func(j *ld.Joined, _ *Options) {
			fixed(j)
			j.Originals[2].Addr = 1<<32 - 8
			j.Sections[1].Relocs[0].Type = x86(elf.R_X86_64_32)
		}, "reloc-range", "R_X86_64_32 cannot hold 0x100000002"},
		{"out of reach", func(j *ld.Joined, _ *Options) { j.Sections[0].Relocs[0].Addend = 1 << 31 }, "reloc-range", "does not reach"},
		{"short function", func(j *ld.Joined, _ *Options) { j.Functions[0].OldSize = 4 }, "too-short", "room for 4 bytes"},
		{"jumps overlap", func(j *ld.Joined, _ *Options) {
			f := j.Functions[0]
			f.Name, f.Old.Offset = "h", f.Old.Offset+4
			j.Functions = append(j.Functions, f)
		}, "hooks-overlap", "overlap that of f"},
		{"no new code", func(j *ld.Joined, _ *Options) { j.Functions[0].NewSize = 0 }, "", "0 bytes"},
		{"old code in the patch", func(j *ld.Joined, _ *Options) { j.Functions[0].Old.Kind = ld.InPatch }, "", "not in the original"},
		{"new code in the original", func(j *ld.Joined, _ *Options) { j.Functions[0].New.Kind = ld.InOriginal }, "", "not in the patch"},
		{"no original bytes", func(j *ld.Joined, _ *Options) { j.Functions[0].Parts = nil }, "", "no original bytes"},
		{"original bytes of elsewhere", func(j *ld.Joined, _ *Options) { j.Functions[0].Parts[0].Addr++ }, "", "bytes to check are at 0x1061"},
		{"bytes of a gone function cut", func(j *ld.Joined, _ *Options) { j.Stale[0].Parts[0].Size = 4 }, "", "4 bytes but 3 are given"},
		{"original bytes cut", func(j *ld.Joined, _ *Options) { j.Functions[0].Parts[0].Size = 4 }, "", "4 bytes but 3 are given"},
		{"alignment", func(j *ld.Joined, _ *Options) { j.Sections[1].Align = 8192 }, "alignment", "8192"},
		{"data import as data", func(j *ld.Joined, _ *Options) { j.Imports[1].Type = elf.STT_OBJECT }, "import-data", "strchr"},
	} {
		t.Run(row.name, func(t *testing.T) {
			j, o := joined(), options
			row.change(j, &o)
			p, err := Strip(j, o)
			f := fault.As(err)
			if p != nil || f == nil || f.Code != row.code || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, %v, want %q with %q", p, err, row.code, row.want)
			}
		})
	}
}

func TestNearestNeighbours(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(j *ld.Joined, o *Options)
	}{
		{"five bytes of room", func(j *ld.Joined, _ *Options) { j.Functions[0].OldSize = 5 }},
		{"32-bit address without PIE", func(j *ld.Joined, _ *Options) {
			fixed(j)
			j.Sections[0].Relocs[1].Type = x86(elf.R_X86_64_32S)
		}},
		{"original below 4 GiB", func(j *ld.Joined, _ *Options) {
			fixed(j)
			j.Originals[2].Addr = 1<<32 - 16
			j.Sections[1].Relocs[0].Type = x86(elf.R_X86_64_32)
		}},
		{"jumps side by side", func(j *ld.Joined, _ *Options) {
			f := j.Functions[0]
			f.Name, f.Old.Offset = "h", f.Old.Offset+5
			f.Parts = []ld.OldPart{{Name: "h", Addr: 0x1065, Size: 1, Bytes: []byte("x")}}
			j.Functions = append(j.Functions, f)
		}},
		{"page alignment", func(j *ld.Joined, _ *Options) { j.Sections[1].Align = 4096 }},
		{"data import through its slot", func(j *ld.Joined, _ *Options) {
			j.Imports[1].Type = elf.STT_OBJECT
			j.Sections[0].Relocs[2].Addend = 4
		}},
		{"data import whose address is stored", func(j *ld.Joined, _ *Options) {
			j.Imports[1].Type = elf.STT_OBJECT
			j.Sections[0].Relocs[2].Type = x86(elf.R_X86_64_GLOB_DAT)
		}},
		{"target at the end of its section", func(j *ld.Joined, _ *Options) { j.Sections[0].Relocs[1].Target.Offset = 16 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			j, o := joined(), options
			row.change(j, &o)
			p, err := Strip(j, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kpatch.Encode(p); err != nil {
				t.Error(err)
			}
		})
	}
}

// x86 returns a relocation type as package arch describes it.
func x86(t elf.R_X86_64) arch.RelocType { return arch.X86_64.Reloc(uint32(t)) }
