package disasm

import (
	"cmp"
	"debug/elf"
	"fmt"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// Prove compares what an assembler made of Check, keeping local labels, with the code of the object, and says which functions did not come
// back, and why.
func (t *Text) Prove(assembled *elfobj.File) (map[string]string, error) {
	u, wrong := t.unit, map[string]string{}
	again := symbolsByName(assembled)
	relas, err := sortedRelas(assembled)
	if err != nil {
		return nil, err
	}
	for section, spans := range u.spans {
		if !isCode(&u.File.Sections[section]) {
			continue
		}
		for _, s := range spans {
			name := s.symbol.Name
			if why := u.compare(section, s, assembled, again, relas); why != "" {
				wrong[cmp.Or(u.wholes[name], name)] = why
			}
		}
	}
	return wrong, nil
}

func symbolsByName(f *elfobj.File) map[string]*elfobj.Symbol {
	list := map[string]*elfobj.Symbol{}
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Name != "" && s.Type != elf.STT_SECTION && s.Type != elf.STT_FILE {
			list[s.Name] = s
		}
	}
	return list
}

// compare says how a function that was assembled differs from the object's, "" if it does not.
func (u *unit) compare(section int, s *span, f *elfobj.File, again map[string]*elfobj.Symbol, relas map[int][]elfobj.Rela) string {
	symbol := again[s.symbol.Name]
	if symbol == nil || !symbol.Defined() || symbol.Value != s.start {
		return "an assembler puts it elsewhere"
	}
	sec := &f.Sections[symbol.Section]
	if s.end > uint64(len(sec.Data)) {
		return "an assembler makes it shorter"
	}
	old := u.relasIn(section, s.start, s.end)
	anew := (&unit{relas: relas}).relasIn(symbol.Section, s.start, s.end)
	filled := make([]bool, s.end-s.start)
	for _, r := range old {
		for i := r.Offset; i < r.Offset+u.target.Reloc(r.Type).Width && i < s.end; i++ {
			filled[i-s.start] = true
		}
	}
	for i := s.start; i < s.end; i++ {
		if u.File.Sections[section].Data[i] != sec.Data[i] && !filled[i-s.start] {
			return fmt.Sprintf("an assembler makes other code of what the disassembler says of it, at 0x%x", i-s.start)
		}
	}
	if len(old) != len(anew) {
		return fmt.Sprintf("an assembler makes %d relocations of its %d", len(anew), len(old))
	}
	for i := range old {
		if why := u.compareRela(section, old[i], anew[i], f, again); why != "" {
			return why
		}
	}
	return ""
}

// compareRela says how a relocation differs. Private symbols may be sections and offsets in both.
func (u *unit) compareRela(section int, old, anew elfobj.Rela, f *elfobj.File, again map[string]*elfobj.Symbol) string {
	if old.Offset != anew.Offset || old.Type != anew.Type && !u.isDistance(old) {
		return fmt.Sprintf("an assembler makes another relocation, at 0x%x", old.Offset)
	}
	want := u.fields[place{section, old.Offset}]
	to, got := again[want.name], &f.Symbols[anew.Symbol]
	off := want.off - u.past(section, old)
	switch {
	case to == nil:
		return fmt.Sprintf("an assembler does not know %q", want.name)
	case got.Name == to.Name && got.Type != elf.STT_SECTION && anew.Addend == off:
	case to.Defined() && got.Defined() && to.Section == got.Section && to.Value+uint64(off) == got.Value+uint64(anew.Addend):
	default:
		return fmt.Sprintf("an assembler makes another reference to %q, at 0x%x", want.name, old.Offset)
	}
	return ""
}

// isDistance reports whether a relocation holds the distance to a private symbol, whether or not it says that of a call: no linker puts a
// stub between.
func (u *unit) isDistance(r elfobj.Rela) bool {
	k := u.target.Reloc(r.Type).Kind
	return (k == arch.PC32 || k == arch.Call) && u.File.Symbols[r.Symbol].Bind == elf.STB_LOCAL
}

// past is what leadsTo was given for a relocation of code.
func (u *unit) past(section int, r elfobj.Rela) int64 {
	if !u.target.Reloc(r.Type).FromPC {
		return 0
	}
	for _, in := range u.code[section] {
		if in.offset <= r.Offset && r.Offset < in.end() {
			return int64(in.end() - r.Offset)
		}
	}
	return 0
}
