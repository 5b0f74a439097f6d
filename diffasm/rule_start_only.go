package diffasm

import (
	"fmt"

	"gocare/diffasm/asm"
	"gocare/internal/fault"
)

// ranAtStart refuses changes of functions that the process has run already, and does not run again: constructors, and resolvers of
// indirect functions. New code of them would have no effect, while the user takes the fix for applied.
func (c *decider) ranAtStart() {
	for i, pair := range c.s.chosen {
		if pair.o == nil || c.s.Functions[i].Status != Changed {
			continue
		}
		what := startOnly(c.d.orig.File, pair.o.Name)
		if what == "" {
			continue
		}
		c.refuse(asm.Problem{
			Code: fault.StartOnly, At: first(pair.p), What: what + ", so that running processes do not run it again",
		}, c.d.patched, c.s.Functions[i].Name)
	}
}

// startOnly says what runs a function before any patch can be applied, "" if nothing does.
func startOnly(f *asm.File, name string) string {
	resolves := func(symbol string) bool {
		return f.Symbols[symbol] != nil && f.Symbols[symbol].Type == "gnu_indirect_function"
	}
	if resolves(name) {
		return "it chooses what the indirect function is"
	}
	for _, a := range f.Aliases {
		if target, _, _ := f.Follow(a.Name); resolves(a.Name) && (target == name || a.Target == name) {
			return fmt.Sprintf("it chooses what the indirect function %q is", a.Name)
		}
	}
	for _, l := range f.Loose {
		if l.Section.IsCtor() && asm.MentionsName(l.Statement, name) {
			return "it is a constructor"
		}
	}
	return ""
}
