package engine

import (
	"fmt"

	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// compiled is what was compiled together: the functions a patch replaces and what they call.
type compiled struct {
	id    string
	parts []kpatch.Part // of whole functions only
}

// checkApart refuses a patch which, together with one that is applied, would run a caller with a callee that was not
// compiled with it: with -fipa-ra a caller keeps values in registers that its callee was seen to leave alone.
func (b *planner) checkApart(pp *PatchPlan) error {
	above := compiledFrom(pp.File.Patch.ID, pp.File.Patch.Meta)
	for _, below := range b.appliedTo(pp.Object) {
		err := apart(above, below, false)
		if err == nil {
			err = apart(below, above, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appliedTo returns the patches of an object with metadata, live and planned.
func (b *planner) appliedTo(o *inspect.Object) []compiled {
	var list []compiled
	for i := range b.live {
		if l := &b.live[i]; l.ours && l.BuildID == o.BuildID {
			list = append(list, compiledFrom(l.ID, l.meta(b.process)))
		}
	}
	for _, pp := range b.planned {
		if pp.Object == o {
			list = append(list, compiledFrom(pp.File.Patch.ID, pp.File.Patch.Meta))
		}
	}
	return list
}

func compiledFrom(id string, m *kpatch.Meta) compiled {
	c := compiled{id: id}
	if m == nil {
		return c
	}
	for _, p := range m.Parts {
		if p.Name == p.Function {
			c.parts = append(c.parts, p)
		}
	}
	return c
}

// at returns the function that a patch replaces at a link address, nil if none.
func (c *compiled) at(addr uint64) *kpatch.Part {
	for i := range c.parts {
		if c.parts[i].Addr == addr {
			return &c.parts[i]
		}
	}
	return nil
}

// apart refuses callers of one patch that would call functions of the other. Where both replace the callee, the upper
// patch's version runs: its own callers know that one.
func apart(caller, callee compiled, calleeAbove bool) error {
	for _, f := range caller.parts {
		for _, addr := range f.Calls {
			g, own := callee.at(addr), caller.at(addr)
			if g == nil || own != nil && !calleeAbove || own == nil && g.Spares {
				continue
			}
			return fault.Refuse(fault.CompiledApart, fmt.Sprintf("patch %s", caller.id), "%q calls %q, which patch %s replaces: they were compiled apart",
				f.Function, g.Function, callee.id)
		}
	}
	return nil
}
