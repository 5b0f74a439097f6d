package engine

import (
	"debug/elf"
	"fmt"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Far hooks are of several instructions, and may lie over more of a function than its first. Nothing may go on behind their first instruction that
// did not come by it: no jump of other code, and no thread while a hook is written or taken away.

// checkFar refuses a plan whose hooks would lie over where other code leads: to the middle of what a far hook overwrites.
func (b *planner) checkFar(pp *PatchPlan) error {
	if !pp.machine.FarHooks || pp.Object.ELF == nil {
		return nil
	}
	inside := map[inspect.Addr]string{}
	for _, f := range pp.Functions {
		for at := f.Old + 1; at < f.Old+inspect.Addr(len(f.Hook)); at++ {
			inside[at] = f.Name
		}
	}
	for i := range pp.Object.ELF.Symbols {
		s := &pp.Object.ELF.Symbols[i]
		if name := inside[pp.Object.Addr(inspect.LinkAddr(s.Value))]; name != "" && s.Defined() && namesCode(s) {
			return refuseFar(name, "symbol "+s.Name)
		}
	}
	return b.checkJumps(pp, inside)
}

// namesCode reports whether a symbol may stand for code that something leads to. Those that tell code from data ($x, $d) do not.
func namesCode(s *elfobj.Symbol) bool {
	return (s.Type == elf.STT_FUNC || s.Type == elf.STT_NOTYPE) && s.Name != "" && s.Name[0] != '$'
}

// checkJumps refuses jumps and calls to the inside of hooks, in code that stays in use.
func (b *planner) checkJumps(pp *PatchPlan, inside map[inspect.Addr]string) error {
	replaced := newCodeIndex(pp.Busy)
	for _, s := range pp.Object.ELF.Segments {
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_X == 0 {
			continue
		}
		code, at := pp.Object.ELF.BytesUpTo(s.Vaddr, s.Filesz), pp.Object.Addr(inspect.LinkAddr(s.Vaddr))
		for step := inspect.Addr(len(pp.machine.Trap)); len(code) >= int(step); code, at = code[step:], at+step {
			to, leads := pp.machine.Leads(uint64(at), code)
			if name := inside[inspect.Addr(to)]; leads && name != "" && replaced.find(uint64(at)) < 0 {
				return refuseFar(name, fmt.Sprintf("a jump at %#x", uint64(at)))
			}
		}
	}
	return nil
}

func refuseFar(function, what string) error {
	return fmt.Errorf("function %q: %w", function, fault.Refuse(fault.TooShort, "", "%s leads behind its first instruction, which a jump out of the reach of calls overwrites", what).
		WithHint("remove patches that are no longer needed with --unmap, so that there is room closer to the program; or patch a caller of it instead"))
}

// insideHook returns what no thread may be in while a hook is written or taken away, or its stack is read: behind the first of several instructions.
func insideHook(machine *arch.Target, function string, at inspect.Addr) []Code {
	if !machine.FarHooks {
		return nil
	}
	return []Code{{Start: at + inspect.Addr(len(machine.Trap)), End: at + inspect.Addr(machine.HookSize), Function: function}}
}

// insideHooks returns the same of all hooks of a patch.
func (l *live) insideHooks() (list []Code) {
	for _, f := range l.Functions {
		if f.Old != 0 && f.Via == 0 {
			list = append(list, insideHook(l.Machine, f.Name, f.Old)...)
		}
	}
	return list
}
