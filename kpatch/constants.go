package kpatch

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// What a field holds may be the same wherever the process has the patch: where in its page an address is, as objects are mapped at multiples of a
// page, and so is the object of a patch; and a distance within the patch. A type that files do not hold is filled in then when
// a patch is written.

// constant reports whether a relocation is filled in by Encode.
func constant(p *Patch, r *Reloc) bool {
	to := p.Symbols[r.Symbol].Section
	switch {
	case to == int(elf.SHN_UNDEF) || !fills(p):
		return false
	case r.Type.Kind == arch.PC32, r.Type.Kind == arch.PC64:
		return !p.Sections[to].Original()
	case r.Type.InPatch:
		return false
	case r.Type.Kind == arch.PageOffset:
		return true
	}
	switch r.Type.Kind {
	case arch.Branch, arch.Near, arch.PagePC:
		return !p.Sections[to].Original()
	}
	return false
}

// fills reports whether the machine of a patch has such fields.
func fills(p *Patch) bool { return p.Machine.RelocOf(arch.PageOffset).Kind == arch.PageOffset }

// fillConstants fills in the constants in the bytes of an object that was made of the encoder's sections.
func (e *encoder) fillConstants(object []byte) error {
	if !fills(e.p) {
		return nil
	}
	file, err := elfobj.Parse(object)
	if err != nil {
		return err
	}
	if err := e.checkPlaces(file); err != nil {
		return err
	}
	for i, at := range e.index {
		for _, r := range e.p.Sections[i].Relocs {
			if !constant(e.p, &r) {
				continue
			}
			to := e.p.Symbols[r.Symbol].Section
			value, place := uint64(r.Addend)+e.p.Sections[to].Addr, file.Sections[at].Offset+r.Offset
			if !e.p.Sections[to].Original() {
				value += file.Sections[e.index[to]].Offset
			}
			value = r.Type.Value(value, place)
			if !r.Type.Fits(value) {
				return fault.Refuse(fault.RelocRange, e.p.Sections[i].Name, "relocation at 0x%x: value 0x%x does not fit %s", r.Offset, value, r.Type)
			}
			r.Type.Store(object[place:], value)
		}
	}
	return nil
}

// checkPlaces makes sure that the sections of a decoded patch stay where they were: nothing says any more which constants it holds.
func (e *encoder) checkPlaces(file *elfobj.File) error {
	if e.p.Object == nil {
		return nil
	}
	for i, at := range e.index {
		if s := &e.p.Sections[i]; !s.Original() && s.Offset != file.Sections[at].Offset {
			return bad(s.Name, "would move from 0x%x to 0x%x: its constants are for where it was", s.Offset, file.Sections[at].Offset)
		}
	}
	return nil
}
