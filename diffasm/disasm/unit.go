package disasm

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// Object is one version of a unit.
type Object struct {
	Name    string // for messages
	File    *elfobj.File
	Listing []byte // of its code, see ListingArgs
}

// Text is an object as assembly text.
type Text struct {
	Asm    []byte           // for the comparison
	Check  []byte           // for an assembler: its code comes out where the object has it, see Prove
	Labels map[string]Place // places of the labels that data without a name has in Asm

	Described bool // the object has debugging information

	unit *unit
}

// Place is an offset in a section of an object, by section header index.
type Place struct {
	Section int
	Offset  uint64
}

// unit is an object, taken apart.
type unit struct {
	Object
	target    *arch.Target
	orig      *elfobj.File // the version that this one is compared with, nil for the original itself
	spans     map[int][]*span
	code      map[int][]instruction
	relas     map[int][]elfobj.Rela
	frames    map[place]*frame
	alike     map[int]bool                // sections that the other version lays out in the same way; filled when first asked for
	opaque    map[string]string           // functions that did not come back from an assembler, and why
	labels    map[place]bool              // places in code that something leads to
	loose     map[place]bool              // places of unnamed data whose address is taken
	direct    map[place]uint64            // likewise, of which an instruction reads so many bytes and no more; 0 for not known
	refused   map[string]string           // what a patch cannot have of a function: why
	fields    map[place]field             // of the code, for Prove
	wholes    map[string]string           // functions by the symbols of their cold parts
	vectors   map[string]string           // functions with an instruction that asks for aligned memory: what it says
	uses      map[string][]*elfobj.Symbol // variables of the object that functions name
	variables map[string]*elfobj.Symbol   // of the object, by name
	versioned map[string]string           // what names are taken from libraries as: f@V1
}

// Read takes an object apart. orig is the version that it is compared with, nil for the original itself.
func read(o Object, orig *elfobj.File, opaque map[string]string) (*unit, error) {
	var versioned map[string]string
	o.File, versioned = nameVersions(o.File)
	target, ok := arch.ByMachine(o.File.Machine)
	if !ok || o.File.Type != elf.ET_REL {
		return nil, fmt.Errorf("it is no relocatable object of a known machine")
	}
	u := &unit{
		Object: o, target: target, orig: orig, spans: spansOf(o.File), alike: map[int]bool{}, opaque: opaque, labels: map[place]bool{},
		loose: map[place]bool{}, direct: map[place]uint64{}, refused: map[string]string{}, fields: map[place]field{}, wholes: coldParts(o.File), vectors: map[string]string{}, uses: map[string][]*elfobj.Symbol{}, variables: variablesOf(o.File), versioned: versioned,
	}
	var err error
	if u.code, err = parseListing(o.File, o.Listing); err != nil {
		return nil, err
	}
	if u.relas, err = sortedRelas(o.File); err != nil {
		return nil, err
	}
	if u.frames, err = framesOf(o.File); err != nil {
		return nil, err
	}
	return u, u.check()
}

// sortedRelas returns the relocations of every section by offset; assemblers write them in another order.
func sortedRelas(f *elfobj.File) (map[int][]elfobj.Rela, error) {
	all, err := f.AllRelas()
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b elfobj.Rela) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	return all, err
}

// coldParts lists the functions that have cold parts, by the names of these.
func coldParts(f *elfobj.File) map[string]string {
	functions, wholes := map[string]bool{}, map[string]string{}
	for i := range f.Symbols {
		s := &f.Symbols[i]
		functions[s.Name] = functions[s.Name] || s.Defined() && isCode(&f.Sections[s.Section])
	}
	for name := range functions {
		if base, _, ok := strings.Cut(name, ".cold"); ok && functions[base] && asm.IsPart(base, name) {
			wholes[name] = base
		}
	}
	return wholes
}

// check refuses what no text can say.
func (u *unit) check() error {
	names := map[string]bool{}
	for i := range u.File.Symbols {
		s := &u.File.Symbols[i]
		if s.Name == "" || s.Type == elf.STT_FILE || s.Type == elf.STT_SECTION || strings.HasPrefix(s.Name, ".L") {
			continue
		}
		if names[s.Name] {
			return fmt.Errorf("it has several symbols %q", s.Name)
		}
		if names[s.Name] = true; strings.ContainsFunc(s.Name, notInNames) {
			return fmt.Errorf("the symbol %q has a name that assemblers do not take", s.Name)
		}
	}
	for i := range u.File.Sections {
		s := &u.File.Sections[i]
		if s.Flags&elf.SHF_ALLOC != 0 && s.Name == ".gcc_except_table" {
			return fmt.Errorf("its functions have tables of exception handlers or clean-ups")
		}
		if isCode(s) {
			if err := u.checkCode(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func notInNames(c rune) bool {
	return c != '_' && c != '.' && c != '$' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c < 0x80
}

// checkCode makes sure that all code is that of functions with a size.
func (u *unit) checkCode(section int) error {
	for _, s := range u.spans[section] {
		if s.symbol.Type != elf.STT_FUNC && s.symbol.Type != elf.STT_GNU_IFUNC || s.start == s.end {
			return fmt.Errorf("section %s has the symbol %q, which is no function with a size: it was written in assembly", u.File.Sections[section].Name, s.symbol.Name)
		}
	}
	for _, in := range u.code[section] {
		if covering(u.spans[section], in.offset) == nil && u.target.Padding(in.code) != len(in.code) {
			return fmt.Errorf("section %s has code at 0x%x that is no function's", u.File.Sections[section].Name, in.offset)
		}
	}
	return nil
}

func compareOffset(in instruction, at uint64) int { return cmp.Compare(in.offset, at) }

// isAlike reports whether the version that this one is compared with has a section laid out in the same way.
func (u *unit) isAlike(section int) bool {
	alike, known := u.alike[section]
	if !known && u.orig != nil {
		alike = sameLayout(u.File, section, u.orig)
		u.alike[section] = alike
	}
	return alike
}

// reference is where a field leads to.
type reference struct {
	name string
	off  int64
	why  string // why it is not certain what is meant, "" if it is
}

// leadsTo finds what a relocation means: past is added to its addend, loose says that the address is taken, or registers are added.
func (u *unit) leadsTo(r elfobj.Rela, past int64, loose bool, access uint64) reference {
	s := &u.File.Symbols[r.Symbol]
	off := r.Addend + past
	switch {
	case !s.Defined() || s.Type != elf.STT_SECTION && !strings.HasPrefix(s.Name, ".L"):
		return reference{name: s.Name, off: off}
	case u.File.Sections[s.Section].Flags&elf.SHF_MERGE != 0:
		return u.literalOf(s, r, off)
	}
	return u.at(place{s.Section, s.Value + uint64(off)}, loose, access)
}

// literalOf finds the piece of a section whose pieces linkers merge.
func (u *unit) literalOf(s *elfobj.Symbol, r elfobj.Rela, off int64) reference {
	meant := s.Value
	if s.Type == elf.STT_SECTION {
		meant += uint64(r.Addend)
	}
	start, _, ok := pieceOf(&u.File.Sections[s.Section], meant)
	if !ok {
		return reference{name: fmt.Sprintf(".Lnowhere_%d_%d", s.Section, meant), why: "it leads behind the constants of its section"}
	}
	at := place{s.Section, start}
	u.loose[at] = true
	return reference{name: u.labelOf(at), off: int64(s.Value) + off - int64(start)}
}

// at finds what is at a place of a section that linkers leave as it is.
func (u *unit) at(p place, loose bool, access uint64) reference {
	sec := &u.File.Sections[p.section]
	spans := u.spans[p.section]
	if isCode(sec) {
		return u.inCode(p)
	}
	if s := covering(spans, p.offset); s != nil {
		ref := reference{name: s.symbol.Name, off: int64(p.offset - s.start)}
		if loose && !u.isCertain(p, s) {
			ref.why = fmt.Sprintf("it takes an address in section %s, at %q or behind another variable", sec.Name, s.symbol.Name)
		}
		return ref
	}
	if s := endingAt(spans, p.offset); s != nil && (loose || sec.Flags&elf.SHF_WRITE != 0) && (sec.Flags&elf.SHF_WRITE != 0 || p.offset == sec.Size) {
		return reference{name: s.symbol.Name, off: int64(p.offset - s.start)}
	}
	if s := u.nearest(p); s != nil && u.isCertain(p, s) {
		return reference{name: s.symbol.Name, off: int64(p.offset - s.start)}
	}
	if sec.Type == elf.SHT_NOBITS || p.offset >= sec.Size {
		return reference{name: fmt.Sprintf(".Lnowhere_%d_%d", p.section, p.offset), why: fmt.Sprintf("it leads to a place of section %s that has no name", sec.Name)}
	}
	ref := reference{name: u.labelOf(p)}
	if loose {
		u.loose[p] = true
		if !u.isTable(p) && !u.isApart(p) && !u.isAlike(p.section) {
			ref.why = fmt.Sprintf("it takes an address in section %s, of a constant without a name or near a variable there", sec.Name)
		}
		return ref
	}
	if p.offset+access > sec.Size {
		ref.why = fmt.Sprintf("it reads more than section %s has there", sec.Name)
	}
	if old, found := u.direct[p]; !found || access == 0 || old != 0 && access > old {
		u.direct[p] = access
	}
	return ref
}

// isCertain reports whether an address in a section can only mean a variable there: it is the only one, or the others stand where they
// stood.
func (u *unit) isCertain(p place, s *span) bool {
	if len(u.spans[p.section]) == 1 && s.start == 0 && s.end == u.File.Sections[p.section].Size || u.orig == nil {
		return true
	}
	return u.isAlike(p.section)
}

// nearest returns the variable that a place before or behind all of a section is counted from: the first or the last. An address there serves
// an index that does not begin with 0.
func (u *unit) nearest(p place) *span {
	spans, size := u.spans[p.section], u.File.Sections[p.section].Size
	switch n := len(spans); {
	case n > 0 && int64(p.offset) < 0:
		return spans[0]
	case n > 0 && p.offset > size && int64(p.offset) > 0:
		return spans[n-1]
	}
	return nil
}

// nearby is how far from a variable an address may be that is counted from it, in bytes.
const nearby = 64

// isApart reports whether no named variable ends or begins near a place.
func (u *unit) isApart(p place) bool {
	return u.orig == nil || !slices.ContainsFunc(u.spans[p.section], func(s *span) bool {
		return s.end == p.offset || s.start > p.offset && s.start-p.offset <= nearby
	})
}

// isTable reports whether the data at a place leads to code: nothing but a jump takes its address.
func (u *unit) isTable(p place) bool {
	for _, r := range u.relas[p.section] {
		if r.Offset == p.offset {
			s := &u.File.Symbols[r.Symbol]
			return s.Defined() && isCode(&u.File.Sections[s.Section])
		}
	}
	return false
}

// inCode finds what is at a place of code: a function, or a label in one.
func (u *unit) inCode(p place) reference {
	s := covering(u.spans[p.section], p.offset)
	if s != nil && s.start == p.offset {
		return reference{name: s.symbol.Name}
	}
	_, starts := slices.BinarySearchFunc(u.code[p.section], p.offset, compareOffset)
	if s == nil || !starts {
		return reference{name: fmt.Sprintf(".Lnowhere_%d_%d", p.section, p.offset), why: "it leads into code where no instruction begins"}
	}
	u.labels[p] = true
	return reference{name: u.labelOf(p)}
}

// labelOf is the label of a place. Its name looks like gcc's for constants, but for a table of distances to code, which only a switch has:
// a table of labels that the source makes holds their addresses.
func (u *unit) labelOf(p place) string {
	if list := u.relasIn(p.section, p.offset, p.offset+1); len(list) > 0 && !isCode(&u.File.Sections[p.section]) && u.isTable(p) &&
		u.target.Reloc(list[0].Type).Kind == arch.PC32 {
		return fmt.Sprintf(".L%d%010d", p.section, p.offset)
	}
	return fmt.Sprintf(".LC%d%010d", p.section, p.offset)
}

// pieceOf returns [start, end) of the piece of a section that linkers merge, at an offset.
func pieceOf(s *elfobj.Section, offset uint64) (start, end uint64, ok bool) {
	size := max(s.EntSize, 1)
	if offset >= uint64(len(s.Data)) {
		return 0, 0, false
	}
	start = offset - offset%size
	if s.Flags&elf.SHF_STRINGS == 0 {
		return start, start + size, start+size <= uint64(len(s.Data))
	}
	zero := func(at uint64) bool { return strings.Trim(string(s.Data[at:at+size]), "\x00") == "" }
	for start >= size && !zero(start-size) {
		start -= size
	}
	for end = start; end+size <= uint64(len(s.Data)); end += size {
		if zero(end) {
			return start, end + size, true
		}
	}
	return 0, 0, false
}
