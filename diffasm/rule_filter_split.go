package diffasm

import (
	"fmt"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// filterSplit refuses a filter that keeps a caller or callee of a changed function it leaves out: one edit often changes both, a
// parameter for instance, and half of it in the process is a program that nobody wrote.
func (c *decider) filterSplit() {
	if len(c.s.LeftOut) == 0 {
		return
	}
	out := map[*asm.Function]bool{}
	for i, f := range c.d.Functions {
		if f.Status == Changed && !c.in[c.d.fns[i].p] {
			out[c.d.fns[i].p] = true
		}
	}
	for i, f := range c.d.Functions {
		p := c.d.fns[i].p
		if f.Status != Changed && f.Status != New || p == nil {
			continue
		}
		for _, callee := range c.d.patched.Mentions(p) {
			if c.in[p] && out[callee] {
				c.splitBetween(f.Name, callee.Name, callee, "calls")
			}
			if out[p] && c.in[callee] && c.changed(callee) {
				c.splitBetween(callee.Name, f.Name, p, "is called by")
			}
		}
	}
}

// changed reports whether a chosen function is in the patch for more than identity.
func (c *decider) changed(p *asm.Function) bool {
	for i, pair := range c.d.fns {
		if pair.p == p {
			return c.d.Functions[i].Status == Changed
		}
	}
	return false
}

func (c *decider) splitBetween(kept, out string, at *asm.Function, verb string) {
	c.refuse(asm.Problem{
		Code: fault.FilterSplit, At: first(at),
		What: fmt.Sprintf("the filter keeps %q, which %s the changed function %q that it leaves out", kept, verb, out),
		Hint: fmt.Sprintf("let the filter name %q too, or leave both out", out),
	}, c.d.patched, "")
}
