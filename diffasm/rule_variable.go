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
		pair := c.d.vars[i]
		if pair.p != nil && asm.IsCounter(v.Name) {
			c.s.copies[pair.p] = true
			continue
		}
		if v.Status != Changed {
			continue
		}
		if v.counter || c.copyable(pair) {
			c.s.copies[pair.p] = true
			continue
		}
		hint := "running processes keep the variable they have: use a new variable for the new content"
		what := "variable"
		switch {
		case isVtable(v.Name):
			what, hint = "table of virtual functions", "live objects keep the table they have: add no virtual function or override, and leave their order"
		case v.Code == fault.DataSize && c.d.asByte(c.d.orig, pair.o, pair.p):
			v.Reason += ": the compiler keeps it as a byte in the original, where it has two values"
			hint = "let it have the values that it had, and put what is new into a new variable"
		case v.Code == fault.DataSize && c.d.asByte(c.d.patched, pair.p, pair.o):
			v.Reason += ": the compiler keeps it as a byte in the patched version, where it has two values"
			hint = "mark the variable __attribute__((used)), so that the compiler keeps it as its source has it"
		case v.Code == fault.StaticUnproved:
			hint = "make the change in functions that do not use it; in a program that was built with -g it is told apart"
		case v.Code == fault.DataSize:
			hint = "keep the old size and put what is new into a new variable"
		}
		c.refuse(asm.Problem{
			Code: v.Code, Hint: hint, Vouched: v.Code == fault.DataChanged && c.vouches(pair.p.Name), At: asm.Statement{Line: pair.p.Line, Place: c.d.patched.DeclaredAt(pair.p.Name)},
			What: fmt.Sprintf("cannot patch %s %q: %s%s", what, v.Name, v.Reason, c.noCopy[i]),
		}, c.d.patched, "").AlsoAbout(c.s.Users(pair.p.Name)...)
	}
}

// isVtable reports whether a C++ compiler gave a table of virtual functions its name.
func isVtable(name string) bool {
	return strings.HasPrefix(name, "_ZTV") || strings.HasPrefix(name, "_ZTC")
}
