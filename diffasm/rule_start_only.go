package diffasm

import (
	"fmt"
	"maps"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
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
		if what == "" && !c.d.orig.IsGlobal(pair.o.Name) && calledAtStart(c.d.orig)[pair.o] {
			what = "constructors alone call it"
		}
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

// calledAtStart returns the constructors of a unit, and the private functions that only they call: compilers of C++ initialise variables there.
func calledAtStart(u *debuginfo.Unit) map[*asm.Function]bool {
	starts := constructors(u.File)
	for grew := len(starts) > 0; grew; {
		grew = false
		for fn := range maps.Clone(starts) {
			for _, g := range u.Mentions(fn) {
				if starts[g] || u.IsGlobal(g.Name) {
					continue
				}
				starts[g] = true
				if otherUse(u, g.Name, starts) == nil {
					grew = true
				} else {
					delete(starts, g)
				}
			}
		}
	}
	return starts
}

// constructors returns the functions that a unit registers to run at start.
func constructors(f *asm.File) map[*asm.Function]bool {
	list := map[*asm.Function]bool{}
	for _, l := range f.Loose {
		if !l.Section.IsCtor() {
			continue
		}
		for _, fn := range f.Functions {
			if asm.MentionsName(l.Statement, fn.Name) {
				list[fn] = true
			}
		}
	}
	return list
}
