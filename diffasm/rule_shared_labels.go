package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// sharedLabels takes the functions that share labels with chosen ones: a goto from one into another, as nested functions have it, has
// to stay within one version. It refuses a filter that leaves out such a function.
func (c *decider) sharedLabels() {
	before := len(c.s.chosen)
	for i := 0; i < len(c.s.chosen); i++ {
		of := c.s.chosen[i].p
		if len(of.Kin) == 0 {
			continue
		}
		for n, pair := range c.d.fns {
			if f := c.d.Functions[n]; pair.p != nil && !c.in[pair.p] && slices.Contains(of.Kin, pair.p) {
				c.takeKin(f, pair, of)
			}
		}
	}
	if len(c.s.chosen) > before {
		c.sort()
	}
}

func (c *decider) takeKin(f Function, pair fnPair, of *asm.Function) {
	if f.Status != New && c.o.Keep != nil && !c.keep(f) {
		c.refuse(asm.Problem{
			Code: fault.ForeignLabel, At: first(of),
			What: fmt.Sprintf("it shares labels with function %q, which the filter leaves out", f.Name),
			Hint: fmt.Sprintf("let the filter name %q too, or leave both out", f.Name),
		}, c.d.patched, of.Name)
		return
	}
	if f.Status != New {
		f.Status, f.Reason = Changed, fmt.Sprintf("shares labels with %q", of.Name)
	}
	c.take(f, pair)
}

// family lists a function and all that it shares labels with, directly or not.
func family(p *asm.Function) []*asm.Function {
	list := []*asm.Function{p}
	for i := 0; i < len(list); i++ {
		for _, k := range list[i].Kin {
			if !slices.Contains(list, k) {
				list = append(list, k)
			}
		}
	}
	return list
}
