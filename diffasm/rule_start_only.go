package diffasm

import "fmt"

// ranAtStart refuses changes of functions that the process has run already, and does not run again: constructors, and resolvers of
// indirect functions. New code of them would have no effect, while the user takes the fix for applied.
func (c *decider) ranAtStart() {
	for i, pair := range c.s.chosen {
		if pair.o == nil || c.s.Functions[i].Status != Changed {
			continue
		}
		what := c.d.orig.startOnly(pair.o.name)
		if what == "" {
			continue
		}
		c.refuse(problem{
			code: "start-only", at: pair.p.first(), what: what + ", so that running processes do not run it again",
			hint: "make the change where it takes effect later; --allow start-only if the function is called besides",
		}, c.d.patched, c.s.Functions[i].Name)
	}
}

// startOnly says what runs a function before any patch can be applied, "" if nothing does.
func (f *File) startOnly(name string) string {
	resolves := func(symbol string) bool {
		return f.symbols[symbol] != nil && f.symbols[symbol].typ == "gnu_indirect_function"
	}
	if resolves(name) {
		return "it chooses what the indirect function is"
	}
	for _, a := range f.aliases {
		if target, _, _ := f.follow(a.name); resolves(a.name) && (target == name || a.target == name) {
			return fmt.Sprintf("it chooses what the indirect function %q is", a.name)
		}
	}
	for _, l := range f.loose {
		if l.sec.isCtor() && mentionsName(l.stmt, name) {
			return "it is a constructor"
		}
	}
	return ""
}
