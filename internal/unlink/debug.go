package unlink

import (
	"debug/elf"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// debug writes what the program says of its compiler, and if that is asked for the debugging information of the unit: its own entries, and
// whole tables that these count in.
func (b *builder) debug(wanted bool) error {
	for i := range b.program.file.Sections {
		s := &b.program.file.Sections[i]
		if s.Name == ".comment" {
			b.section(elfobj.Section{Name: s.Name, Type: s.Type, Flags: s.Flags, Align: 1, EntSize: 1, Data: s.Data})
		}
		name, ok := strings.CutPrefix(s.Name, ".debug_")
		if !ok || !wanted {
			continue
		}
		from, to := uint64(0), uint64(0)
		switch name {
		case "info":
			from, to = b.start, b.end
		case "abbrev", "str", "line_str", "str_offsets", "line", "addr", "ranges", "rnglists":
		default:
			continue
		}
		data, err := b.program.file.DebugContents(s.Name)
		if err != nil {
			return err
		}
		if to == 0 {
			to = uint64(len(data))
		}
		index := b.section(elfobj.Section{Name: s.Name, Type: elf.SHT_PROGBITS, Align: 1, Data: append([]byte(nil), data[from:to]...)})
		b.debugRelas(s.Index, index, from, to)
	}
	return nil
}

// debugRelas writes the relocations of [from, to) of a section that lead to what the unit has.
func (b *builder) debugRelas(section, index int, from, to uint64) {
	p := b.program
	for _, r := range p.relasIn(section, from, to) {
		t, s := p.target.Reloc(r.Type), &p.file.Symbols[r.Symbol]
		if !s.Defined() || p.file.Sections[s.Section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		if t.Kind == arch.TLSBlockOffset32 { // of 64 bits, of which the upper half is zero
			r.Type = p.target.RelocOf(arch.TLSBlockOffset64).Number
		}
		addr := p.addrOf(s) + uint64(r.Addend)
		if s.Type == elf.STT_SECTION && t.Kind.TLS() && p.file.TLS() != nil {
			addr = p.file.TLS().Vaddr + uint64(r.Addend)
		}
		q := b.at(s.Section, addr)
		if q == nil {
			continue
		}
		b.relas[index] = append(b.relas[index], elfobj.Rela{Offset: r.Offset - from, Type: r.Type, Symbol: b.labels[q.index], Addend: int64(addr - q.start)})
	}
}
