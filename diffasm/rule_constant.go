package diffasm

import (
	"fmt"
)

// constants takes the unchanged functions that use a changed constant into the patch, where they get its new copy, if all of
// them can go there and none lets its address out: then nothing could tell the copy from the original. Where that is not so, the
// variable is refused as changed (see variables), and noCopy says why: old code would read the old content, and new code the new one.
func (c *decider) constants() {
	for i, v := range c.d.Variables {
		pair := c.d.vars[i]
		if v.Status != Changed || c.copyable(pair) || !c.d.orig.isConstantData(pair.o) || !c.d.patched.isConstantData(pair.p) {
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
	more := map[*fn]bool{}
	for i, f := range c.d.Functions {
		pair := c.d.fns[i]
		if f.Status != Same && f.Status != LineOnly || c.in[pair.p] || !c.d.patched.uses(pair.p, v.p.name) {
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
		return p.what
	}
	p := c.d.orig.constantEscapes(pair.o, v.o.name, true)
	if p == nil {
		p = c.d.patched.constantEscapes(pair.p, v.p.name, true)
	}
	if p == nil {
		return ""
	}
	return "the address " + p.what
}

// otherUser returns what besides chosen functions and those in more uses a constant, "" if nothing.
func (c *decider) otherUser(f *Unit, b *block, more map[*fn]bool) string {
	if p := f.dataMentions(map[string]bool{b.name: true}); p != nil {
		return "its address " + p.what
	}
	u := f.users(b.name)
	for _, d := range u.data {
		return fmt.Sprintf("%q refers to it", d.name)
	}
	for _, fn := range u.fns {
		if more[fn] {
			continue
		}
		if !c.in[fn] && !c.gone(f, fn) {
			return fmt.Sprintf("function %q uses it", fn.name)
		}
		if p := f.constantEscapes(fn, b.name, f == c.d.orig); p != nil {
			return fmt.Sprintf("in function %q its address %s", fn.name, p.what)
		}
	}
	return ""
}

// constantEscapes returns where the address of a constant gets to in a function besides loads from it, nil if nowhere. With
// calls, what is passed to other functions or returned counts.
func (f *File) constantEscapes(fn *fn, name string, calls bool) *problem {
	return f.escapes(fn, flowRules{calls: calls, stale: calls, compared: true}, func(n string) bool {
		target, _, _ := f.follow(n)
		return target == name
	})
}

// isConstantData reports whether a variable is constant, private to its unit, and found by its name alone.
func (f *File) isConstantData(b *block) bool {
	return !isVtable(b.name) && !f.isGlobal(b.name) && (b.sec.class == classRO || b.sec.class == classRelro) && !b.sec.isSet()
}

func (c *decider) private(f *Unit, b *block) bool {
	if !f.isConstantData(b) {
		return false
	}
	u := f.users(b.name)
	for _, fn := range u.fns {
		if !c.in[fn] && !c.gone(f, fn) || f.constantEscapes(fn, b.name, f == c.d.orig) != nil {
			return false
		}
	}
	return len(u.data) == 0
}

// copyable reports whether a changed variable is constant, private to the unit, and used by functions of the patch alone,
// which keep its address nowhere. What the original ones passed on may be kept by others; what the new ones do, leads to the copy.
func (c *decider) copyable(v varPair) bool {
	return c.private(c.d.orig, v.o) && c.private(c.d.patched, v.p)
}
