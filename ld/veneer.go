package ld

import (
	"bytes"
	"slices"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
)

// GNU ld and LLVM's take single instructions out of code that an erratum of a processor would get wrong (--fix-cortex-a53-843419, which
// gcc for aarch64 often passes): in its place stands a jump to a veneer, which holds the instruction and a jump back.

// moved reports whether the instruction around byte i of code, which is linked at addr, is one that the linker took out.
func (im *image) moved(code []byte, i, addr uint64) bool {
	at, size := im.machine.veneer(im.File, (addr+i)&^(a64Command-1))
	from := (addr+i)&^(a64Command-1) - addr
	if size == 0 || from+a64Command > uint64(len(code)) {
		return false
	}
	there, ok := im.BytesAt(at, a64Command)
	return ok && bytes.Equal(there, code[from:from+a64Command])
}

// veneers returns those that hold instructions of a part of a function, which starts at offset from of an input section. A thread there
// is in the function.
func (o *originals) veneers(s inputSection, from uint64, part OldPart) ([]OldPart, error) {
	code := o.objects.section(s).Data[from : from+part.Size]
	relas, err := o.relas(s, from, from+part.Size)
	if err != nil {
		return nil, err
	}
	var list []OldPart
	for i := -part.Addr & (a64Command - 1); i+a64Command <= part.Size; i += a64Command {
		at, size := o.bin.machine.veneer(o.bin.File, part.Addr+i)
		if size == 0 || bytes.Equal(code[i:i+a64Command], part.Bytes[i:i+a64Command]) {
			continue
		}
		if slices.ContainsFunc(relas, func(r elfobj.Rela) bool { return r.Offset == from+i && o.bin.target.Reloc(r.Type).Kind == arch.Call }) {
			continue
		}
		b, _ := o.bin.BytesAt(at, size)
		list = append(list, OldPart{Name: part.Name + " (veneer)", Addr: at, Size: size, Bytes: bytes.Clone(b)})
	}
	return list, nil
}

// instruction returns the bytes at a link address, of an instruction that the linker took out those in the veneer.
func (im *image) instruction(addr, size uint64) ([]byte, bool) {
	if at, found := im.machine.veneer(im.File, addr); found > 0 {
		addr = at
	}
	return im.BytesAt(addr, size)
}
