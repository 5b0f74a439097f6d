package ld

import (
	"cmp"
	"debug/elf"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// A function that is too short for a hook, with other code close behind it, begins with a gate: a jump of arch.Target.GateSize bytes to a
// hook in padding nearby.

// gates lists the link addresses of padding that may hold the hook of a short function, the nearest first. Of the bytes behind the
// function, free ones are padding.
func (o *Original) gates(part OldPart, free uint64) []uint64 {
	if part.Size+max(free, o.between(part.Addr+part.Size)) < uint64(o.target.GateSize) {
		return nil
	}
	var list []uint64
	code, all := o.codeSections()
	for _, in := range code {
		list = append(list, o.gatesIn(part.Addr, in)...)
		if all {
			list = append(list, o.gatesBehind(part.Addr, in)...)
		}
	}
	distance := func(at uint64) uint64 { return max(at, part.Addr) - min(at, part.Addr) }
	slices.SortFunc(list, func(a, b uint64) int { return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b)) })
	return slices.Compact(list)
}

// codeSections lists the sections of inputs that hold code of the original, and says whether these are all: the place of each is known.
func (o *Original) codeSections() (list []inputSection, all bool) {
	all = true
	for input := range o.objects {
		for section, p := range o.places[input] {
			sec := &o.objects[input].File.Sections[section]
			switch {
			case o.objects[input].File.Type != elf.ET_REL || sec.Flags&elf.SHF_EXECINSTR == 0 || sec.Size == 0 || p.state == discarded:
			case p.state == placed:
				list = append(list, inputSection{input, section})
			default:
				all = false
			}
		}
	}
	return list, all
}

// gatesBehind lists the places between a section and the next one, where the linker filled up, that a jump at an address reaches.
func (o *Original) gatesBehind(from uint64, in inputSection) (list []uint64) {
	base, need := o.places[in.object][in.section].addr, uint64(o.target.HookSize)
	end := base + o.section(in).Size
	if !o.reaches(from, end) && !o.reaches(from, end+need) {
		return nil
	}
	at, limit := end, o.nextInput(end)
	for i := range o.objects[in.object].File.Symbols {
		if s := &o.objects[in.object].File.Symbols[i]; s.Section == in.section {
			at = max(at, base+s.Value+need) // as the hook of a short function
		}
	}
	b, _ := o.bin.BytesAt(end, limit-end)
	for end += uint64(o.target.Padding(b)); at+need <= end; at += need {
		if o.reaches(from, at) {
			list = append(list, at)
		}
	}
	return list
}

// between counts the bytes from the end of a section of the binary to the next one, as far as the file has them: they are nobody's.
func (o *Original) between(end uint64) uint64 {
	next := end
	for i := len(o.out) - 1; i >= 0; i-- {
		switch s := o.out[i]; {
		case s.Addr >= end:
			next = s.Addr
		case end < s.Addr+s.Size:
			return 0
		}
	}
	if _, ok := o.bin.BytesAt(end, next-end); !ok {
		return 0
	}
	return next - end
}

// gatesIn lists the places behind functions of a section that a jump at an address reaches.
func (o *Original) gatesIn(from uint64, in inputSection) (list []uint64) {
	f, base, need := o.objects[in.object].File, o.places[in.object][in.section].addr, uint64(o.target.HookSize)
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Section != in.section || s.Type != elf.STT_FUNC || s.Size == 0 || o.within(f, s) {
			continue
		}
		part := OldPart{Addr: base + s.Value, Size: s.Size}
		end := part.Addr + part.Size
		if !o.reaches(from, end) && !o.reaches(from, end+need) {
			continue
		}
		end += o.padding(in.object, s, part)
		// A hook of that function itself may take the first bytes.
		for at := max(part.Addr+need, part.Addr+part.Size); at+need <= end; at += need {
			if o.reaches(from, at) && !o.refersTo(in, at-base, need) {
				list = append(list, at)
			}
		}
	}
	return list
}

func (o *Original) reaches(from, to uint64) bool {
	_, ok := o.target.Gate(from, to)
	return ok
}

// within reports whether a function ends inside of another symbol.
func (o *Original) within(f *elfobj.File, s *elfobj.Symbol) bool {
	end := s.Value + s.Size
	return slices.ContainsFunc(f.Symbols, func(t elfobj.Symbol) bool {
		return t.Section == s.Section && t.Value <= end && end < t.Value+t.Size
	})
}

// refersTo reports whether code or data of an input refers to any of size bytes of one of its sections: padding in front of a function
// may be meant to be written to (-fpatchable-function-entry).
func (o *Original) refersTo(in inputSection, offset, size uint64) bool {
	f := o.objects[in.object].File
	all, err := f.AllRelas()
	if err != nil {
		return true
	}
	for section, relas := range all {
		if f.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		for _, r := range relas {
			s, t := &f.Symbols[r.Symbol], o.target.Reloc(r.Type)
			at := s.Value + uint64(r.Addend)
			if t.FromPC {
				at += uint64(o.target.PCBias)
			}
			if s.Section == in.section && t.Kind != arch.None && at >= offset && at-offset < size {
				return true
			}
		}
	}
	return false
}

// gate takes the first place for the hook of a short function that no other function of the patch took.
func (j *joiner) gate(unit string, f *function) (Target, error) {
	need := uint64(j.o.target.HookSize)
	for _, at := range f.old.gates {
		if !slices.ContainsFunc(j.gates, func(taken uint64) bool { return at < taken+need && taken < at+need }) {
			j.gates = append(j.gates, at)
			to, found := j.o.locate(at)
			if !found {
				return to, fault.New(fault.Bug, f.Name, "0x%x is in no section", at)
			}
			return to, nil
		}
	}
	return Target{}, fault.Refuse(fault.TooShort, unit+": "+f.Name, "it is %d bytes long, and other short functions take the padding nearby", f.old.room).
		WithHint("patch its callers instead")
}
