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
