package ld

import (
	"debug/elf"

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

// originals finds the functions that a patch replaces, and makes sure that they are those of their objects.
type originals struct {
	*link
	names *scope
}

// find returns a function with its parts, and why it is skipped, if it is: the linker left it out, or it is optional
// and has no room for a jump.
func (o *originals) find(u Unit, f UnitFunction) (old original, skipped string, err error) {
	where := u.Name + ": " + f.Name
	u.Input = u.inputOf(&f)
	parts, sym, err := o.parts(u, append([]string{f.Orig}, f.Parts...), where)
	if err != nil {
		return old, "", err
	}
	if parts == nil {
		return old, "the linker left it out of the original", nil
	}
	addr, room, gates, err := hooks{o.link}.room(u.Input, sym, parts[0], where)
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

// parts returns a function's parts by their symbols, of which the linker may have left out some, and the symbol of the first;
// nothing if that one was left out.
func (o *originals) parts(u Unit, symbols []string, where string) (parts []OldPart, first *elfobj.Symbol, err error) {
	for i, name := range symbols {
		sym, err := o.objects.functionSymbol(u.Input, name, where)
		if err != nil {
			return nil, nil, err
		}
		part, found, err := o.part(u.Input, sym, where)
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

// part finds the bytes of one contiguous part of a function in the binary and compares them with the object's.
func (o *originals) part(input int, s *elfobj.Symbol, where string) (OldPart, bool, error) {
	obj, p := &o.objects[input], o.places[input][s.Section]
	switch {
	case p.state == discarded && o.names.survives(input, s):
		return OldPart{}, false, fault.Refuse(fault.FoldedFunction, where, "%q has no section of its own in the original", s.Name).
			WithHint("leave it out of the patch; without identical code folding (--icf=none) the next build can be patched")
	case p.state == discarded:
		return OldPart{}, false, nil
	case p.state != placed:
		return OldPart{}, false, fault.Refuse(fault.UnplacedSymbol, where, "%q: section %s of %s is %v", s.Name,
			obj.File.Sections[s.Section].Name, objectName(obj), p.state).WithHint("%s", o.objects.placeHint(input, p))
	case s.Bind != elf.STB_LOCAL && o.names.overridden(s, p.addr+s.Value):
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
