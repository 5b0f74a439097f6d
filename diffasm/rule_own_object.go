package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// asksForNext refuses a function that looks for what stands behind its own object, dlsym(RTLD_NEXT, …): the C library tells the object by the
// address that the call comes from. A patch is in none, and the call would fail.
func asksForNext(f *asm.File, fn *asm.Function) []asm.Problem {
	var next bool
	var call *asm.Statement
	m := machine.Of(f)
	for _, s := range fn.Streams {
		for i := range s.Statements {
			st := s.Statements[i]
			if st.Kind != asm.Instruction {
				continue
			}
			if call == nil && (asm.MentionsName(st, "dlsym") || asm.MentionsName(st, "dlvsym")) {
				call = &s.Statements[i]
			}
			next = next || passesNext(m, st)
		}
	}
	if !next || call == nil {
		return nil
	}
	return []asm.Problem{{Code: fault.OwnObject, What: "it calls dlsym(RTLD_NEXT, …), which fails in code that is in no object", At: *call}}
}

const addressBits = 64

// passesNext reports whether an instruction makes an address of all bits set, which RTLD_NEXT is.
func passesNext(m machine.Machine, st asm.Statement) bool {
	in := m.Decode(st)
	if len(in.Operands) == 0 || in.Operands[0].Kind != machine.Immediate || in.Operands[0].Disp != -1 || in.Operands[0].Symbol != "" {
		return false
	}
	switch in.Kind {
	case machine.Move:
		return in.Width == addressBits
	case machine.Push:
		return true
	}
	return in.Writes(m.Convention().Args[0])
}
