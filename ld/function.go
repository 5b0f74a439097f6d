package ld

import (
	"debug/elf"
	"slices"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// original is a function of the original binary that the patch replaces.
type original struct {
	addr  uint64   // link address
	room  uint64   // bytes that may be overwritten: the function, and for a short one padding behind it
	gates []uint64 // where no hook fits: link addresses of padding that may hold it and that a gate reaches, the best first
	parts []OldPart
}

// original finds a function and its parts, and why it is skipped, if it is: the linker left it out, or it is optional
// and has no room for a jump.
func (o *Original) original(u Unit, f UnitFunction) (old original, skipped string, err error) {
	where := u.Name + ": " + f.Name
	parts, sym, err := o.oldParts(u, append([]string{f.Orig}, f.Parts...), where)
	if err != nil {
		return old, "", err
	}
	if parts == nil {
		return old, "the linker left it out of the original", nil
	}
	addr, room, gates, err := o.hookRoom(u.Input, sym, parts[0], where)
	if e := fault.As(err); e != nil && f.Detached && e.Code == fault.TooShort {
		addr, err = parts[0].Addr, nil
	}
	if e := fault.As(err); e != nil && f.Optional {
		return old, e.What, nil
	}
	if err != nil {
		return old, "", err
	}
	if len(gates) > 0 && f.Optional {
		return old, "it has no room for a jump", nil
	}
	return original{addr, room, gates, parts}, "", nil
}

// oldParts returns a function's parts by their symbols, of which the linker may have left out some, and the symbol of the first;
// nothing if that one was left out.
func (o *Original) oldParts(u Unit, symbols []string, where string) (parts []OldPart, first *elfobj.Symbol, err error) {
	for i, name := range symbols {
		sym, err := o.functionSymbol(u.Input, name, where)
		if err != nil {
			return nil, nil, err
		}
		part, found, err := o.oldPart(u.Input, sym, where)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			first = sym
		}
		if !found && i == 0 {
			return nil, nil, nil
		}
		if !found {
			continue
		}
		moved, err := o.veneers(inputSection{u.Input, sym.Section}, sym.Value, part)
		if err != nil {
			return nil, nil, err
		}
		parts = append(append(parts, part), moved...)
	}
	return parts, first, nil
}

// functionSymbol finds a defined function by name in an input.
func (o *Original) functionSymbol(input int, name, where string) (*elfobj.Symbol, error) {
	var found *elfobj.Symbol
	f := o.objects[input].File
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Name != name || !s.Defined() || s.Type == elf.STT_SECTION || s.Type == elf.STT_FILE {
			continue
		}
		if found != nil && (found.Section != s.Section || found.Value != s.Value) {
			return nil, fault.Refuse(fault.AmbiguousSymbol, where, "several functions of %s are named %q", objectName(&o.objects[input]), name)
		}
		found = s
	}
	if found == nil {
		return nil, fault.Refuse(fault.UnknownFunction, where, "%s has no symbol %q", objectName(&o.objects[input]), name).
			WithHint("the object was stripped or is not the one that the unit was compiled to")
	}
	if f.Sections[found.Section].Flags&elf.SHF_EXECINSTR == 0 {
		return nil, fault.Refuse(fault.UnknownFunction, where, "%q of %s is no code", name, objectName(&o.objects[input]))
	}
	return found, nil
}

// functionAddrs returns the link addresses of functions of an input, as far as they are in the binary.
func (o *Original) functionAddrs(input int, names []string) []uint64 {
	var addrs []uint64
	for _, name := range names {
		s, err := o.functionSymbol(input, name, "")
		if err != nil {
			continue
		}
		if p := o.places[input][s.Section]; p.state == placed {
			addrs = append(addrs, p.addr+s.Value)
		}
	}
	return addrs
}

// oldPart finds the bytes of one contiguous part of a function in the binary and compares them with the object's.
func (o *Original) oldPart(input int, s *elfobj.Symbol, where string) (OldPart, bool, error) {
	obj, p := &o.objects[input], o.places[input][s.Section]
	switch {
	case p.state == discarded && o.survives(input, s):
		return OldPart{}, false, fault.Refuse(fault.FoldedFunction, where, "%q has no section of its own in the original", s.Name).
			WithHint("leave it out of the patch; without identical code folding (--icf=none) the next build can be patched")
	case p.state == discarded:
		return OldPart{}, false, nil
	case p.state != placed:
		return OldPart{}, false, fault.Refuse(fault.UnplacedSymbol, where, "%q: section %s of %s is %v", s.Name,
			obj.File.Sections[s.Section].Name, objectName(obj), p.state).WithHint("%s", o.placeHint(input, p))
	case s.Bind != elf.STB_LOCAL && o.overridden(s, p.addr+s.Value):
		return OldPart{}, false, nil
	}
	part := OldPart{Name: obj.linked(s.Name), Addr: p.addr + s.Value, Size: symbolSize(obj.File, s)}
	at := inputSection{input, s.Section}
	err := o.mismatch(at, s.Value, part.Size, part.Addr)
	if err == nil {
		err = o.misbound(at, s.Value, part.Size, part.Addr)
	}
	if err != nil {
		return OldPart{}, false, fault.Refuse(fault.ObjectMismatch, where, "%s is not the object the binary was linked from", objectName(obj)).
			WithCause(err).WithHint("build the original again with --clean")
	}
	bytes, _ := o.bin.BytesAt(part.Addr, part.Size)
	part.Bytes = append([]byte(nil), bytes...)
	return part, true, nil
}

// survives reports whether the binary names a function although the linker left out its section, at a place where no
// input has that name: lld and mold fold identical functions so.
func (o *Original) survives(input int, s *elfobj.Symbol) bool {
	linked := o.objects[input].linked(s.Name)
	for _, list := range [][]definition{o.symbols[linked], o.locals[linked]} {
		for _, d := range list {
			if !contains(o.inputs[s.Name], d) && !slices.Contains(o.inputLocals[s.Name], d.addr) {
				return true
			}
		}
	}
	return false
}

// overridden reports whether another input's definition of a weak symbol won.
func (o *Original) overridden(s *elfobj.Symbol, addr uint64) bool {
	linked := o.symbols[s.Name]
	return s.Bind == elf.STB_WEAK && len(linked) > 0 && !contains(linked, definition{addr: addr})
}

// symbolSize is the size of a symbol, or where the assembler was told none, of its alias or up to the next one.
func symbolSize(f *elfobj.File, s *elfobj.Symbol) uint64 {
	if s.Size > 0 {
		return s.Size
	}
	for i := range f.Symbols {
		if a := &f.Symbols[i]; a.Section == s.Section && a.Value == s.Value && a.Size > 0 {
			return a.Size
		}
	}
	return nextSymbol(f, s) - s.Value
}

// nextSymbol returns the offset of the symbol behind s in its section, or the section's end.
func nextSymbol(f *elfobj.File, s *elfobj.Symbol) uint64 {
	next := f.Sections[s.Section].Size
	for i := range f.Symbols {
		if n := &f.Symbols[i]; n.Section == s.Section && n.Value > s.Value && n.Value < next && n.Type != elf.STT_SECTION {
			next = n.Value
		}
	}
	return next
}

// hookRoom makes sure that the jump to the new code fits, if need be over padding, and that no function of another
// name loses its code by it; else that padding nearby has room for it.
func (o *Original) hookRoom(input int, s *elfobj.Symbol, part OldPart, where string) (addr, room uint64, gates []uint64, err error) {
	if name := o.folded(input, s, part.Addr); name != "" {
		return 0, 0, nil, fault.Refuse(fault.FoldedFunction, where, "the linker made %q and %q one", s.Name, name).
			WithHint("leave it out of the patch; without identical code folding (--icf=none) the next build can be patched")
	}
	need := uint64(o.target.HookSize)
	if part.Size >= need {
		return part.Addr, part.Size, nil, nil
	}
	free := o.padding(input, s, part)
	if free >= need-part.Size {
		return part.Addr, need, nil, nil
	}
	if !o.partial { // else it is not known what leads to padding elsewhere
		gates = o.gates(part, free)
	}
	if len(gates) == 0 {
		return 0, 0, nil, fault.Refuse(fault.TooShort, where, "%q is %d bytes long and a jump needs %d", s.Name, part.Size, need).
			WithHint("patch its callers instead")
	}
	return part.Addr, part.Size, gates, nil
}

// padding counts the bytes behind a part that no one executes: up to the next symbol of its section and the next input
// section, as far as they are nops or traps.
func (o *Original) padding(input int, s *elfobj.Symbol, part OldPart) uint64 {
	f := o.objects[input].File
	limit := part.Addr + nextSymbol(f, s) - s.Value
	if nextSymbol(f, s) == f.Sections[s.Section].Size {
		limit = o.nextInput(part.Addr + part.Size)
	}
	end := part.Addr + part.Size
	if limit <= end {
		return 0
	}
	b, _ := o.bin.BytesAt(end, min(limit-end, 64))
	return uint64(o.target.Padding(b))
}

// nextInput returns where the next input section behind addr begins, at most the end of the section that holds addr-1.
func (o *Original) nextInput(addr uint64) uint64 {
	limit := addr
	for _, s := range o.out {
		if s.Addr < addr && addr <= s.Addr+s.Size {
			limit = s.Addr + s.Size
		}
	}
	for i := range o.bin.Symbols {
		if s := &o.bin.Symbols[i]; o.partial && s.Defined() && s.Type == elf.STT_FUNC && s.Value >= addr && s.Value < limit {
			limit = s.Value
		}
	}
	for i := range o.places {
		for k, p := range o.places[i] {
			if p.state == placed && p.addr >= addr && p.addr < limit && o.objects[i].File.Sections[k].Size > 0 {
				limit = p.addr
			}
		}
	}
	return limit
}

// folded names a function at addr that is no alias of s in its own object.
func (o *Original) folded(input int, s *elfobj.Symbol, addr uint64) string {
	aliases := map[string]bool{}
	f := o.objects[input].File
	for i := range f.Symbols {
		if a := &f.Symbols[i]; a.Section == s.Section && a.Value == s.Value {
			aliases[o.objects[input].linked(a.Name)] = true
		}
	}
	for i := range o.bin.Symbols {
		b := &o.bin.Symbols[i]
		if b.Value == addr && b.Defined() && b.Type == elf.STT_FUNC && b.Size > 0 && !aliases[b.Name] {
			return b.Name
		}
	}
	return ""
}
