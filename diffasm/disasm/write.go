package disasm

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/kpname"
)

// Write writes an object as text. orig is the object that it is compared with, nil for the original itself. opaque names functions that an
// assembler does not give back, with the reason.
func Write(o Object, orig *elfobj.File, opaque map[string]string) (*Text, error) {
	u, err := read(o, orig, opaque)
	if err != nil {
		return nil, err
	}
	w := &writer{unit: u}
	if w.info, err = debugOf(o.File); err != nil {
		return nil, fmt.Errorf("its debug information: %w", err)
	}
	w.sections() // says what leads where
	u.alignments()
	u.fields = map[place]field{}
	t := &Text{unit: u, Labels: map[string]Place{}}
	for _, check := range []bool{true, false} {
		w.out, w.check = bytes.Buffer{}, check
		if w.info != nil {
			clear(w.info.files)
		}
		w.sections()
		if check {
			t.Check = slices.Clone(w.out.Bytes())
		}
	}
	if err := w.debug(); err != nil {
		return nil, fmt.Errorf("its debug information: %w", err)
	}
	t.Described = w.info != nil
	t.Asm = w.out.Bytes()
	for _, list := range []map[place]bool{u.loose, directPlaces(u.direct)} {
		for p := range list {
			t.Labels[w.labelOf(p)] = Place{p.section, p.offset}
		}
	}
	return t, nil
}

func directPlaces(direct map[place]uint64) map[place]bool {
	list := map[place]bool{}
	for p := range direct {
		list[p] = true
	}
	return list
}

// writer writes a unit.
type writer struct {
	*unit
	out   bytes.Buffer
	check bool // for an assembler, with code where the object has it
	info  *debugInfo
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

func (w *writer) sections() {
	if ident := w.compiler(); ident != "" {
		w.line("\t.ident\t%q", ident)
	}
	for i := range w.File.Sections {
		s := &w.File.Sections[i]
		switch {
		case s.Size == 0:
		case isCode(s):
			w.functions(i)
		case isData(s):
			w.data(i)
		}
	}
	for i := range w.File.Symbols {
		if s := &w.File.Symbols[i]; s.Section == int(elf.SHN_COMMON) {
			w.line("\t.comm\t%s,%d,%d", s.Name, s.Size, s.Value)
		} else if s.Name != "" && s.Section == int(elf.SHN_UNDEF) {
			w.binding(s)
		}
	}
}

// compiler is what the object says of the compiler that made it.
func (w *writer) compiler() string {
	for i := range w.File.Sections {
		if s := &w.File.Sections[i]; s.Name == ".comment" {
			return strings.Trim(strings.SplitN(strings.TrimLeft(string(s.Data), "\x00"), "\x00", 2)[0], "\x00")
		}
	}
	return ""
}

// enter makes a section current.
func (w *writer) enter(section int) {
	s := &w.File.Sections[section]
	flags, rest := "a", ""
	for _, f := range []struct {
		flag   elf.SectionFlag
		letter string
	}{{elf.SHF_WRITE, "w"}, {elf.SHF_EXECINSTR, "x"}, {elf.SHF_MERGE, "M"}, {elf.SHF_STRINGS, "S"}, {elf.SHF_TLS, "T"}, {elf.SHF_GROUP, "G"}} {
		if s.Flags&f.flag != 0 {
			flags += f.letter
		}
	}
	kind := "@progbits"
	if s.Type == elf.SHT_NOBITS {
		kind = "@nobits"
	}
	if s.Flags&elf.SHF_MERGE != 0 {
		rest += fmt.Sprintf(",%d", s.EntSize)
	}
	if s.Flags&elf.SHF_GROUP != 0 {
		rest += "," + w.groupOf(section) + ",comdat"
	}
	w.line("\t.section\t%s,%q,%s%s", s.Name, flags, kind, rest)
}

// groupOf is the signature of the section group that a section is in.
func (w *writer) groupOf(section int) string {
	for i := range w.File.Sections {
		s := &w.File.Sections[i]
		if s.Type != elf.SHT_GROUP || int(s.Info) >= len(w.File.Symbols) {
			continue
		}
		for at := 4; at+4 <= len(s.Data); at += 4 {
			if int(s.Data[at])|int(s.Data[at+1])<<8|int(s.Data[at+2])<<16|int(s.Data[at+3])<<24 == section {
				return w.File.Symbols[s.Info].Name
			}
		}
	}
	return ".nogroup"
}

// binding says who sees a symbol.
func (w *writer) binding(s *elfobj.Symbol) {
	switch s.Bind {
	case elf.STB_GLOBAL:
		w.line("\t.globl\t%s", s.Name)
	case elf.STB_WEAK:
		w.line("\t.weak\t%s", s.Name)
	}
	if of, known := w.versioned[s.Name]; known && !w.check {
		w.line("\t.symver\t%s, %s", s.Name, of)
	}
	switch s.Vis {
	case elf.STV_HIDDEN:
		w.line("\t.hidden\t%s", s.Name)
	case elf.STV_PROTECTED:
		w.line("\t.protected\t%s", s.Name)
	case elf.STV_INTERNAL:
		w.line("\t.internal\t%s", s.Name)
	}
}

// symbolTypes are the types as directives spell them.
var symbolTypes = map[elf.SymType]string{elf.STT_FUNC: "function", elf.STT_GNU_IFUNC: "gnu_indirect_function", elf.STT_OBJECT: "object", elf.STT_TLS: "tls_object", elf.STT_NOTYPE: "notype"}

func (w *writer) declare(s *elfobj.Symbol) {
	w.binding(s)
	w.line("\t.type\t%s, @%s", s.Name, symbolTypes[s.Type])
}

func (w *writer) alsoNamed(s *span) {
	for _, a := range s.aliases {
		w.declare(a)
		w.line("\t.set\t%s, %s", a.Name, s.symbol.Name)
	}
}

// functions writes the functions of a section, each with its cold part.
func (w *writer) functions(section int) {
	for _, s := range w.spans[section] {
		if w.check {
			w.enter(section)
			w.line("\t.org\t%d", s.start)
			w.declare(s.symbol)
			w.line("%s:", s.symbol.Name)
			w.body(section, s)
			w.alsoNamed(s)
			continue
		}
		if w.wholes[s.symbol.Name] == "" {
			w.function(section, s)
		}
	}
}

func (w *writer) function(section int, s *span) {
	name := s.symbol.Name
	w.enter(section)
	w.line("\t.p2align 4")
	w.declare(s.symbol)
	w.line("%s:", name)
	w.body(section, s)
	for _, part := range slices.Sorted(maps.Keys(w.spans)) {
		for _, c := range w.spans[part] {
			if isCode(&w.File.Sections[part]) && asm.IsPart(name, c.symbol.Name) {
				w.enter(part)
				w.line("\t.type\t%s, @function\n%s:", c.symbol.Name, c.symbol.Name)
				w.body(part, c)
				w.enter(section)
			}
		}
	}
	if why := w.refused[name]; why != "" {
		w.line("\t%s\t%q", kpname.Unclear, why)
	}
	if why := w.opaque[name]; why != "" {
		w.line("\t%s\t%q", kpname.Unclear, why)
	}
	w.line("\t.size\t%s, .-%s", name, name)
	w.alsoNamed(s)
}

// body writes the instructions of a function or a part of one.
func (w *writer) body(section int, s *span) {
	name := cmp.Or(w.wholes[s.symbol.Name], s.symbol.Name)
	fr := w.frames[place{section, s.start}]
	if fr != nil && (fr.refused != "" || fr.size != s.end-s.start) {
		w.refuse(name, "its unwind table is not that of one function")
		if fr.refused != "" {
			w.refuse(name, fr.refused)
		}
		fr = nil
	}
	if fr != nil {
		w.line("\t.cfi_startproc")
		if fr.signal {
			w.line("\t.cfi_signal_frame")
		}
	}
	for _, in := range w.within(section, s) {
		if fr != nil {
			for _, d := range fr.directives[in.offset-s.start] {
				w.line("\t%s", d)
			}
		}
		w.place(section, in)
		if p := (place{section, in.offset}); w.labels[p] {
			w.line("%s:", w.labelOf(p))
		}
		w.instruction(section, name, in)
	}
	if fr != nil {
		w.line("\t.cfi_endproc")
	}
}

func (u *unit) within(section int, s *span) []instruction {
	list := u.code[section]
	from, _ := slices.BinarySearchFunc(list, s.start, compareOffset)
	to, _ := slices.BinarySearchFunc(list, s.end, compareOffset)
	return list[from:to]
}

// refuse notes why a patch cannot have a function.
func (u *unit) refuse(function, why string) {
	if u.refused[function] == "" {
		u.refused[function] = why
	}
}

func (w *writer) instruction(section int, function string, in instruction) {
	fields := w.fieldsOf(section, function, in)
	target := func(offset uint64) string {
		ref := w.inCode(place{section, offset})
		if ref.why != "" {
			w.refuse(function, ref.why)
		}
		return ref.name
	}
	if asksForAlignment(in) {
		w.vectors[function] = in.text
	}
	text, err := spelt(in, fields, target)
	if err != nil {
		w.refuse(function, err.Error())
		text = asBytes(in.code)
	}
	if w.check && len(fields) == 0 {
		text = asLong(in, text)
	}
	w.line("\t%s", text)
}

// fieldsOf finds what the relocations of an instruction lead to.
func (w *writer) fieldsOf(section int, function string, in instruction) (fields []field) {
	for _, r := range w.relasIn(section, in.offset, in.end()) {
		t := w.target.Reloc(r.Type)
		f := field{at: r.Offset - in.offset, width: t.Width, kind: t.Kind, fromPC: t.FromPC}
		past := int64(0)
		if t.FromPC {
			past = int64(in.end() - r.Offset)
		}
		ref := w.leadsTo(r, past, isLoose(in, f), w.access(in, f))
		if _, known := modifiers[t.Kind]; !known && t.Kind != arch.PC32 && t.Kind != arch.Call && t.Kind != arch.Abs32 && t.Kind != arch.Abs32S && t.Kind != arch.Abs64 {
			ref.why = fmt.Sprintf("it has the relocation %v", t)
		}
		if ref.why != "" {
			w.refuse(function, ref.why)
		}
		f.name, f.off = ref.name, ref.off
		f.shown = w.File.Symbols[r.Symbol].Bind != elf.STB_LOCAL
		w.use(function, ref.name)
		w.fields[place{section, r.Offset}] = f
		fields = append(fields, f)
	}
	return fields
}

// access returns how many bytes an instruction reads at a field, 0 if that is not known.
func (w *writer) access(in instruction, f field) uint64 {
	f.name = "constant"
	text, err := spelt(in, []field{f}, func(uint64) string { return f.name })
	if err != nil {
		return 0
	}
	op, args, _ := strings.Cut(text, "\t")
	return uint64(machine.For(w.target).Decode(asm.Statement{Op: op, Args: args}).AccessSize)
}

func (u *unit) relasIn(section int, from, to uint64) []elfobj.Rela {
	list := u.relas[section]
	at, _ := slices.BinarySearchFunc(list, from, func(r elfobj.Rela, v uint64) int { return cmp.Compare(r.Offset, v) })
	end := at
	for end < len(list) && list[end].Offset < to {
		end++
	}
	return list[at:end]
}
