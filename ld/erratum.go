package ld

import (
	"gocare/internal/arch"
	"gocare/internal/fault"
)

// erratum moves instructions of the new code out of the way of an erratum of a processor, as linkers do with a program's: to a veneer behind
// the code, which jumps back. Where in its page an instruction is has to be known for that: the code begins one.
func (o *output) erratum() error {
	text := &o.sections[outText]
	for _, p := range o.pending {
		if p.out != outText || p.reloc.Type.Kind != arch.PagePC {
			continue
		}
		text.Align = o.bin.target.PageSize
		if at, wrong := o.bin.machine.goesWrong(text.Data, p.reloc.Offset); wrong {
			if err := o.takeOut(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeOut moves the instruction at an offset of the new code to a veneer.
func (o *output) takeOut(at uint64) error {
	text := &o.sections[outText]
	text.Data = append(text.Data, make([]byte, -uint64(len(text.Data))%a64Command)...)
	veneer := uint64(len(text.Data))
	there, ok := o.bin.target.Hook(at, veneer)
	back, reaches := o.bin.target.Hook(veneer+a64Command, at+a64Command)
	if !ok || !reaches {
		return fault.Refuse(fault.OutOfRange, "", "the new code is too large for a jump over it")
	}
	text.Data = append(append(text.Data, text.Data[at:at+a64Command]...), back...)
	copy(text.Data[at:], there)
	for i := range o.pending {
		if r := &o.pending[i]; r.out == outText && r.reloc.Offset == at {
			r.reloc.Offset = veneer
		}
	}
	return nil
}
