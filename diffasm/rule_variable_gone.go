package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/internal/fault"
)

// variablesGone refuses a filter that leaves out a function which uses a variable that the patch removes: what is in the patch no
// longer writes or reads it, and the two no longer know of each other.
func (c *decider) variablesGone() {
	if len(c.s.LeftOut) == 0 {
		return
	}
	for i, v := range c.d.Variables {
		o := c.d.vars[i].o
		if v.Status != Gone || isConstantData(c.d.orig.File, o) {
			continue
		}
		users := canon.UsersOf(c.d.orig.File, v.Name).Functions
		for k, f := range c.d.Functions {
			pair := c.d.fns[k]
			if f.Status != Changed || c.in[pair.p] || !slices.Contains(users, pair.o) {
				continue
			}
			c.refuse(asm.Problem{
				Code: fault.VariableGone, At: asm.Statement{Line: o.Line, Place: c.d.orig.DeclaredAt(o.Name)},
				What: fmt.Sprintf("the patch removes the variable %q, and the filter leaves out %q, which uses it", v.Name, f.Name),
				Hint: fmt.Sprintf("let the filter name %q too, or leave the variable in use; --allow variable-gone if only that function matters", f.Name),
			}, c.d.orig, "")
			break
		}
	}
}
