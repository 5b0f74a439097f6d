package ld

import (
	"debug/elf"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// hooks finds room for the jumps to new code.
type hooks struct{ *link }

// room makes sure that the jump to the new code fits, if need be over padding, and that no function of another
// name loses its code by it; else that padding nearby has room for it.
func (h hooks) room(input int, s *elfobj.Symbol, part OldPart, where string) (addr, room uint64, gates []uint64, err error) {
	if name := h.folded(input, s, part.Addr); name != "" {
		return 0, 0, nil, fault.Refuse(fault.FoldedFunction, where, "the linker made %q and %q one", s.Name, name).
			WithHint("leave it out of the patch; without identical code folding (--icf=none) the next build can be patched")
	}
	need := uint64(h.bin.target.HookSize)
	if part.Size >= need {
		return part.Addr, part.Size, nil, nil
	}
	free := h.padding(input, s, part)
	if free >= need-part.Size {
		return part.Addr, need, nil, nil
	}
	if !h.partial { // else it is not known what leads to padding elsewhere
		gates = h.gates(part, free)
	}
	if len(gates) == 0 {
		return 0, 0, nil, fault.Refuse(fault.TooShort, where, "%q is %d bytes long and a jump needs %d", s.Name, part.Size, need).
			WithHint("patch its callers instead")
	}
	return part.Addr, part.Size, gates, nil
}

// padding counts the bytes behind a part that no one executes: up to the next symbol of its section and the next input
// section, as far as they are nops or traps.
func (h hooks) padding(input int, s *elfobj.Symbol, part OldPart) uint64 {
	f := h.objects[input].File
	limit := part.Addr + nextSymbol(f, s) - s.Value
	if nextSymbol(f, s) == f.Sections[s.Section].Size {
		limit = h.nextInput(part.Addr + part.Size)
	}
	end := part.Addr + part.Size
	if limit <= end {
		return 0
	}
	b, _ := h.bin.BytesAt(end, min(limit-end, 64))
	return uint64(h.bin.target.Padding(b))
}

// folded names a function at addr that is no alias of s in its own object.
func (h hooks) folded(input int, s *elfobj.Symbol, addr uint64) string {
	aliases := map[string]bool{}
	f := h.objects[input].File
	for i := range f.Symbols {
		if a := &f.Symbols[i]; a.Section == s.Section && a.Value == s.Value {
			aliases[h.objects[input].linked(a.Name)] = true
		}
	}
	for i := range h.bin.Symbols {
		b := &h.bin.Symbols[i]
		if b.Value == addr && b.Defined() && b.Type == elf.STT_FUNC && b.Size > 0 && !aliases[b.Name] {
			return b.Name
		}
	}
	return ""
}
