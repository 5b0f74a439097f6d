package kpatch

import (
	"debug/elf"
	"strings"
	"testing"

	"gocare/internal/fault"
)

func TestEncodeRefuses(t *testing.T) {
	text := func(p *Patch) *Section { return &p.Sections[3] }
	for _, row := range []struct {
		name   string
		change func(p *Patch)
		want   string
	}{
		{"id", func(p *Patch) { p.ID = "a b" }, "not allowed"},
		{"build ID", func(p *Patch) { p.BuildID += "00" }, "longer than 20"},
		{"no machine", func(p *Patch) { p.Machine = nil }, "no machine"},
		{"no function", func(p *Patch) { p.Functions = nil }, "no function"},
		{"no null section", func(p *Patch) { p.Sections[0].Type = elf.SHT_PROGBITS }, "null section"},
		{"two of a name", func(p *Patch) { p.Sections[2].Name = ".text" }, "two sections"},
		{"no section name", func(p *Patch) { p.Sections[2].Name = "" }, "bad section name"},
		{"unknown section", func(p *Patch) { p.Sections[4].Name = ".rodata" }, "not a section of this format"},
		{"section type", func(p *Patch) { p.Sections[4].Type = elf.SHT_NOTE }, "want PROGBITS"},
		{"section size", func(p *Patch) { p.Sections[4].Size++ }, "9 but 8 bytes"},
		{"section address", func(p *Patch) { p.Sections[4].Addr = 1 }, "has an address"},
		{"alignment", func(p *Patch) { p.Sections[4].Align = 8192 }, "alignment 8192"},
		{"odd alignment", func(p *Patch) { p.Sections[4].Align = 12 }, "alignment 12"},
		{"writable text", func(p *Patch) { text(p).Flags |= elf.SHF_WRITE }, "writable"},
		{"executable data", func(p *Patch) { p.Sections[5].Flags |= elf.SHF_EXECINSTR }, "executable"},
		{"NOBITS data", func(p *Patch) { p.Sections[5].Type = elf.SHT_NOBITS }, "stands for sections of the original"},
		{"original with contents", func(p *Patch) { p.Sections[1].Data = []byte{1} }, "has contents"},
		{"original with relocations", func(p *Patch) { p.Sections[1].Relocs = text(p).Relocs }, "has contents or relocations"},
		{"section symbol", func(p *Patch) { p.Symbols[1].Section = 9 }, "section symbol of section 9"},
		{"section symbol's value", func(p *Patch) { p.Symbols[1].Value = 9 }, "value 0x9"},
		{"defined function", func(p *Patch) { p.Symbols[1].Type = elf.STT_FUNC }, "only section symbols and imports"},
		{"absolute symbol", func(p *Patch) { p.Symbols[4].Section = int(elf.SHN_ABS) }, "only section symbols and imports"},
		{"untyped import", func(p *Patch) { p.Symbols[4].Type = elf.STT_NOTYPE }, "want GLOBAL FUNC or OBJECT"},
		{"weak import", func(p *Patch) { p.Symbols[4].Bind = elf.STB_WEAK }, "want GLOBAL FUNC or OBJECT"},
		{"import without name", func(p *Patch) { p.Symbols[4].Name = "" }, "bad name or version"},
		{"import with a version in its name", func(p *Patch) { p.Symbols[4].Name = "puts@V" }, "bad name or version"},
		{"relocation type", func(p *Patch) { text(p).Relocs[0].Type = x86(elf.R_X86_64_PLT32) }, "R_X86_64_PLT32"},
		{"GLOB_DAT of no import", func(p *Patch) { text(p).Relocs[0].Type, text(p).Relocs[0].Symbol = x86(elf.R_X86_64_GLOB_DAT), 1 }, "R_X86_64_GLOB_DAT of no import"},
		{"relocation past the end", func(p *Patch) { text(p).Relocs[0].Offset = 29 }, "past the section's 32 bytes"},
		{"relocation far past the end", func(p *Patch) { text(p).Relocs[0].Offset = 1 << 63 }, "past the section's 32 bytes"},
		{"relocations overlap", func(p *Patch) { text(p).Relocs[0].Offset = 9 }, "overlap"},
		{"no symbol", func(p *Patch) { text(p).Relocs[0].Symbol = 0 }, "symbol 0 of 5"},
		{"symbol past the table", func(p *Patch) { text(p).Relocs[0].Symbol = 5 }, "symbol 5 of 5"},
		{"function without name", func(p *Patch) { p.Functions[0].Name = "" }, "bad name"},
		{"new code past the end", func(p *Patch) { p.Functions[0].NewSize = 33 }, "is not in .kpatch.text"},
		{"no new code", func(p *Patch) { p.Functions[0].NewSize = 0 }, "is not in .kpatch.text"},
		{"new code in rodata", func(p *Patch) { p.Functions[0].New, p.Functions[0].NewSize = Location{4, 0}, 8 }, "is not in .kpatch.text"},
		{"old code past the end", func(p *Patch) { p.Functions[0].OldSize = 0x200 }, "in no section of the original"},
		{"old code in the patch", func(p *Patch) { p.Functions[0].Old = Location{3, 0} }, "in no section of the original"},
		{"old code without size", func(p *Patch) { p.Functions[0].OldSize = 0 }, "in no section of the original"},
		{"no room for the jump", func(p *Patch) { p.Functions[0].OldSize = 4 }, "no room for the jump"},
		{"gate without a hook", func(p *Patch) { p.Functions[0].OldSize, p.Functions[0].Via = 2, Location{1, 0} }, "where no hook is"},
		{"gate to the hook of other code", func(p *Patch) {
			p.Functions[1].Old, p.Functions[1].OldSize = Location{1, 0}, 5
			p.Functions[0].OldSize, p.Functions[0].Via = 2, Location{1, 0}
		}, "where no hook is"},
		{"jumps overlap", func(p *Patch) {
			p.Functions[1].Old, p.Functions[1].OldSize = Location{1, 0x3c}, 16
		}, "changed and added: their jumps overlap"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := small()
			row.change(p)
			if data, err := Encode(p); data != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestValidID(t *testing.T) {
	for id, ok := range map[string]bool{
		"0001": true, "a": true, "A.b_-9": true, "1234567": true,
		"": false, "12345678": false, "a/b": false, "ü": false, "a\x00": false, "a b": false,
	} {
		if err := ValidID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestEncodeLimit: a patch larger than the format's offsets reach.
func TestEncodeLimit(t *testing.T) {
	data, err := encode(small(), maxObjectSize)
	if err != nil {
		t.Fatal(err)
	}
	size := uint64(len(data) - HeaderSize)
	if _, err := encode(small(), size); err != nil {
		t.Error(err)
	}
	_, err = encode(small(), size-1)
	if e := fault.As(err); e == nil || e.Code != "patch-too-large" {
		t.Errorf("got %v", err)
	}
}
