package kpatch

import (
	"debug/elf"
	"slices"
	"sort"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// validate reports why Encode cannot write a patch. Whatever it refuses is a mistake of the caller, but a patch is too
// dear to trust callers.
func validate(p *Patch) error {
	if err := ValidID(p.ID); err != nil {
		return err
	}
	if err := validBuildID(p.BuildID); err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Functions, func(f Function) bool { return !f.HasRole() }) {
		return fault.Refuse(fault.PatchEmpty, "", "the patch has no function")
	}
	if p.Machine == nil {
		return bad("", "no machine")
	}
	if err := validateSections(p); err != nil {
		return err
	}
	if err := validateSymbols(p); err != nil {
		return err
	}
	for i := range p.Sections {
		if s := &p.Sections[i]; !derived(s) {
			if err := validateRelocs(p, s); err != nil {
				return err
			}
		}
	}
	if err := validateFunctions(p); err != nil {
		return err
	}
	return checkRoles(p)
}

func validateSections(p *Patch) error {
	if len(p.Sections) == 0 || p.Sections[0].Type != elf.SHT_NULL {
		return bad("", "section 0 is not the null section")
	}
	seen := map[string]bool{}
	for i := range p.Sections[1:] {
		s := &p.Sections[i+1]
		if derived(s) {
			continue
		}
		if seen[s.Name] {
			return bad(s.Name, "two sections of that name")
		}
		seen[s.Name] = true
		if err := validateSection(s, p.Machine.PageSize); err != nil {
			return err
		}
	}
	return nil
}

func validateSection(s *Section, pageSize uint64) error {
	switch {
	case s.Name == "" || strings.Contains(s.Name, "\x00"):
		return bad(s.Name, "bad section name %q", s.Name)
	case s.Align&(s.Align-1) != 0, s.Align > pageSize && !s.Original(): // the original has its place
		return bad(s.Name, "alignment %d, want a power of two up to %d", s.Align, pageSize)
	case s.Original() && strings.HasPrefix(s.Name, kpname.SectionPrefix):
		return bad(s.Name, "NOBITS stands for sections of the original")
	case s.Original() && (s.Data != nil || len(s.Relocs) > 0):
		return bad(s.Name, "a section of the original has contents or relocations")
	case s.Original():
		return nil
	case s.Type != elf.SHT_PROGBITS:
		return bad(s.Name, "type %v, want PROGBITS or NOBITS", s.Type)
	case s.Size != uint64(len(s.Data)):
		return bad(s.Name, "size %d but %d bytes of contents", s.Size, len(s.Data))
	case s.Addr != 0:
		return bad(s.Name, "a section of the patch has an address")
	}
	writable := s.Flags&elf.SHF_WRITE != 0
	switch s.Name {
	case kpname.Data:
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			return bad(s.Name, "executable")
		}
	case kpname.Text, kpname.Rodata, kpname.Unwind:
		if writable {
			return bad(s.Name, "writable")
		}
	default:
		return bad(s.Name, "not a section of this format")
	}
	return nil
}

func validateSymbols(p *Patch) error {
	for i, s := range p.Symbols {
		if i == 0 {
			continue
		}
		name := s.Name
		switch {
		case s.Type == elf.STT_SECTION:
			if s.Section <= 0 || s.Section >= len(p.Sections) || s.Value != 0 {
				return bad("", "symbol %d: section symbol of section %d with value 0x%x", i, s.Section, s.Value)
			}
		case s.Section != int(elf.SHN_UNDEF):
			return bad("", "symbol %d %q: only section symbols and imports can be written", i, name)
		case s.Bind != elf.STB_GLOBAL || s.Type != elf.STT_FUNC && s.Type != elf.STT_OBJECT:
			return bad("", "import %q is %v %v, want GLOBAL FUNC or OBJECT", name, s.Bind, s.Type)
		case name == "" || strings.ContainsAny(name, "@\x00") || strings.ContainsAny(s.Version, "@\x00"):
			return bad("", "import %q: bad name or version %q", name, s.Version)
		}
	}
	return nil
}

// relocWidth returns how many bytes a relocation of a type that a patch may hold writes, or 0.
func relocWidth(t arch.RelocType) uint64 {
	if !t.InPatch {
		return 0
	}
	return t.Width
}

func validateRelocs(p *Patch, s *Section) error {
	relocs := append([]Reloc(nil), s.Relocs...)
	sort.SliceStable(relocs, func(a, b int) bool { return relocs[a].Offset < relocs[b].Offset })
	end := uint64(0)
	for _, r := range relocs {
		width := r.Type.Width
		switch {
		case r.Symbol <= 0 || r.Symbol >= len(p.Symbols):
			return bad(s.Name, "0x%x: symbol %d of %d", r.Offset, r.Symbol, len(p.Symbols))
		case !r.Type.InPatch && !constant(p, &r) || width == 0:
			return bad(s.Name, "0x%x: relocation type %v", r.Offset, r.Type)
		case r.Offset > s.Size || s.Size-r.Offset < width:
			return bad(s.Name, "0x%x: relocation past the section's %d bytes", r.Offset, s.Size)
		case r.Offset < end:
			return bad(s.Name, "0x%x: relocations overlap", r.Offset)
		}
		if r.Type.Kind == arch.GlobDat && p.Symbols[r.Symbol].Section != int(elf.SHN_UNDEF) {
			return bad(s.Name, "0x%x: %v of no import", r.Offset, r.Type)
		}
		if sec := p.Symbols[r.Symbol].Section; sec != 0 && derived(&p.Sections[sec]) {
			return bad(s.Name, "0x%x: reference to %s", r.Offset, p.Sections[sec].Name)
		}
		end = r.Offset + width
	}
	return nil
}

func validateFunctions(p *Patch) error {
	hooked := map[Location]string{}
	for i := range p.Functions {
		f := &p.Functions[i]
		if f.Name == "" || strings.Contains(f.Name, "\x00") {
			return bad(kpname.Info, "entry %d: bad name %q", i, f.Name)
		}
		section := kpname.Text
		if f.Role == kpname.Shadow {
			section = kpname.Data
		}
		if !inside(p, f.New, f.NewSize) || p.Sections[f.New.Section].Name != section {
			return bad(kpname.Info, "%s: new code at %v, %d bytes, is not in %s", f.Name, f.New, f.NewSize, section)
		}
		if f.HasRole() && (!f.Role.Known() || !f.IsNew()) {
			return bad(kpname.Info, "%s: role %d, or an original function", f.Name, f.Role)
		}
		if f.IsNew() {
			continue
		}
		if !inside(p, f.Old, f.OldSize) || !p.Sections[f.Old.Section].Original() {
			return bad(kpname.Info, "%s: old code at %v, %d bytes, is in no section of the original", f.Name, f.Old, f.OldSize)
		}
		size := uint64(p.Machine.HookSize)
		if f.IsGate() {
			if size = uint64(p.Machine.GateSize); !gateLeads(p, f) {
				return bad(kpname.Info, "%s: its gate leads to %v, where no hook is", f.Name, f.Via)
			}
		} else if uint64(f.OldSize) < size {
			return bad(kpname.Info, "%s: %d bytes have no room for the jump", f.Name, f.OldSize)
		}
		for i := range size {
			at := Location{f.Old.Section, f.Old.Offset + i}
			if other, ok := hooked[at]; ok {
				return bad(kpname.Info, "%s and %s: their jumps overlap", other, f.Name)
			}
			hooked[at] = f.Name
		}
	}
	return nil
}

// gateLeads reports whether a gate leads to the hook of its own new code.
func gateLeads(p *Patch, gate *Function) bool {
	return slices.ContainsFunc(p.Functions, func(f Function) bool { return !f.IsNew() && !f.IsGate() && f.Old == gate.Via && f.New == gate.New })
}

// inside reports whether size bytes, at least one, at a place lie in its section.
func inside(p *Patch, l Location, size uint32) bool {
	if l.Section <= 0 || l.Section >= len(p.Sections) || size == 0 {
		return false
	}
	total := p.Sections[l.Section].Size
	return l.Offset <= total && total-l.Offset >= uint64(size)
}

// bad returns the error for a Patch that cannot be written.
func bad(section, format string, args ...any) error {
	if section != "" {
		section = "section " + section
	}
	return fault.New(fault.Bug, section, format, args...)
}
