package unlink

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// relax puts in the place of relocations whose code the linker changed those that the changed code has.
func (p *linked) relax() error {
	for section, list := range p.relas {
		s := &p.file.Sections[section]
		if !isCode(s) {
			continue
		}
		relaxed, err := p.relaxed(s, list)
		if err != nil {
			return fmt.Errorf("section %s: %w", s.Name, err)
		}
		p.relas[section] = relaxed
	}
	return nil
}

func (p *linked) relaxed(s *elfobj.Section, list []elfobj.Rela) ([]elfobj.Rela, error) {
	executable, gone := hasInterpreter(p.file), map[uint64]bool{}
	var out []elfobj.Rela
	for _, r := range list {
		if r.Offset < s.Addr || r.Offset >= s.Addr+s.Size || s.Data == nil {
			return nil, fmt.Errorf("relocation at 0x%x is outside", r.Offset)
		}
		if gone[r.Offset] {
			continue
		}
		kind := p.target.Reloc(r.Type).Kind
		f, changed, ok := p.target.Linked(kind, s.Data, int(r.Offset-s.Addr))
		switch {
		case !ok: // refused where something needs the function
			r.Type = unknownType
		case kind == arch.TLSBlockOffset32 && executable:
			r.Type = p.target.RelocOf(arch.TLSLocalExec).Number
		case changed:
			if f.Call != 0 {
				gone[r.Offset+uint64(f.Call)] = true
			}
			if f.Kind == arch.None {
				continue
			}
			own := r.Addend + p.bias(kind)
			r.Type, r.Addend = p.target.RelocOf(f.Kind).Number, own+f.Bias
			r.Offset += uint64(f.Moved)
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b elfobj.Rela) int { return cmp.Compare(a.Offset, b.Offset) })
	return out, nil
}

// unknownType is a relocation type that no machine has.
const unknownType = 1<<32 - 1

// bias is what the addend of a relocation to the start of something lacks.
func (p *linked) bias(k arch.RelocKind) int64 {
	if k == arch.TLSDescCall {
		return 0
	}
	return p.target.PCBias
}

// hasInterpreter tells programs, static ones included, from shared libraries.
func hasInterpreter(f *elfobj.File) bool {
	shared := f.Type == elf.ET_DYN
	for i := range f.Segments {
		shared = shared && f.Segments[i].Type != elf.PT_INTERP
	}
	return !shared
}
