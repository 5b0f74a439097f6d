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

// boundHere reports whether the linker bound an exported symbol of a shared library to the library itself, as it does
// with -Bsymbolic-functions, --dynamic-list and --exclude-libs. No header says so: the code does, where it goes straight
// to the symbol's address, or through a slot that the dynamic linker only relocates.
func (o *Original) boundHere(name string, addr uint64) bool {
	if _, found := o.slots.lazy[o.slots.latest(name)]; found {
		return false
	}
	if _, found := o.slots.bound[o.slots.latest(name)]; found {
		return false
	}
	leads, found := o.evidence()[evidenceKey{-1, name}]
	if !found {
		return false
	}
	value, isSlot := o.slots.relative[leads]
	return leads == addr || isSlot && value == addr
}

// boundByOption reports whether an exported symbol that no code of the library uses is bound to the library by an option of its
// link; known is false if that cannot be told.
func (o *Original) boundByOption(s *elfobj.Symbol) (bound, known bool) {
	_, lazy := o.slots.lazy[o.slots.latest(s.Name)]
	_, slot := o.slots.bound[o.slots.latest(s.Name)]
	_, used := o.evidence()[evidenceKey{-1, s.Name}]
	if lazy || slot || used {
		return false, true
	}
	function := s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC
	switch o.own {
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
func (o *Original) inUse(input int, name string, candidates []uint64) (uint64, bool) {
	for _, k := range []evidenceKey{{input, name}, {-1, name}} {
		leads, found := o.evidence()[k]
		for _, c := range candidates {
			if found && c == leads {
				return c, true
			}
		}
	}
	return 0, false
}

// evidence says where the calls and accesses of all inputs lead in the binary.
func (o *Original) evidence() map[evidenceKey]uint64 {
	if o.leads != nil {
		return o.leads
	}
	o.leads = map[evidenceKey]uint64{}
	for i := range o.places {
		for s, p := range o.places[i] {
			if p.state == placed && o.objects[i].File.Sections[s].Flags&elf.SHF_EXECINSTR != 0 {
				o.addEvidence(inputSection{i, s}, p.addr)
			}
		}
	}
	return o.leads
}

func (o *Original) addEvidence(s inputSection, base uint64) {
	f := o.objects[s.object].File
	relas, err := f.Relas(s.section)
	if err != nil {
		return // an object that the patch uses is refused when its functions are compared
	}
	for _, r := range relas {
		t := o.target.Reloc(r.Type)
		switch t.Kind {
		case arch.PC32, arch.Call, arch.GOTLoad, arch.GOTLoadRelax:
		default:
			continue
		}
		sym := &f.Symbols[r.Symbol]
		field, ok := o.bin.BytesAt(base+r.Offset, t.Width)
		if !ok || sym.Name == "" {
			continue
		}
		k := evidenceKey{-1, sym.Name}
		if sym.Bind == elf.STB_LOCAL {
			k.input = s.object
		}
		o.leads[k] = base + r.Offset + t.Load(field) - uint64(r.Addend)
	}
}
