package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// Endless names the functions of the original that the selection replaces and that a process does not leave once it is in them: main, and
// such as have a loop and no way out.
func (s *Selection) Endless() (names []string) {
	for i, pair := range s.chosen {
		if pair.o == nil || s.Functions[i].Status == New {
			continue
		}
		if pair.o.Name == "main" && s.d.orig.IsGlobal("main") || endless(s.d.orig.File, pair.o) {
			names = append(names, pair.o.Name)
		}
	}
	return names
}

// endless reports whether a function jumps back and never returns or goes on elsewhere.
func endless(f *asm.File, fn *asm.Function) bool {
	loops := false
	m := machine.Of(f)
	for _, s := range fn.Streams {
		seen := map[string]bool{}
		for _, st := range s.Statements {
			switch {
			case st.Kind == asm.Label:
				seen[st.Op] = true
				continue
			case st.Asm:
				return false
			case st.Kind != asm.Instruction:
				continue
			}
			in := m.Decode(st)
			if in.Kind == machine.Return {
				return false
			}
			if !in.Kind.Jumps() {
				continue
			}
			to, _ := in.Target()
			if f.Labels[to] != fn && to != fn.Name {
				return false
			}
			loops = loops || seen[to]
		}
	}
	return loops
}
