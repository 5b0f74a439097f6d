package kpatch

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"sort"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Encode returns the bytes of the file: header and ELF object. Same patch, same bytes.
//
// Section indices of p refer to p.Sections; there the tables that Encode derives are ignored, so that what Decode
// returned for a file of ours can be encoded again. The symbol table is made anew: a section symbol for each section
// that something refers to, then the imports. A .kpatch.data is always there, of 8 zero bytes when p has none: without
// it LibcarePlus protects the whole patch against writing.
func Encode(p *Patch) ([]byte, error) { return encode(p, maxObjectSize) }

func encode(p *Patch, limit uint64) ([]byte, error) {
	if err := validate(p); err != nil {
		return nil, err
	}
	e := newEncoder(p)
	e.addSymbols()
	if err := e.addTables(); err != nil {
		return nil, err
	}
	object, err := elfobj.EncodeObject(p.Machine.Machine, e.sections, e.fileOrder())
	if err != nil {
		return nil, err
	}
	if err := e.fillConstants(object); err != nil {
		return nil, err
	}
	if uint64(len(object)) > limit {
		return nil, fault.Refuse(fault.PatchTooLarge, "", "the patch is %d bytes large, the limit is %d", len(object), limit)
	}
	h := Header{
		ID: p.ID, BuildID: p.BuildID, BuildTime: p.BuildTime,
		KpatchOffset: HeaderSize, RelOffset: HeaderSize, TotalSize: uint32(HeaderSize + len(object)),
	}
	file := append(h.Encode(), object...)
	seal(file)
	return file, nil
}

// maxObjectSize keeps every offset of a mapped patch in 31 bits.
const maxObjectSize = 1 << 30

// encoder builds the section list of one ELF object.
type encoder struct {
	p        *Patch
	sections []elfobj.Section
	index    map[int]int // section index in p -> in the object
	strtab   int         // index of .kpatch.strtab
	symbols  []elfobj.Symbol
	locals   int         // symbols before the imports
	bySec    map[int]int // section index in the object -> its symbol
	byImport map[int]int // symbol index in p -> in the object
}

func newEncoder(p *Patch) *encoder {
	e := &encoder{p: p, sections: make([]elfobj.Section, 1), index: map[int]int{}}
	hasData := false
	for i := range p.Sections {
		s := &p.Sections[i]
		if i == 0 || derived(s) {
			continue
		}
		e.index[i] = e.add(elfobj.Section{
			Name: s.Name, Type: s.Type, Flags: s.Flags, Addr: s.Addr, Size: s.Size, Align: s.Align, Data: s.Data,
		})
		if s.Name == kpname.Data {
			hasData = true
			e.sections[e.index[i]].Align = max(s.Align, p.Machine.PageSize)
		}
	}
	if !hasData {
		e.add(elfobj.Section{
			Name: kpname.Data, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_WRITE, Align: p.Machine.PageSize, Data: make([]byte, 8),
		})
	}
	return e
}

func (e *encoder) add(s elfobj.Section) int {
	s.Index = len(e.sections)
	e.sections = append(e.sections, s)
	return s.Index
}

// derived reports whether Encode makes the section itself.
func derived(s *Section) bool {
	switch s.Name {
	case kpname.Info, kpname.Strtab, kpname.Meta, kpname.Digest, ".symtab", ".strtab", ".shstrtab":
		return true
	}
	return s.Type == elf.SHT_RELA
}

// addSymbols reserves .kpatch.info and .kpatch.strtab and makes the symbol table.
func (e *encoder) addSymbols() {
	e.add(elfobj.Section{Name: kpname.Info, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Align: 8})
	e.strtab = e.add(elfobj.Section{Name: kpname.Strtab, Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC, Align: 1})
	e.symbols, e.bySec, e.byImport = make([]elfobj.Symbol, 1), map[int]int{}, map[int]int{}
	for _, sec := range e.referenced() {
		e.bySec[sec] = len(e.symbols)
		e.symbols = append(e.symbols, elfobj.Symbol{Type: elf.STT_SECTION, Bind: elf.STB_LOCAL, Section: sec})
	}
	e.locals = len(e.symbols)
	for i, s := range e.p.Symbols {
		if i > 0 && s.Section == int(elf.SHN_UNDEF) {
			e.byImport[i] = len(e.symbols)
			e.symbols = append(e.symbols, elfobj.Symbol{Name: s.Name, Version: s.Version, Type: s.Type, Bind: s.Bind})
		}
	}
}

// referenced returns the indices in the object of all sections that need a symbol, in order.
func (e *encoder) referenced() []int {
	used := map[int]bool{e.strtab: true}
	for _, f := range e.p.Functions {
		used[e.index[f.New.Section]] = true
		if !f.IsNew() {
			used[e.index[f.Old.Section]] = true
		}
		if f.IsGate() {
			used[e.index[f.Via.Section]] = true
		}
	}
	for i := range e.p.Sections {
		if derived(&e.p.Sections[i]) {
			continue
		}
		for _, r := range e.p.Sections[i].Relocs {
			if sec := e.p.Symbols[r.Symbol].Section; sec != int(elf.SHN_UNDEF) && !constant(e.p, &r) {
				used[e.index[sec]] = true
			}
		}
	}
	indices := make([]int, 0, len(used))
	for i := range used {
		indices = append(indices, i)
	}
	sort.Ints(indices)
	return indices
}

// addTables fills .kpatch.info and .kpatch.strtab and adds the metadata, relocations, symbols, names and digest.
func (e *encoder) addTables() error {
	relas := map[int][]elfobj.Rela{}
	for i, sec := range e.index {
		relas[sec] = e.encodeRelocs(&e.p.Sections[i])
	}
	info := e.strtab - 1
	e.sections[info].Data, relas[info], e.sections[e.strtab].Data = e.encodeInfo()
	if e.p.Meta != nil {
		data, err := encodeMeta(e.p.Meta)
		if err != nil {
			return err
		}
		e.add(elfobj.Section{Name: kpname.Meta, Type: elf.SHT_PROGBITS, Align: 1, Data: data})
	}
	targets := len(e.sections)
	tables := 0
	for i := range targets {
		if len(relas[i]) > 0 {
			tables++
		}
	}
	symtab := targets + tables
	for i := range targets {
		if len(relas[i]) > 0 {
			e.add(elfobj.Section{
				Name: ".rela" + e.sections[i].Name, Type: elf.SHT_RELA, Flags: elf.SHF_INFO_LINK, Link: uint32(symtab), Info: uint32(i),
				Align: 8, EntSize: relaSize, Data: elfobj.EncodeRelas(relas[i]),
			})
		}
	}
	data, names := elfobj.EncodeSymbols(e.symbols)
	e.add(elfobj.Section{
		Name: ".symtab", Type: elf.SHT_SYMTAB, Link: uint32(symtab + 1), Info: uint32(e.locals), Align: 8, EntSize: symbolSize, Data: data,
	})
	e.add(elfobj.Section{Name: ".strtab", Type: elf.SHT_STRTAB, Align: 1, Data: names})
	e.add(elfobj.Section{Name: ".shstrtab", Type: elf.SHT_STRTAB, Align: 1})
	e.add(elfobj.Section{Name: kpname.Digest, Type: elf.SHT_PROGBITS, Align: objectAlign, Data: []byte(digestMagic + strings.Repeat("\x00", sha256.Size))})
	return nil
}

// Sizes in bytes of entries of ELF tables, and what the size of the object is a multiple of.
const (
	relaSize    = 24
	symbolSize  = 24
	objectAlign = 16
)

func (e *encoder) encodeRelocs(s *Section) []elfobj.Rela {
	relas := make([]elfobj.Rela, 0, len(s.Relocs))
	for _, r := range s.Relocs {
		if !constant(e.p, &r) {
			relas = append(relas, elfobj.Rela{Offset: r.Offset, Type: r.Type.Number, Symbol: e.symbol(r.Symbol), Addend: r.Addend})
		}
	}
	sort.SliceStable(relas, func(a, b int) bool { return relas[a].Offset < relas[b].Offset })
	return relas
}

// symbol maps a symbol index of the patch to one of the object.
func (e *encoder) symbol(i int) int {
	if sec := e.p.Symbols[i].Section; sec != int(elf.SHN_UNDEF) {
		return e.bySec[e.index[sec]]
	}
	return e.byImport[i]
}

// encodeInfo returns .kpatch.info with its terminator, its relocations, and .kpatch.strtab.
func (e *encoder) encodeInfo() (info []byte, relas []elfobj.Rela, names []byte) {
	address := func(at, sec int, offset uint64) {
		relas = append(relas, elfobj.Rela{
			Offset: uint64(at), Type: e.p.Machine.RelocOf(arch.Abs64).Number, Symbol: e.bySec[sec], Addend: int64(offset),
		})
	}
	for i := range e.p.Functions {
		f := &e.p.Functions[i]
		at := len(info)
		entry := make([]byte, InfoEntrySize)
		order.PutUint32(entry[16:], f.OldSize)
		order.PutUint32(entry[20:], f.NewSize)
		info = append(info, entry...)
		if !f.IsNew() {
			address(at, e.index[f.Old.Section], f.Old.Offset)
		}
		address(at+8, e.index[f.New.Section], f.New.Offset)
		address(at+24, e.strtab, uint64(len(names)))
		if flags, vaddr := f.flags(); flags != 0 { // of a type that readers which know nothing of gates and roles refuse
			order.PutUint32(info[at+40:], flags)
			relas = append(relas, elfobj.Rela{
				Offset: uint64(at + infoVia), Type: e.p.Machine.RelocOf(arch.GlobDat).Number, Symbol: e.bySec[e.index[vaddr.Section]], Addend: int64(vaddr.Offset),
			})
		}
		names = append(append(names, f.Name...), 0)
	}
	return append(info, make([]byte, InfoTerminatorSize)...), relas, names
}

// flags returns the flags of an entry, with the place that its vaddr names; 0 for one without.
func (f *Function) flags() (flags uint32, vaddr Location) {
	switch {
	case f.IsGate():
		return InfoGate, f.Via
	case f.HasRole():
		return uint32(f.Role), f.New
	}
	return 0, Location{}
}

// fileOrder puts .kpatch.data behind all that must not be writable, and the digest at the very end.
func (e *encoder) fileOrder() []int {
	var first, last []int
	for i := range e.sections[1:] {
		switch s := &e.sections[i+1]; {
		case s.Type == elf.SHT_NOBITS:
		case s.Name == kpname.Data:
			last = append([]int{i + 1}, last...)
		case s.Name == kpname.Digest:
			last = append(last, i+1)
		default:
			first = append(first, i+1)
		}
	}
	return append(first, last...)
}

// digestMagic begins .kpatch.digest; the SHA-256 of the file follows, computed with its own bytes zero. The section ends
// the file, so that it is found even where the section's name is damaged.
const digestMagic = "gocare sha-256\x00\x00"

const digestSectionSize = len(digestMagic) + sha256.Size

// seal writes the digest at the end of a file.
func seal(file []byte) {
	sum := fileDigest(file)
	copy(file[len(file)-sha256.Size:], sum[:])
}

// fileDigest returns the SHA-256 of a file, its last 32 bytes taken as zero.
func fileDigest(file []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(file[:len(file)-sha256.Size])
	h.Write(make([]byte, sha256.Size))
	return [sha256.Size]byte(h.Sum(nil))
}

// checkDigest compares the digest of a file of ours; others' have none.
func checkDigest(file []byte, named bool) error {
	if len(file) < digestSectionSize {
		return nil
	}
	tail := file[len(file)-digestSectionSize:]
	if string(tail[:len(digestMagic)]) != digestMagic && !named {
		return nil
	}
	if sum := fileDigest(file); string(tail) != digestMagic+string(sum[:]) {
		return fault.Refuse(fault.FormatCorrupt, "", "the file is damaged: its SHA-256 does not match").WithHint("copy the patch again")
	}
	return nil
}

// String names the place for messages.
func (l Location) String() string { return fmt.Sprintf("section %d+0x%x", l.Section, l.Offset) }
