package diffasm

import (
	"fmt"
	"slices"
)

// removed refuses a filter that leaves out a function which uses a variable that the patch removes: what is in the patch no
// longer writes or reads it, and the two no longer know of each other.
func (c *decider) removed() {
	if len(c.s.LeftOut) == 0 {
		return
	}
	for i, v := range c.d.Variables {
		o := c.d.vars[i].o
		if v.Status != Gone || c.d.orig.isConstantData(o) {
			continue
		}
		users := c.d.orig.users(v.Name).fns
		for k, f := range c.d.Functions {
			pair := c.d.fns[k]
			if f.Status != Changed || c.in[pair.p] || !slices.Contains(users, pair.o) {
				continue
			}
			c.refuse(problem{
				code: "variable-gone", at: stmt{line: o.line, src: c.d.orig.declaredAt(o.name)},
				what: fmt.Sprintf("the patch removes the variable %q, and the filter leaves out %q, which uses it", v.Name, f.Name),
				hint: fmt.Sprintf("let the filter name %q too, or leave the variable in use; --allow variable-gone if only that function matters", f.Name),
			}, c.d.orig, "")
			break
		}
	}
}

// GoneGlobals names the variables that other units can see and that the patched unit does not define.
func (d *Delta) GoneGlobals() (names []string) {
	for _, v := range d.Variables {
		if v.Status == Gone && d.orig.isGlobal(v.Name) && !d.patched.defines(v.Name) {
			names = append(names, v.Name)
		}
	}
	return names
}

// Declared returns the source place where the original unit has a variable, "" where that is not known.
func (d *Delta) Declared(name string) string {
	if src := d.orig.declaredAt(name); src.line > 0 {
		return d.orig.where(stmt{src: src})
	}
	return ""
}

// Needs reports whether the patched unit refers to a name that it leaves to others to define.
func (d *Delta) Needs(name string) bool {
	f := d.patched
	if f.defines(name) {
		return false
	}
	mentions := func(st stmt) bool { return mentionsName(st, name) }
	for _, fn := range f.funcs {
		if slices.ContainsFunc(fn.streams, func(s *stream) bool { return slices.ContainsFunc(s.stmts, mentions) }) {
			return true
		}
	}
	return slices.ContainsFunc(f.order, func(b *block) bool { return slices.ContainsFunc(b.items, mentions) }) ||
		slices.ContainsFunc(f.loose, func(l loose) bool { return mentions(l.stmt) }) ||
		slices.ContainsFunc(f.aliases, func(a *alias) bool { return a.target == name })
}

// MovedVariable compares a variable that one unit no longer defines with the one that another defines anew. It reports whether there
// is one, and the refusal's code and reason if the two differ.
func MovedVariable(from, to *Delta, name string) (found bool, code, why string) {
	o, p := from.orig.blocks[name], to.patched.blocks[name]
	if o == nil || p == nil || to.m == nil || to.orig.defines(name) || !to.patched.isGlobal(name) {
		return false, "", ""
	}
	m := &matcher{p: to.m.p, o: from.m.o}
	code, why = m.compareVar(p, o)
	return true, code, why
}
