package diffasm

// With -fipa-ra gcc keeps values in registers that a callee in the same unit is seen to leave alone.

// overwrites returns the registers that a function and those it calls write: with most, all that may be, else those that
// surely are, or that callers have to take for written since a callee is not known.
func overwrites(f *File, fn *fn, most bool, seen map[*fn]bool) RegisterSet {
	if seen[fn] {
		return 0
	}
	seen[fn] = true
	var set RegisterSet
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind != insn || st.asm && !most {
				continue
			}
			in := machineOf(f).Decode(st)
			to := f.callee(&in)
			switch {
			case st.asm, to == nil && isUnknownCall(&in, most), to != nil && most && f.replaceable(&in):
				return machineOf(f).Convention().Clobbered
			case to != nil:
				set |= overwrites(f, to, most, seen)
			default:
				may, surely := machineOf(f).Writes(st)
				set |= surely
				if most {
					set |= may
				}
			}
		}
	}
	return set
}

// callee returns the function of the unit that an instruction calls or jumps to.
func (f *File) callee(in *Insn) *fn {
	name, _ := in.Target()
	if target, off, ok := f.follow(name); ok && off == 0 {
		name = target
	}
	return f.fnByName[name]
}

// replaceable reports whether another object may put its own function in the place of a called one.
func (f *File) replaceable(in *Insn) bool {
	name, linked := in.Target()
	return linked && f.isGlobal(name) || f.interposed(name)
}

// isUnknownCall reports whether an instruction leaves for code of which nothing is known. A jump through a register may be
// that or a switch.
func isUnknownCall(in *Insn, most bool) bool {
	if !in.Transfers() {
		return false
	}
	to := &in.Operands[0]
	if !to.Indirect && isLocal(to.Symbol) {
		return false
	}
	return in.Kind == Call || most || !to.Indirect
}
