package diffasm

import "slices"

// LeftNames lists what the original unit defines for others and the patched one does not.
func (d *Delta) LeftNames() []string { return d.orig.shownOnly(d.patched) }

// CameNames lists what the patched unit defines for others and the original does not.
func (d *Delta) CameNames() []string { return d.patched.shownOnly(d.orig) }

// shownOnly lists the functions, variables and aliases that other units see, unless g has one of the name for them, too.
func (f *Unit) shownOnly(g *Unit) (names []string) {
	add := func(name string) {
		if f.isGlobal(name) && !(g.isGlobal(name) && g.defines(name)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, fn := range f.funcs {
		add(fn.name)
	}
	for _, b := range f.vars {
		add(b.name)
	}
	for _, a := range f.aliases {
		add(a.name)
	}
	return names
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
	if o == nil || p == nil || to.late() || to.orig.defines(name) || !to.patched.isGlobal(name) {
		return false, "", ""
	}
	code, why = compareVars(to.m.p, p, from.m.o, o)
	return true, code, why
}
