package ld

import (
	"debug/elf"
	"fmt"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

type elfSection = elfobj.Section

// linkedCode knows the code of a linked binary.
type linkedCode interface {
	// touched says how many bytes before a relocation's offset, and from it on, a linker may rewrite: the field, and where it
	// may relax the access the instructions around.
	touched(t arch.RelocType) (before, after int64)
	// stubSlot returns the slot that the PLT entry at the start of code jumps through; addr is its link address.
	stubSlot(code []byte, addr uint64) (slot uint64, ok bool)
	// page returns the page whose distance an instruction holds; addr is its link address.
	page(code []byte, addr uint64) (page uint64, ok bool)
	// veneer returns the place and the size of the code that the jump at a link address leads to, if that is one instruction and a jump
	// back; size is 0 if it is not.
	veneer(bin *elfobj.File, addr uint64) (at, size uint64)
	// passedOn returns where code at a link address jumps to, if it is what linkers put in the way of calls that do not reach.
	passedOn(code []byte, addr uint64) (to uint64, ok bool)
	// goesWrong returns the offset of an instruction that some processors get wrong because of where the address at an offset of the code
	// is made, which begins a page.
	goesWrong(code []byte, offset uint64) (at uint64, wrong bool)
}

// misbound follows the references of an original function and says which one the linker bound to another place than
// lookup would: then the map places something wrongly.
func (o *originals) misbound(s inputSection, from, size, addr uint64) error {
	f := o.objects[s.object].File
	relas, err := o.relas(s, from, from+size)
	if err != nil {
		return err
	}
	for _, r := range relas {
		t := o.bin.target.Reloc(r.Type)
		if size-(r.Offset-from) < t.Width {
			continue
		}
		want, known := o.expected(s.object, r)
		field, ok := o.bin.BytesAt(addr+r.Offset-from, t.Width)
		if !known || !ok {
			continue
		}
		if got := o.bin.ledTo(t, addr+r.Offset-from, field, r.Addend); got != want {
			return fmt.Errorf("%q is at 0x%x by the map, the code at 0x%x refers to 0x%x",
				symbolName(f, r.Symbol), want, addr+r.Offset-from, got)
		}
	}
	return nil
}

// expected returns the link address that a relocation of an input refers to, where no PLT entry, merged section or
// relaxation can stand between.
func (o *originals) expected(input int, r elfobj.Rela) (uint64, bool) {
	sym := &o.objects[input].File.Symbols[r.Symbol]
	k := o.bin.target.Reloc(r.Type).Kind
	if k != arch.PC32 && (k != arch.Call || sym.Bind != elf.STB_LOCAL) {
		return 0, false
	}
	if sym.Type == elf.STT_SECTION && sym.Defined() {
		p := o.places[input][sym.Section]
		return p.addr, p.state == placed
	}
	b, err := o.names.lookup(input, sym)
	return b.addr, err == nil && b.kind == bindPlace && !b.ifunc
}

// ledTo returns the link address, without the addend, that a field at another refers to; of a call that does not reach, the one that it is passed on to.
func (im *image) ledTo(t arch.RelocType, at uint64, field []byte, addend int64) uint64 {
	to := at + t.Load(field)
	if t.Kind == arch.Call {
		if end, ok := im.machine.passedOn(im.BytesUpTo(to, mostTouched), to); ok {
			to = end
		}
	}
	return to - uint64(addend)
}

func symbolName(f *elfobj.File, i int) string {
	sym := &f.Symbols[i]
	if sym.Type == elf.STT_SECTION && sym.Defined() {
		return f.Sections[sym.Section].Name
	}
	return sym.Name
}

// mostTouched is more bytes before and behind a relocation's offset than any linker rewrites for it.
const mostTouched = 64

// relocated marks the bytes in [from, from+size) of a section that a linker may change.
func (im *image) relocated(relas []elfobj.Rela, from, size uint64) []bool {
	skip := make([]bool, size)
	for _, r := range relas {
		before, after := im.machine.touched(im.target.Reloc(r.Type))
		for at := int64(r.Offset) - before; at < int64(r.Offset)+after; at++ {
			if i := at - int64(from); i >= 0 && i < int64(size) {
				skip[i] = true
			}
		}
	}
	return skip
}
