package diffasm

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// switchTable is a table of a switch statement: the source has no name for it, so that only its jump can use it.
var switchTable = regexp.MustCompile(`^\.L(JTI)?[0-9_]+$`)

// labelEscapes refuses a function whose labels are kept where they outlive an activation: after the patch, the old ones lead
// from the new code into the old, and the other way round.
func (f *File) labelEscapes(fn *fn) *problem {
	tables := map[string]bool{}
	for _, b := range fn.tables {
		if !switchTable.MatchString(b.name) && !b.sec.isUnwind() {
			tables[b.name] = true
		}
	}
	labels := f.takenLabels(fn)
	p := f.dataMentions(tables)
	if p == nil && len(tables)+len(labels) > 0 {
		p = f.escapes(fn, flowRules{deep: true, calls: true}, func(name string) bool { return labels[name] || tables[name] })
	}
	if p == nil {
		return nil
	}
	return &problem{
		code: "label-escape", what: "the address of a label " + p.what, at: p.at,
		hint: "leave the function out with the filter; --allow label-escape if no such address is used after the function returned",
	}
}

// takenLabels returns the labels whose address the code of a function takes other than to jump there. Those that code of the
// large model finds the GOT by are none, and neither are those by which gcc's -fsanitize=address tells the run-time library whose
// frame one is.
func (f *File) takenLabels(fn *fn) map[string]bool {
	taken, base := map[string]bool{}, map[string]bool{}
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind != insn || f.machine.Kind(st).Jumps() {
				continue
			}
			got := strings.Contains(st.args, "_GLOBAL_OFFSET_TABLE_")
			eachLocal(st.args, func(name string) {
				taken[name] = taken[name] || f.labels[name] != nil && !strings.HasPrefix(name, ".LASANPC")
				base[name] = base[name] || got
			})
		}
	}
	maps.DeleteFunc(taken, func(name string, is bool) bool { return !is || base[name] })
	return taken
}

// dataMentions returns data that holds the address of one of some tables of labels.
func (f *File) dataMentions(tables map[string]bool) *problem {
	if len(tables) == 0 {
		return nil
	}
	for _, b := range f.order {
		if b.sec.isUnwind() {
			continue
		}
		for _, st := range b.items {
			t := tokens{s: st.args}
			for tok, ok := t.next(); ok; tok, ok = t.next() {
				if tok.kind == tokSym && tables[tok.text] {
					return &problem{what: fmt.Sprintf("is in %q", b.name), at: st}
				}
			}
		}
	}
	return nil
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

// copyable reports whether a changed variable is constant, private to the unit, and used by functions of the patch alone,
// which keep its address nowhere. What the original ones passed on may be kept by others; what the new ones do, leads to the copy.
func (c *decider) copyable(v varPair) bool {
	return c.private(c.d.orig, v.o) && c.private(c.d.patched, v.p)
}

func (c *decider) private(f *File, b *block) bool {
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

// constants takes the unchanged functions that use a changed constant into the patch, where they get its new copy, if all of
// them can go there and none lets its address out: then nothing could tell the copy from the original.
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
func (c *decider) otherUser(f *File, b *block, more map[*fn]bool) string {
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

// uses reports whether the code of a function stands on a symbol.
func (f *File) uses(fn *fn, name string) (found bool) {
	f.walk(fn, func(n string) { found = found || n == name })
	return found
}

// sort brings the chosen functions into file order.
func (c *decider) sort() {
	have := map[*fn]Function{}
	for i, pair := range c.s.chosen {
		have[pair.p] = c.s.Functions[i]
	}
	c.s.Functions, c.s.chosen = nil, nil
	for _, pair := range c.d.fns {
		if f, ok := have[pair.p]; ok && pair.p != nil {
			c.s.Functions = append(c.s.Functions, f)
			c.s.chosen = append(c.s.chosen, pair)
		}
	}
}
