package disasm

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// anyAlign is the alignment of data without a name, of which an object does not tell more than its section's: enough for every access.
const anyAlign = 64

// data writes the variables and constants of a section.
func (w *writer) data(section int) {
	s := &w.File.Sections[section]
	w.enter(section)
	for _, v := range w.spans[section] {
		w.declare(v.symbol)
		w.line("\t.size\t%s, %d", v.symbol.Name, v.end-v.start)
		w.line("\t.balign\t%d", w.alignOf(section, v))
		w.line("%s:", v.symbol.Name)
		w.items(section, v.start, v.end, v.symbol.Name)
		w.alsoNamed(v)
	}
	if s.Flags&elf.SHF_MERGE != 0 {
		w.pieces(section)
		return
	}
	unnamed := w.unnamed(section)
	if len(w.spans[section])+len(unnamed) == 0 { // a list for the linker, or for what starts the program
		w.items(section, 0, s.Size, "")
	}
	for _, p := range unnamed {
		w.line("\t.balign\t%d", max(anyAlign, s.Align))
		w.line("%s:", w.labelOf(p))
		w.items(section, p.offset, w.endOf(p), w.labelOf(p))
	}
}

// alignOf is an alignment for a variable that is enough for every access, whatever its own is. Whether code relies on more than a variable
// of the original has is asked where it does (alignments).
func (w *writer) alignOf(section int, v *span) uint64 {
	if align := w.File.Sections[section].Align; align > anyAlign && v.start%align == 0 {
		return align
	}
	return anyAlign
}

// unnamed lists the places of data without a name in a section, in order.
func (w *writer) unnamed(section int) (list []place) {
	for p := range w.loose {
		if p.section == section {
			list = append(list, p)
		}
	}
	for p := range w.direct {
		if p.section == section && !w.loose[p] {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b place) int { return cmp.Compare(a.offset, b.offset) })
	return list
}

// endOf is where data without a name ends. Where only its first bytes are read it is these; else it goes up to the next of which the address
// is taken, if a string or room ends before that, or to the next variable.
func (w *writer) endOf(p place) uint64 {
	s := &w.File.Sections[p.section]
	if n := w.direct[p]; n > 0 && !w.loose[p] && p.offset+n <= s.Size {
		return p.offset + n
	}
	end := s.Size
	for _, v := range w.spans[p.section] {
		if v.start > p.offset {
			end = min(end, v.start)
		}
	}
	for q := range w.loose {
		if q.section == p.section && q.offset > p.offset && q.offset < end && s.Data[q.offset-1] == 0 {
			end = q.offset
		}
	}
	return end
}

// pieces writes what a section holds that linkers merge, as far as something refers to it.
func (w *writer) pieces(section int) {
	s := &w.File.Sections[section]
	for _, p := range w.unnamed(section) {
		_, end, ok := pieceOf(s, p.offset)
		if !ok {
			continue
		}
		if s.Align > 1 {
			w.line("\t.balign\t%d", s.Align)
		}
		w.line("%s:", w.labelOf(p))
		w.items(section, p.offset, end, w.labelOf(p))
	}
}

// items writes the content of [from, to) of a section, which has the name table.
func (w *writer) items(section int, from, to uint64, table string) {
	s := &w.File.Sections[section]
	if s.Type == elf.SHT_NOBITS {
		w.line("\t.zero\t%d", to-from)
		return
	}
	at := from
	for _, r := range w.relasIn(section, from, to) {
		t := w.target.Reloc(r.Type)
		if r.Offset < at || r.Offset+t.Width > to {
			continue
		}
		w.raw(s.Data[at:r.Offset])
		w.address(section, from, r, t, table)
		at = r.Offset + t.Width
	}
	w.raw(s.Data[at:to])
}

// address writes one relocated word. A distance to a label in code is one from the start of its table.
func (w *writer) address(section int, start uint64, r elfobj.Rela, t arch.RelocType, table string) {
	s := &w.File.Symbols[r.Symbol]
	toCode := s.Defined() && isCode(&w.File.Sections[s.Section])
	ref, base := reference{}, "."
	if t.Kind == arch.PC32 && toCode && s.Type == elf.STT_SECTION && table != "" {
		ref, base = w.leadsTo(r, -int64(r.Offset-start), true, 0), table
	} else {
		ref = w.leadsTo(r, 0, true, 0)
	}
	if ref.why != "" && !toCode && w.endsAt(s, r) {
		ref = reference{name: fmt.Sprintf(".Lunclear_%d_%d", section, r.Offset)} // which no patch can have
	}
	text := ref.name + offsetText(ref.off)
	switch t.Kind {
	case arch.Abs64:
		w.line("\t.quad\t%s", text)
	case arch.Abs32, arch.Abs32S:
		w.line("\t.long\t%s", text)
	case arch.PC32, arch.Call:
		w.line("\t.long\t%s-%s", text, base)
	default:
		w.line("\t.long\t.Lunknown_%s", strings.ToLower(fmt.Sprint(t)))
		w.line("\t.zero\t%d", max(t.Width, 4)-4)
	}
}

// endsAt reports whether data leads to where a variable ends, and may mean that end and not what begins there.
func (w *writer) endsAt(s *elfobj.Symbol, r elfobj.Rela) bool {
	return s.Defined() && endingAt(w.spans[s.Section], s.Value+uint64(r.Addend)) != nil
}

// longRun is how many equal zero bytes are written as one item.
const longRun = 16

// raw writes plain bytes.
func (w *writer) raw(data []byte) {
	for len(data) > 0 {
		zeros := len(data) - len(strings.TrimLeft(string(data), "\x00"))
		if zeros >= longRun || zeros == len(data) && zeros > 1 {
			w.line("\t.zero\t%d", zeros)
			data = data[zeros:]
			continue
		}
		if n := textLength(data); n > 1 {
			w.line("\t.string\t\"%s\"", quoted(data[:n-1]))
			data = data[n:]
			continue
		}
		n := min(len(data), 8)
		w.line("\t%s", asBytes(data[:n]))
		data = data[n:]
	}
}

// textLength is the length of the string that data begins with, its zero included; 0 if that is not text.
func textLength(data []byte) int {
	for i, c := range data {
		switch {
		case c == 0:
			return i + 1
		case (c < 0x20 || c == 0x7f) && c != '\n' && c != '\t' && c != '\r' && c != 0x1b:
			return 0
		}
	}
	return 0
}

func quoted(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
