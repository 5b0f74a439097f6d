package flow

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// With -fipa-ra gcc keeps values in registers that a callee in the same unit is seen to leave alone.

// Overwrites returns the registers that a function and those it calls write: with most, all that may be, else those that
// surely are, or that callers have to take for written since a callee is not known.
func Overwrites(f *asm.File, fn *asm.Function, most bool, seen map[*asm.Function]bool) machine.RegisterSet {
	if seen[fn] {
		return 0
	}
	seen[fn] = true
	var set machine.RegisterSet
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Instruction || st.Asm && !most {
				continue
			}
			in := machine.Of(f).Decode(st)
			to := Callee(f, &in)
			switch {
			case st.Asm, to == nil && isUnknownCall(&in, most), to != nil && most && replaceable(f, &in):
				return machine.Of(f).Convention().Clobbered
			case to != nil:
				set |= Overwrites(f, to, most, seen)
			default:
				may, surely := machine.Of(f).Writes(st)
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
func Callee(f *asm.File, in *machine.Insn) *asm.Function {
	name, _ := in.Target()
	if target, off, ok := f.Follow(name); ok && off == 0 {
		name = target
	}
	return f.FunctionByName[name]
}

// replaceable reports whether another object may put its own function in the place of a called one.
func replaceable(f *asm.File, in *machine.Insn) bool {
	name, linked := in.Target()
	return linked && f.IsGlobal(name) || f.Interposed(name)
}

// isUnknownCall reports whether an instruction leaves for code of which nothing is known. A jump through a register may be
// that or a switch, and what is called by a local label goes on to where a pointer leads (gcc, -mindirect-branch=thunk-inline).
func isUnknownCall(in *machine.Insn, most bool) bool {
	if !in.Transfers() || in.Descriptor && !most {
		return false
	}
	to := &in.Operands[0]
	local := !to.Indirect && asm.IsLocal(to.Symbol)
	if most {
		return !local || in.Kind == machine.Call
	}
	return !local && (in.Kind == machine.Call || !to.Indirect)
}
