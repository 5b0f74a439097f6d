package stripper

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"sort"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/kpatch"
	"gocare/ld"
)

// Options is what a patch says beside its code.
type Options struct {
	ID        string
	BuildID   string // of the original binary, lower-case hex
	BuildTime uint64 // seconds since 1970, or 0
	PIE       bool   // ET_DYN: 32-bit absolute references cannot work; also inferred where the original begins near 0
	Meta      kpatch.Meta
}

// Strip returns the patch that a joined object makes: sections of the original and imports that nothing refers to are
// dropped, references within one section are computed, the rest become relocations against section symbols or
// imports. Meta.Parts is filled from the functions' original parts.
func Strip(j *ld.Joined, opts Options) (*kpatch.Patch, error) {
	if err := kpatch.ValidID(opts.ID); err != nil {
		return nil, err
	}
	if len(j.Functions) == 0 {
		return nil, fault.Refuse(fault.PatchEmpty, "", "the patch has no function").
			WithHint("nothing that was changed ends up in code; look at what explain says")
	}
	s := newStripper(j, opts)
	if err := s.addSections(); err != nil {
		return nil, err
	}
	if err := s.addFunctions(); err != nil {
		return nil, err
	}
	if err := s.addParts(); err != nil {
		return nil, err
	}
	return s.patch, nil
}

type stripper struct {
	j         *ld.Joined
	opts      Options
	patch     *kpatch.Patch
	originals map[int]int // index in j.Originals -> section index of the patch
	sections  []int       // index in j.Sections -> section index of the patch
	symbols   map[ld.Target]int
}

// newStripper lists the sections of the patch, the referenced ones of the original first, and their symbols.
func newStripper(j *ld.Joined, opts Options) *stripper {
	meta := opts.Meta
	meta.Parts = nil
	s := &stripper{
		j: j, opts: opts, originals: map[int]int{}, symbols: map[ld.Target]int{},
		patch: &kpatch.Patch{
			ID: opts.ID, Machine: j.Machine, BuildID: opts.BuildID, BuildTime: opts.BuildTime, Meta: &meta,
			Sections: make([]kpatch.Section, 1), Symbols: make([]kpatch.Symbol, 1),
		},
	}
	used := referenced(j)
	for i, o := range j.Originals {
		if used[ld.Target{Kind: ld.InOriginal, Index: i}] {
			s.originals[i] = len(s.patch.Sections)
			s.patch.Sections = append(s.patch.Sections, kpatch.Section{
				Name: o.Name, Type: elf.SHT_NOBITS, Flags: o.Flags, Addr: o.Addr, Size: o.Size, Align: min(o.Align, j.Machine.PageSize),
			})
		}
	}
	for i := range j.Sections {
		s.sections = append(s.sections, len(s.patch.Sections)+i)
	}
	for i := range j.Originals {
		s.addSectionSymbol(used, ld.Target{Kind: ld.InOriginal, Index: i}, s.originals[i])
	}
	for i := range j.Sections {
		s.addSectionSymbol(used, ld.Target{Kind: ld.InPatch, Index: i}, s.sections[i])
	}
	s.addImports(used)
	return s
}

// lowestFixed is the lowest address that Linux lets a program map (vm.mmap_min_addr): what is linked below it is not
// loaded where it was linked.
const lowestFixed = 64 << 10

// movable reports whether the original may be loaded anywhere.
func (s *stripper) movable() bool {
	if s.opts.PIE {
		return true
	}
	for _, o := range s.j.Originals {
		if o.Addr < lowestFixed {
			return true
		}
	}
	return false
}

func (s *stripper) addSectionSymbol(used map[ld.Target]bool, t ld.Target, section int) {
	if used[t] {
		s.symbols[t] = len(s.patch.Symbols)
		s.patch.Symbols = append(s.patch.Symbols, kpatch.Symbol{Type: elf.STT_SECTION, Bind: elf.STB_LOCAL, Section: section})
	}
}

func (s *stripper) addImports(used map[ld.Target]bool) {
	var imports []int
	for i := range s.j.Imports {
		if used[ld.Target{Kind: ld.Imported, Index: i}] {
			imports = append(imports, i)
		}
	}
	sort.SliceStable(imports, func(a, b int) bool {
		x, y := s.j.Imports[imports[a]], s.j.Imports[imports[b]]
		return x.Name < y.Name || x.Name == y.Name && x.Version < y.Version
	})
	for _, i := range imports {
		imp := s.j.Imports[i]
		s.symbols[ld.Target{Kind: ld.Imported, Index: i}] = len(s.patch.Symbols)
		s.patch.Symbols = append(s.patch.Symbols, kpatch.Symbol{
			Name: imp.Name, Version: imp.Version, Type: imp.Type, Bind: elf.STB_GLOBAL,
		})
	}
}

// referenced returns the sections and imports that relocations and functions refer to, as targets of offset 0.
func referenced(j *ld.Joined) map[ld.Target]bool {
	used := map[ld.Target]bool{}
	mark := func(t ld.Target) { used[ld.Target{Kind: t.Kind, Index: t.Index}] = true }
	for _, sec := range j.Sections {
		for _, r := range sec.Relocs {
			mark(r.Target)
		}
	}
	for _, f := range j.Functions {
		mark(f.New)
		if !f.IsNew {
			mark(f.Old)
		}
		if f.Gate {
			mark(f.Via)
		}
	}
	for _, r := range j.Roles {
		mark(r.At)
	}
	return used
}

// addSections adds the sections of the patch with their relocations.
func (s *stripper) addSections() error {
	for i := range s.j.Sections {
		sec := &s.j.Sections[i]
		out := kpatch.Section{
			Name: sec.Name, Type: elf.SHT_PROGBITS, Flags: sec.Flags, Size: uint64(len(sec.Data)), Align: max(sec.Align, 1),
			Data: append([]byte(nil), sec.Data...),
		}
		if out.Align > s.j.Machine.PageSize { // what a section keeps in a process
			return fault.Refuse(fault.Alignment, "section "+sec.Name, "alignment of %d bytes, more than a page", sec.Align)
		}
		for _, r := range sec.Relocs {
			if err := s.addReloc(&out, i, r); err != nil {
				return err
			}
		}
		s.patch.Sections = append(s.patch.Sections, out)
	}
	return nil
}

// addReloc adds a relocation, or computes the value where the distance is known already.
func (s *stripper) addReloc(out *kpatch.Section, section int, r ld.JoinedReloc) error {
	where := func(format string, args ...any) error {
		return fault.New(fault.Bug, "section "+out.Name, format, args...)
	}
	if !r.Type.InPatch && !filledIn(r) {
		return where("0x%x: relocation %v was not resolved", r.Offset, r.Type)
	}
	if r.Offset > out.Size || out.Size-r.Offset < r.Type.Width {
		return where("0x%x: relocation past the section's %d bytes", r.Offset, out.Size)
	}
	if err := s.checkTarget(r.Target); err != nil {
		return where("0x%x: %v", r.Offset, err)
	}
	if absolute32(r.Type) && s.movable() {
		return fault.Refuse(fault.Reloc32PIE, "section "+out.Name,
			"0x%x: %v in a patch for a binary that may be loaded anywhere", r.Offset, r.Type)
	}
	if err := s.checkAbsolute(out.Name, r); err != nil {
		return err
	}
	if err := s.checkImport(out.Name, r); err != nil {
		return err
	}
	addend := int64(r.Target.Offset) + r.Addend
	if r.Type.FromPC && !r.Type.Bits.Pages && r.Target.Kind == ld.InPatch && r.Target.Index == section {
		return storeDistance(out, r, addend)
	}
	out.Relocs = append(out.Relocs, kpatch.Reloc{
		Offset: r.Offset, Type: r.Type, Addend: addend, Symbol: s.symbols[ld.Target{Kind: r.Target.Kind, Index: r.Target.Index}],
	})
	return nil
}

// filledIn reports whether package kpatch fills a field in when it writes the patch.
func filledIn(r ld.JoinedReloc) bool {
	return r.Target.Kind == ld.InPatch && (r.Type.Kind == arch.PageOffset || r.Type.Kind == arch.PC32 || r.Type.Kind == arch.PC64)
}

// storeDistance computes a reference within one section.
func storeDistance(out *kpatch.Section, r ld.JoinedReloc, addend int64) error {
	distance := uint64(addend) - r.Offset
	if !r.Type.Fits(distance) {
		return fault.Refuse(fault.RelocRange, "section "+out.Name, "0x%x: %v does not reach 0x%x", r.Offset, r.Type, addend)
	}
	r.Type.Store(out.Data[r.Offset:], distance)
	return nil
}

// absolute32 reports whether a field holds an address in less than 64 bits.
func absolute32(t arch.RelocType) bool { return t.Kind == arch.Abs32 || t.Kind == arch.Abs32S }

// checkAbsolute checks the range of a 32-bit address of an original that is always loaded where it was linked.
func (s *stripper) checkAbsolute(section string, r ld.JoinedReloc) error {
	if !absolute32(r.Type) || r.Target.Kind != ld.InOriginal {
		return nil
	}
	value := int64(s.j.Originals[r.Target.Index].Addr+r.Target.Offset) + r.Addend
	if !r.Type.Fits(uint64(value)) {
		return fault.Refuse(fault.RelocRange, "section "+section, "0x%x: %v cannot hold 0x%x", r.Offset, r.Type, value)
	}
	return nil
}

// checkImport refuses references to imported data that the loader would bind to the jump table: in its slot for the
// import the address begins at the second quadword, which only a relative reference of at least 8 bytes reaches.
func (s *stripper) checkImport(section string, r ld.JoinedReloc) error {
	if r.Target.Kind != ld.Imported {
		if r.Type.Kind == arch.GlobDat {
			return fault.New(fault.Bug, "section "+section, "0x%x: %v of no import", r.Offset, r.Type)
		}
		return nil
	}
	imp := s.j.Imports[r.Target.Index]
	if r.Type.Kind == arch.GlobDat || imp.Type == elf.STT_FUNC || imp.Type == elf.STT_OBJECT && r.Type.FromPC && r.Addend+s.j.Machine.PCBias >= kpatch.JumpSlotTarget {
		return nil
	}
	return fault.Refuse(fault.ImportData, "section "+section,
		"0x%x: %v to the imported variable %q, for which the original has no GOT slot", r.Offset, r.Type, imp.Name)
}

// digest returns the SHA-256 in hex.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
