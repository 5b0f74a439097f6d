package ld

import (
	"debug/elf"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// evidenceKey is a symbol that code refers to: of one input, or of all (input -1).
type evidenceKey struct {
	input int
	name  string
}

// evidence is what the code of the inputs tells of how the linker bound names.
type evidence struct {
	*link
	leads map[evidenceKey]uint64 // read when first needed
}

// boundHere reports whether the linker bound an exported symbol of a shared library to the library itself, as it does
// with -Bsymbolic-functions, --dynamic-list and --exclude-libs. No header says so: the code does, where it goes straight
// to the symbol's address, or through a slot that the dynamic linker only relocates.
func (sc *scope) boundHere(name string, addr uint64) bool {
	if sc.slots.bind(name) {
		return false
	}
	leads, found := sc.evidence.find()[evidenceKey{-1, name}]
	if !found {
		return false
	}
	value, isSlot := sc.slots.relative[leads]
	return leads == addr || isSlot && value == addr
}

// boundByOption reports whether an exported symbol that no code of the library uses is bound to the library by an option of its
// link; known is false if that cannot be told.
func (sc *scope) boundByOption(s *elfobj.Symbol) (bound, known bool) {
	if _, used := sc.evidence.find()[evidenceKey{-1, s.Name}]; used || sc.slots.bind(s.Name) {
		return false, true
	}
	function := s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC
	switch sc.own {
	case "":
		return false, true
	case "Bsymbolic-functions":
		return function, true
	case "Bsymbolic-non-weak":
		return s.Bind != elf.STB_WEAK, true
	case "Bsymbolic-non-weak-functions":
		return function && s.Bind != elf.STB_WEAK, true
	}
	return false, false
}

// inUse picks, among the PLT entries or slots of several IFUNCs with one resolver, the one that existing code uses for a
// name.
func (e *evidence) inUse(input int, name string, candidates []uint64) (uint64, bool) {
	for _, k := range []evidenceKey{{input, name}, {-1, name}} {
		leads, found := e.find()[k]
		for _, c := range candidates {
			if found && c == leads {
				return c, true
			}
		}
	}
	return 0, false
}

// find says where the calls and accesses of all inputs lead in the binary.
func (e *evidence) find() map[evidenceKey]uint64 {
	if e.leads != nil {
		return e.leads
	}
	e.leads = map[evidenceKey]uint64{}
	for i := range e.places {
		for s, p := range e.places[i] {
			if p.state == placed && e.objects[i].File.Sections[s].Flags&elf.SHF_EXECINSTR != 0 {
				e.add(inputSection{i, s}, p.addr)
			}
		}
	}
	return e.leads
}

func (e *evidence) add(s inputSection, base uint64) {
	f := e.objects[s.object].File
	relas, err := f.Relas(s.section)
	if err != nil {
		return // an object that the patch uses is refused when its functions are compared
	}
	for _, r := range relas {
		t := e.bin.target.Reloc(r.Type)
		switch t.Kind {
		case arch.PC32, arch.Call, arch.GOTLoad, arch.GOTLoadRelax:
		default:
			continue
		}
		sym := &f.Symbols[r.Symbol]
		field, ok := e.bin.BytesAt(base+r.Offset, t.Width)
		if !ok || sym.Name == "" {
			continue
		}
		k := evidenceKey{-1, sym.Name}
		if sym.Bind == elf.STB_LOCAL {
			k.input = s.object
		}
		e.leads[k] = e.bin.ledTo(t, base+r.Offset, field, r.Addend)
	}
}
