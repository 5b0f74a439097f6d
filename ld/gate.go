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
func (h hooks) gates(part OldPart, free uint64) []uint64 {
	if part.Size+max(free, h.bin.between(part.Addr+part.Size)) < uint64(h.bin.target.GateSize) {
		return nil
	}
	var list []uint64
	code, all := h.codeSections()
	for _, in := range code {
		list = append(list, h.gatesIn(part.Addr, in)...)
		if all {
			list = append(list, h.gatesBehind(part.Addr, in)...)
		}
	}
	distance := func(at uint64) uint64 { return max(at, part.Addr) - min(at, part.Addr) }
	slices.SortFunc(list, func(a, b uint64) int { return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b)) })
	return slices.Compact(list)
}

// gatesBehind lists the places between a section and the next one, where the linker filled up, that a jump at an address reaches.
func (h hooks) gatesBehind(from uint64, in inputSection) (list []uint64) {
	base, need := h.places[in.object][in.section].addr, uint64(h.bin.target.HookSize)
	end := base + h.objects.section(in).Size
	if !h.reaches(from, end) && !h.reaches(from, end+need) {
		return nil
	}
	at, limit := end, h.nextInput(end)
	for i := range h.objects[in.object].File.Symbols {
		if s := &h.objects[in.object].File.Symbols[i]; s.Section == in.section {
			at = max(at, base+s.Value+need) // as the hook of a short function
		}
	}
	b, _ := h.bin.BytesAt(end, limit-end)
	for end += uint64(h.bin.target.Padding(b)); at+need <= end; at += need {
		if h.reaches(from, at) {
			list = append(list, at)
		}
	}
	return list
}

// gatesIn lists the places behind functions of a section that a jump at an address reaches.
func (h hooks) gatesIn(from uint64, in inputSection) (list []uint64) {
	f, base, need := h.objects[in.object].File, h.places[in.object][in.section].addr, uint64(h.bin.target.HookSize)
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Section != in.section || s.Type != elf.STT_FUNC || s.Size == 0 || within(f, s) {
			continue
		}
		part := OldPart{Addr: base + s.Value, Size: s.Size}
		end := part.Addr + part.Size
		if !h.reaches(from, end) && !h.reaches(from, end+need) {
			continue
		}
		end += h.padding(in.object, s, part)
		// A hook of that function itself may take the first bytes.
		for at := max(part.Addr+need, part.Addr+part.Size); at+need <= end; at += need {
			if h.reaches(from, at) && !h.refersTo(in, at-base, need) {
				list = append(list, at)
			}
		}
	}
	return list
}

func (h hooks) reaches(from, to uint64) bool {
	_, ok := h.bin.target.Gate(from, to)
	return ok
}

// within reports whether a function ends inside of another symbol.
func within(f *elfobj.File, s *elfobj.Symbol) bool {
	end := s.Value + s.Size
	return slices.ContainsFunc(f.Symbols, func(t elfobj.Symbol) bool {
		return t.Section == s.Section && t.Value <= end && end < t.Value+t.Size
	})
}

// refersTo reports whether code or data of an input refers to any of size bytes of one of its sections: padding in front of a function
// may be meant to be written to (-fpatchable-function-entry).
func (h hooks) refersTo(in inputSection, offset, size uint64) bool {
	f := h.objects[in.object].File
	all, err := f.AllRelas()
	if err != nil {
		return true
	}
	for section, relas := range all {
		if f.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		for _, r := range relas {
			s, t := &f.Symbols[r.Symbol], h.bin.target.Reloc(r.Type)
			at := s.Value + uint64(r.Addend)
			if t.FromPC {
				at += uint64(h.bin.target.PCBias)
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
	need := uint64(j.bin.target.HookSize)
	for _, at := range f.old.gates {
		if !slices.ContainsFunc(j.gates, func(taken uint64) bool { return at < taken+need && taken < at+need }) {
			j.gates = append(j.gates, at)
			to, found := j.bin.locate(at)
			if !found {
				return to, fault.New(fault.Bug, f.Name, "0x%x is in no section", at)
			}
			return to, nil
		}
	}
	return Target{}, fault.Refuse(fault.TooShort, unit+": "+f.Name, "it is %d bytes long, and other short functions take the padding nearby", f.old.room).
		WithHint("patch its callers instead")
}
