package diffasm

import (
	"fmt"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// sectionSets refuses entries that come into or leave a section which the program collects when it is linked: the running one keeps
// the entries it has. Where names that macros make of line numbers are all that changed (see Delta.setsMoved), it has the same ones.
func (c *decider) sectionSets() {
	if c.d.setsMoved {
		return
	}
	for i, v := range c.d.Variables {
		pair := c.d.vars[i]
		switch {
		case v.Status == New && pair.p.Section.IsSet():
			c.refuse(asm.Problem{
				Code: fault.SectionSet, Hint: "use a variable without a section attribute, and register it where it is first needed",
				At:   asm.Statement{Line: pair.p.Line, Place: c.d.patched.DeclaredAt(pair.p.Name)},
				What: fmt.Sprintf("the new variable %q is in section %s, which the program collects when it is linked", v.Name, pair.p.Section.Name),
			}, c.d.patched, "")
		case v.Status == Gone && pair.o.Section.IsSet():
			c.refuse(asm.Problem{
				Code: fault.SectionSet, Hint: "keep the variable, and make what uses it do nothing",
				At:   asm.Statement{Line: pair.o.Line, Place: c.d.orig.DeclaredAt(pair.o.Name)},
				What: fmt.Sprintf("the variable %q leaves section %s, which the program collected when it was linked", v.Name, pair.o.Section.Name),
			}, c.d.orig, "")
		}
	}
}
