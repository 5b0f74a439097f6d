package diffasm

import (
	"fmt"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// variables refuses changed variables, except constants that only functions of the patch use. A process has written to its variables:
// what the new initial value would change in them is not known, and one of another size has no room where it is.
func (c *decider) variables() {
	for i, v := range c.d.Variables {
		if v.Status != Changed {
			continue
		}
		pair := c.d.vars[i]
		if c.copyable(pair) {
			c.s.copies[pair.p] = true
			continue
		}
		hint := "running processes keep the variable they have: use a new variable for the new content"
		what := "variable"
		switch {
		case isVtable(v.Name):
			what, hint = "table of virtual functions", "live objects keep the table they have: add no virtual function or override, and leave their order"
		case v.Code == fault.StaticUnproved:
			hint = "build both versions with -g"
		case v.Code == fault.DataSize:
			hint = "keep the old size and put what is new into a new variable"
		}
		c.refuse(asm.Problem{
			Code: v.Code, Hint: hint, At: asm.Statement{Line: pair.p.Line, Place: c.d.patched.DeclaredAt(pair.p.Name)},
			What: fmt.Sprintf("cannot patch %s %q: %s%s", what, v.Name, v.Reason, c.noCopy[i]),
		}, c.d.patched, "")
	}
}

// isVtable reports whether a C++ compiler gave a table of virtual functions its name.
func isVtable(name string) bool {
	return strings.HasPrefix(name, "_ZTV") || strings.HasPrefix(name, "_ZTC")
}
