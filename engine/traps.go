//go:build traporacle

package engine

import (
	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/kpatch"
)

// traps overwrites all code that a plan replaces, but for the hooks, with breakpoints: whatever still refers to it then ends
// the process. It is part of a build for tests alone; what such a build has patched cannot be restored.
func traps(p *Plan) []Write {
	hooked := map[inspect.Addr]bool{}
	for _, pp := range p.Patches {
		for _, f := range pp.Functions {
			for i := range pp.machine.HookSize {
				hooked[f.Old+inspect.Addr(i)] = true
			}
		}
	}
	var list []Write
	for _, pp := range p.Patches {
		if pp.File.Patch.Meta == nil {
			continue
		}
		for _, part := range pp.File.Patch.Meta.Parts {
			if !part.Gone {
				list = append(list, trapsIn(p.Process.Machine, pp.Object, &part, hooked)...)
			}
		}
	}
	return list
}

// trapsIn covers a part up to the next hook, from its end on, and so on. An instruction that a hook stands behind is left.
func trapsIn(machine *arch.Target, o *inspect.Object, part *kpatch.Part, hooked map[inspect.Addr]bool) []Write {
	old, ok := o.ELF.BytesAt(part.Addr, part.Size)
	if !ok {
		return nil // refused by verifyParts
	}
	start := o.Addr(inspect.LinkAddr(part.Addr))
	kept, _, _ := machine.Landing(old, old)
	if !hooked[start+inspect.Addr(kept)] {
		kept = 0 // there is no hook behind what the function begins with
	}
	var list []Write
	for from := kept; from < len(old); from++ {
		end := from
		for end < len(old) && !hooked[start+inspect.Addr(end)] {
			end++
		}
		if end > from {
			code := make([]byte, end-from)
			arch.Fill(code, machine.Trap)
			list = append(list, Write{
				Addr: start + inspect.Addr(from), Old: old[from:end], New: code, What: "traps in " + part.Name, Code: true,
			})
		}
		from = end
	}
	return list
}
