package refload

import (
	"debug/elf"
	"fmt"
	"strings"
)

// resolve gives every symbol its run-time value and fills the jump table.
func (l *loader) resolve() error {
	used := uint32(0)
	for i := range l.symbols {
		if i == 0 {
			continue
		}
		s := &l.symbols[i]
		where := func(what string) error { return fmt.Errorf("symbol %d %q: %s", i, s.name, what) }
		switch {
		case s.section >= uint16(elf.SHN_LORESERVE):
			return where("SHN_ABS or SHN_COMMON crash the loader")
		case int(s.section) >= len(l.sections):
			return where("no such section")
		case s.typ == elf.STT_TLS:
			continue
		case s.typ == elf.STT_SECTION:
			s.value = l.sectionAddr(int(s.section))
		case s.section == 0 && (s.typ == elf.STT_FUNC || s.typ == elf.STT_OBJECT) && s.bind == elf.STB_GLOBAL:
			addr, ok := l.lookUp(s.name)
			if !ok {
				return where("not in any shared library")
			}
			s.slot, s.target = true, addr
			s.value = l.env.Base + l.putSlot(used, addr)
			used++
		case s.section == 0:
			return where("undefined but no GLOBAL FUNC or OBJECT: bound to address 0")
		case s.typ == elf.STT_NOTYPE || s.typ == elf.STT_FUNC || s.typ == elf.STT_OBJECT:
			s.value += l.sectionAddr(int(s.section))
		default:
			return where("refused type " + s.typ.String())
		}
	}
	if l.undef > 0 {
		table := l.image.Bytes[l.image.JmpOffset:]
		le.PutUint32(table, 16+16*uint32(l.undef))
		le.PutUint32(table[4:], used)
		le.PutUint32(table[8:], uint32(l.undef))
	}
	return nil
}

// lookUp cuts a version off, as the real loader does.
func (l *loader) lookUp(name string) (uint64, bool) {
	name, _, _ = strings.Cut(name, "@")
	if l.env.Resolve == nil {
		return 0, false
	}
	return l.env.Resolve(name)
}

// putSlot writes a jump table entry and returns its offset in the mapping.
func (l *loader) putSlot(n uint32, addr uint64) uint64 {
	at := uint64(l.image.JmpOffset) + 16 + 16*uint64(n)
	copy(l.image.Bytes[at:], l.machine.slot)
	le.PutUint64(l.image.Bytes[at+8:], addr)
	return at
}

func (l *loader) relocate() error {
	for i := range l.sections {
		s := &l.sections[i]
		if s.typ == uint32(elf.SHT_REL) {
			return fmt.Errorf("%s: relocations without addends", s.name)
		}
		if s.typ != uint32(elf.SHT_RELA) {
			continue
		}
		if int(s.info) >= len(l.sections) {
			return fmt.Errorf("%s: no section %d", s.name, s.info)
		}
		for n, data := 0, l.contents(i); len(data) >= 24; n, data = n+1, data[24:] {
			if err := l.apply(int(s.info), data); err != nil {
				return fmt.Errorf("%s: entry %d: %w", s.name, n, err)
			}
		}
	}
	return nil
}

func (l *loader) apply(target int, rela []byte) error {
	offset, info, addend := le.Uint64(rela), le.Uint64(rela[8:]), le.Uint64(rela[16:])
	typ, index := uint32(info), int(info>>32)
	t := &l.sections[target]
	if typ == 0 {
		return nil
	}
	width := l.machine.width(typ)
	if !t.inFile() || offset > t.size || t.size-offset < width {
		return fmt.Errorf("0x%x is outside %s", offset, t.name)
	}
	if index == 0 || index >= len(l.symbols) {
		return fmt.Errorf("symbol %d of %d", index, len(l.symbols))
	}
	place := uint64(l.image.ElfOffset) + t.offset + offset
	return l.machine.store(l.image.Bytes[place:place+width], relocation{typ, &l.symbols[index], addend, l.env.Base + place, t.name})
}

func x86Width(typ uint32) uint64 {
	if elf.R_X86_64(typ) == elf.R_X86_64_64 {
		return 8
	}
	return 4
}

func storeX86(b []byte, r relocation) error {
	value, err := x86Value(elf.R_X86_64(r.typ), r.symbol, r.addend, r.place, r.section)
	if err != nil {
		return err
	}
	if len(b) == 8 {
		le.PutUint64(b, value)
	} else {
		le.PutUint32(b, uint32(value))
	}
	return nil
}

// x86Value computes a relocation. The real loader does not check ranges; here what does not fit is an error.
func x86Value(typ elf.R_X86_64, s *symbol, addend, place uint64, section string) (uint64, error) {
	v := s.value + addend
	switch typ {
	case elf.R_X86_64_64:
		if s.slot && section == ".kpatch.info" {
			return s.target + addend, nil
		}
		if s.slot && s.typ == elf.STT_OBJECT {
			return 0, fmt.Errorf("%s: address of a jump table entry where data is meant", s.name)
		}
		return v, nil
	case elf.R_X86_64_32:
		return v, check(v == uint64(uint32(v)), typ, v)
	case elf.R_X86_64_32S:
		return v, check(int64(v) == int64(int32(v)), typ, v)
	case elf.R_X86_64_PC32:
		if s.slot && s.typ == elf.STT_OBJECT && int64(addend) < 0 {
			return 0, fmt.Errorf("%s: a jump table entry where data is meant", s.name)
		}
	case elf.R_X86_64_GOTPCREL, elf.R_X86_64_GOTPCRELX, elf.R_X86_64_REX_GOTPCRELX:
		if s.slot {
			v += 8
		}
	default:
		return 0, fmt.Errorf("relocation type %v", typ)
	}
	d := v - place
	return d, check(int64(d) == int64(int32(d)), typ, d)
}

func check(fits bool, typ elf.R_X86_64, v uint64) error {
	if !fits {
		return fmt.Errorf("%v cannot hold 0x%x", typ, v)
	}
	return nil
}
