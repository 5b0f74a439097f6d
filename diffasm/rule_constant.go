package diffasm

import (
	"fmt"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/flow"
)

// constants takes the unchanged functions that use a changed constant into the patch, where they get its new copy, if all of
// them can go there and none lets its address out: then nothing could tell the copy from the original. Where that is not so, the
// variable is refused as changed (see variables), and noCopy says why: old code would read the old content, and new code the new one.
func (c *decider) constants() {
	for i, v := range c.d.Variables {
		pair := c.d.vars[i]
		if v.Status != Changed || c.copyable(pair) || !isConstantData(c.d.orig.File, pair.o) || !isConstantData(c.d.patched.File, pair.p) {
			continue
		}
		users, why := c.unchangedUsers(pair)
		if why != "" {
			c.noCopy[i] = ", and " + why
			continue
		}
		for _, n := range users {
			f := c.d.Functions[n]
			f.Status, f.Reason = Changed, fmt.Sprintf("changed constant %q", v.Name)
			c.take(f, c.d.fns[n])
		}
	}
	c.sort()
}

// unchangedUsers returns the unchanged functions that use a constant, as indexes; or why those and the chosen ones are not
// all, or cannot have a copy.
func (c *decider) unchangedUsers(v varPair) (list []int, why string) {
	more := map[*asm.Function]bool{}
	for i, f := range c.d.Functions {
		pair := c.d.fns[i]
		if f.Status != Same && f.Status != LineOnly || c.in[pair.p] || !canon.Uses(c.d.patched.File, pair.p, v.p.Name) {
			continue
		}
		if why := c.cannotTake(f, pair, v); why != "" {
			return nil, fmt.Sprintf("function %q, which uses it, cannot have a copy: %s", f.Name, why)
		}
		more[pair.p], more[pair.o] = true, true
		list = append(list, i)
	}
	if why = c.otherUser(c.d.orig, v.o, more); why == "" {
		why = c.otherUser(c.d.patched, v.p, more)
	}
	return list, why
}

// cannotTake returns why an unchanged function cannot go into the patch for a constant that it uses, "" if it can.
func (c *decider) cannotTake(f Function, pair fnPair, v varPair) string {
	if c.o.Keep != nil && !c.keep(f) {
		return "the filter leaves it out"
	}
	for _, p := range append(c.problems(pair), c.probe(pair.p)...) {
		return p.What
	}
	p := constantEscapes(c.d.orig.File, pair.o, v.o.Name, true)
	if p == nil {
		p = constantEscapes(c.d.patched.File, pair.p, v.p.Name, true)
	}
	if p == nil {
		return ""
	}
	return "the address " + p.What
}

// otherUser returns what besides chosen functions and those in more uses a constant, "" if nothing.
func (c *decider) otherUser(f *debuginfo.Unit, b *asm.Block, more map[*asm.Function]bool) string {
	if p := dataMentions(f.File, map[string]bool{b.Name: true}); p != nil {
		return "its address " + p.What
	}
	u := canon.UsersOf(f.File, b.Name)
	for _, d := range u.Variables {
		return fmt.Sprintf("%q refers to it", d.Name)
	}
	for _, fn := range u.Functions {
		if more[fn] {
			continue
		}
		if !c.in[fn] && !c.gone(f, fn) {
			return fmt.Sprintf("function %q uses it", fn.Name)
		}
		if p := constantEscapes(f.File, fn, b.Name, f == c.d.orig); p != nil {
			return fmt.Sprintf("in function %q its address %s", fn.Name, p.What)
		}
	}
	return ""
}

// constantEscapes returns where the address of a constant gets to in a function besides loads from it, nil if nowhere. With
// calls, what is passed to other functions or returned counts.
func constantEscapes(f *asm.File, fn *asm.Function, name string, calls bool) *asm.Problem {
	return flow.Escapes(f, fn, flow.Rules{Calls: calls, Stale: calls, Compared: true}, func(n string) bool {
		target, _, _ := f.Follow(n)
		return target == name
	})
}

// isConstantData reports whether a variable is constant, private to its unit, and found by its name alone.
func isConstantData(f *asm.File, b *asm.Block) bool {
	return !isVtable(b.Name) && !f.IsGlobal(b.Name) && (b.Section.Class == asm.ReadOnly || b.Section.Class == asm.Relro) && !b.Section.IsSet()
}

func (c *decider) private(f *debuginfo.Unit, b *asm.Block) bool {
	if !isConstantData(f.File, b) {
		return false
	}
	u := canon.UsersOf(f.File, b.Name)
	for _, fn := range u.Functions {
		if !c.in[fn] && !c.gone(f, fn) || constantEscapes(f.File, fn, b.Name, f == c.d.orig) != nil {
			return false
		}
	}
	return len(u.Variables) == 0
}

// copyable reports whether a changed variable is constant, private to the unit, and used by functions of the patch alone,
// which keep its address nowhere. What the original ones passed on may be kept by others; what the new ones do, leads to the copy.
func (c *decider) copyable(v varPair) bool {
	return c.private(c.d.orig, v.o) && c.private(c.d.patched, v.p)
}
