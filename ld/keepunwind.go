package ld

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// keepUnwind cuts down the .eh_frame sections of an object to the entries of the sections that are kept. A record is a length
// of four bytes and that many more; the first word of those is 0 for a CIE, else the distance from there back to the CIE
// of an FDE (Linux Standard Base Core 5.0, section 10.6).
func keepUnwind(f *elfobj.File, kept map[int]bool, where string) error {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Name != ".eh_frame" || s.Size == 0 {
			continue
		}
		relas, err := f.Relas(i)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		e := unwindEditor{f: f, section: s, relas: relas, kept: kept, moved: map[uint64]uint64{}, where: where}
		if err := e.edit(); err != nil {
			return err
		}
		s.Flags |= elf.SHF_ALLOC
		s.Data, s.Size = e.out, uint64(len(e.out))
		for k := range f.Sections {
			if t := &f.Sections[k]; t.Type == elf.SHT_RELA && int(t.Info) == i {
				t.Data = elfobj.EncodeRelas(e.outRelas)
				t.Size = uint64(len(t.Data))
			}
		}
	}
	return nil
}

type unwindEditor struct {
	f        *elfobj.File
	section  *elfSection
	relas    []elfobj.Rela
	kept     map[int]bool
	moved    map[uint64]uint64 // where a CIE that was copied begins now
	out      []byte
	outRelas []elfobj.Rela
	where    string
}

const (
	unwindHead  = 8 // length and CIE id or pointer
	unwindAlign = 8
)

func (e *unwindEditor) edit() error {
	le, data := binary.LittleEndian, e.section.Data
	for at := uint64(0); at+unwindHead <= uint64(len(data)); {
		length := uint64(le.Uint32(data[at:]))
		if length == 0 {
			return nil
		}
		end := at + 4 + length
		if length < 4 || end > uint64(len(data)) {
			return e.damaged(at)
		}
		if back := uint64(le.Uint32(data[at+4:])); back != 0 && e.covers(at) {
			if back > at+4 {
				return e.damaged(at)
			}
			if err := e.keep(at, end, at+4-back); err != nil {
				return err
			}
		}
		at = end
	}
	return nil
}

func (e *unwindEditor) damaged(at uint64) error {
	return fault.New(fault.Refused, e.where, "%s is damaged at 0x%x", e.section.Name, at)
}

// covers reports whether the FDE at a place is for code that is kept.
func (e *unwindEditor) covers(at uint64) bool {
	for _, r := range e.relas {
		if r.Offset == at+unwindHead {
			s := &e.f.Symbols[r.Symbol]
			return s.Defined() && e.kept[s.Section]
		}
	}
	return false
}

// keep copies an FDE, and before the first of its CIE that.
func (e *unwindEditor) keep(at, end, cie uint64) error {
	le := binary.LittleEndian
	start, copied := e.moved[cie]
	if !copied {
		length := uint64(le.Uint32(e.section.Data[cie:]))
		if length < 4 || cie+4+length > uint64(len(e.section.Data)) {
			return e.damaged(cie)
		}
		start = e.copy(cie, cie+4+length)
		e.moved[cie] = start
	}
	fde := e.copy(at, end)
	le.PutUint32(e.out[fde+4:], uint32(fde+4-start))
	return nil
}

// unwindRefs returns what the unwind data of the code in a section refer to: tables of exception handlers, and the routine that reads
// them.
func unwindRefs(f *elfobj.File, section int, where string) ([]elfobj.Rela, error) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Name != ".eh_frame" || s.Size == 0 {
			continue
		}
		relas, err := f.Relas(i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		e := unwindEditor{f: f, section: s, relas: relas, kept: map[int]bool{section: true}, moved: map[uint64]uint64{}, where: where}
		if err := e.edit(); err != nil {
			return nil, err
		}
		return e.outRelas, nil
	}
	return nil, nil
}

// copy appends a record with its relocations, filled up with DW_CFA_nop, and returns where it begins now.
func (e *unwindEditor) copy(at, end uint64) uint64 {
	start := uint64(len(e.out))
	e.out = append(e.out, e.section.Data[at:end]...)
	for len(e.out)%unwindAlign != 0 {
		e.out = append(e.out, 0)
	}
	binary.LittleEndian.PutUint32(e.out[start:], uint32(uint64(len(e.out))-start-4))
	for _, r := range e.relas {
		if at <= r.Offset && r.Offset < end {
			r.Offset += start - at
			e.outRelas = append(e.outRelas, r)
		}
	}
	return start
}
