package diffasm

// With -fipa-ra gcc keeps values in registers that a callee in the same unit is seen to leave alone.

// Overwrites returns the registers that a function and those it calls write: with most, all that may be, else those that
// surely are, or that callers have to take for written since a callee is not known.
func Overwrites(f *File, fn *fn, most bool, seen map[*fn]bool) RegisterSet {
	if seen[fn] {
		return 0
	}
	seen[fn] = true
	var set RegisterSet
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != Instruction || st.Asm && !most {
				continue
			}
			in := Of(f).Decode(st)
			to := f.Callee(&in)
			switch {
			case st.Asm, to == nil && isUnknownCall(&in, most), to != nil && most && f.replaceable(&in):
				return Of(f).Convention().Clobbered
			case to != nil:
				set |= Overwrites(f, to, most, seen)
			default:
				may, surely := Of(f).Writes(st)
				set |= surely
				if most {
					set |= may
				}
			}
		}
	}
	return set
}

// Callee returns the function of the unit that an instruction calls or jumps to.
func (f *File) Callee(in *Insn) *fn {
	name, _ := in.Target()
	if target, off, ok := f.Follow(name); ok && off == 0 {
		name = target
	}
	return f.FunctionByName[name]
}

// replaceable reports whether another object may put its own function in the place of a called one.
func (f *File) replaceable(in *Insn) bool {
	name, linked := in.Target()
	return linked && f.IsGlobal(name) || f.Interposed(name)
}

// isUnknownCall reports whether an instruction leaves for code of which nothing is known. A jump through a register may be
// that or a switch.
func isUnknownCall(in *Insn, most bool) bool {
	if !in.Transfers() {
		return false
	}
	to := &in.Operands[0]
	if !to.Indirect && IsLocal(to.Symbol) {
		return false
	}
	return in.Kind == Call || most || !to.Indirect
}
