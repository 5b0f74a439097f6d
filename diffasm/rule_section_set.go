package diffasm

import "fmt"

// sectionSets refuses entries that come into or leave a section which the program collects when it is linked: the running one keeps
// the entries it has. Where names that macros make of line numbers are all that changed (see Delta.setsMoved), it has the same ones.
func (c *decider) sectionSets() {
	if c.d.setsMoved {
		return
	}
	for i, v := range c.d.Variables {
		pair := c.d.vars[i]
		switch {
		case v.Status == New && pair.p.sec.isSet():
			c.refuse(problem{
				code: "section-set", hint: "use a variable without a section attribute, and register it where it is first needed",
				at:   stmt{line: pair.p.line, src: c.d.patched.declaredAt(pair.p.name)},
				what: fmt.Sprintf("the new variable %q is in section %s, which the program collects when it is linked", v.Name, pair.p.sec.name),
			}, c.d.patched, "")
		case v.Status == Gone && pair.o.sec.isSet():
			c.refuse(problem{
				code: "section-set", hint: "keep the variable, and make what uses it do nothing",
				at:   stmt{line: pair.o.line, src: c.d.orig.declaredAt(pair.o.name)},
				what: fmt.Sprintf("the variable %q leaves section %s, which the program collected when it was linked", v.Name, pair.o.sec.name),
			}, c.d.orig, "")
		}
	}
}
