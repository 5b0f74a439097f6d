package elfobj

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"

	"gocare/internal/arch"
)

// DWARF returns the debugging information of the file, with the relocations of an object applied, or nil if it has none.
// It refuses types in sections of their own (-fdebug-types-section), and relocation types other than 32 and 64 bits absolute.
func (f *File) DWARF() (*dwarf.Data, error) {
	d, err := f.DWARFAt(func(int) uint64 { return 0 })
	if d == nil || err != nil {
		return nil, err
	}
	return d.Data, nil
}

// Debug is debugging information, with its table of addresses, which package dwarf does not show.
type Debug struct {
	*dwarf.Data
	Addresses []byte // .debug_addr, nil without
}

// DWARFAt returns what DWARF does, as if each section of an object were at the address that base gives it.
func (f *File) DWARFAt(base func(section int) uint64) (*Debug, error) {
	data := map[string][]byte{}
	for i := range f.Sections {
		s := &f.Sections[i]
		name, ok := debugName(s)
		if name == "types" || name == "info" && data[name] != nil {
			return nil, fmt.Errorf("section %d, %s: types of their own", i, s.Name)
		}
		if !ok || s.Data == nil || data[name] != nil {
			continue
		}
		b, err := f.relocated(s, base)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", s.Name, err)
		}
		data[name] = b
	}
	if data["info"] == nil || data["abbrev"] == nil {
		return nil, nil
	}
	d, err := dwarf.New(data["abbrev"], nil, nil, data["info"], data["line"], nil, data["ranges"], data["str"])
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"addr", "line_str", "str_offsets", "rnglists"} {
		if b := data[name]; b != nil {
			if err := d.AddSection(".debug_"+name, b); err != nil {
				return nil, err
			}
		}
	}
	return &Debug{d, data["addr"]}, nil
}

// relocated returns a section's bytes with its absolute relocations applied as if every section were at its base.
func (f *File) relocated(s *Section, base func(section int) uint64) ([]byte, error) {
	data, err := contents(s)
	if err != nil {
		return nil, err
	}
	relas, err := f.Relas(s.Index)
	if err != nil || len(relas) == 0 || f.Type != elf.ET_REL {
		return data, err
	}
	target, ok := arch.ByMachine(f.Machine)
	if !ok {
		return nil, fmt.Errorf("relocations of machine %v", f.Machine)
	}
	b := append([]byte(nil), data...)
	for _, r := range relas {
		if err := f.applyAbsolute(b, r, target.Reloc(r.Type), base); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (f *File) applyAbsolute(b []byte, r Rela, t arch.RelocType, base func(section int) uint64) error {
	switch t.Kind {
	case arch.None:
		return nil
	case arch.Abs32, arch.TLSBlockOffset32, arch.Abs64, arch.TLSBlockOffset64:
	default:
		return fmt.Errorf("relocation at %#x: unsupported type %v", r.Offset, t)
	}
	if r.Offset > uint64(len(b)) || uint64(len(b))-r.Offset < t.Width {
		return fmt.Errorf("relocation at %#x is outside the section", r.Offset)
	}
	value := f.Symbols[r.Symbol].Value + uint64(r.Addend)
	if s := &f.Symbols[r.Symbol]; s.Defined() {
		value += base(s.Section)
	}
	t.Store(b[r.Offset:], value)
	return nil
}
