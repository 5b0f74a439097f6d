package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// LeftNames lists what the original unit defines for others and the patched one does not.
func (d *Delta) LeftNames() []string { return shownOnly(d.orig, d.patched) }

// CameNames lists what the patched unit defines for others and the original does not.
func (d *Delta) CameNames() []string { return shownOnly(d.patched, d.orig) }

// ReboundNames lists what both versions define for others, one of them weakly.
func (d *Delta) ReboundNames() []string {
	return shown(d.patched, func(name string) bool {
		return d.orig.IsGlobal(name) && d.orig.Defines(name) && definition(d.orig, name).Weak != definition(d.patched, name).Weak
	})
}

// SeenNames lists what both versions define for others, one of them for its own object alone.
func (d *Delta) SeenNames() []string {
	return shown(d.patched, func(name string) bool {
		return d.orig.IsGlobal(name) && d.orig.Defines(name) && definition(d.orig, name).Hidden != definition(d.patched, name).Hidden
	})
}

// Shown lists what the patched unit shows to others and the original keeps to itself: by name, its symbol in the original.
func (d *Delta) Shown() map[string]string {
	names := map[string]string{}
	note := func(p, o string) {
		if d.patched.IsGlobal(p) && !d.orig.IsGlobal(o) {
			names[p] = o
		}
	}
	for _, pair := range d.fns {
		if pair.p != nil && pair.o != nil {
			note(pair.p.Name, pair.o.Name)
		}
	}
	for _, pair := range d.vars {
		if pair.p != nil && pair.o != nil {
			note(pair.p.Name, pair.o.Name)
		}
	}
	return names
}

// ShownVariable returns the bytes of a variable that can be written, and that the patched unit shows to others by a name, while the original keeps
// it to itself.
func (d *Delta) ShownVariable(name string) (size string, found bool) {
	for _, pair := range d.vars {
		if pair.p != nil && pair.o != nil && pair.p.Name == name && d.patched.IsGlobal(name) && !d.orig.IsGlobal(pair.o.Name) && canChange(pair.o) {
			return d.orig.Size(pair.o), true
		}
	}
	return "", false
}

// Definition is what a linker goes by where several inputs define a name.
type Definition struct {
	Weak    bool
	Common  bool
	Grouped bool // in a section group, of whose like the linker keeps one
	Hidden  bool // no other object of a process finds it
}

// Definition is that of a name in the patched unit.
func (d *Delta) Definition(name string) Definition { return definition(d.patched, name) }

func definition(f *debuginfo.Unit, name string) Definition {
	s, b := f.Symbols[name], f.Blocks[name]
	hidden := s != nil && (s.Visibility == "hidden" || s.Visibility == "internal")
	return Definition{Weak: s != nil && s.Binding == "weak", Common: b != nil && b.Common, Grouped: f.Grouped(name), Hidden: hidden}
}

// shownOnly lists what other units see, unless g has one of the name for them, too.
func shownOnly(f, g *debuginfo.Unit) []string {
	return shown(f, func(name string) bool { return !(g.IsGlobal(name) && g.Defines(name)) })
}

// shown lists the functions, variables and aliases that other units see, of those that are wanted.
func shown(f *debuginfo.Unit, wanted func(name string) bool) (names []string) {
	add := func(name string) {
		if f.IsGlobal(name) && wanted(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, fn := range f.Functions {
		add(fn.Name)
	}
	for _, b := range f.Variables {
		add(b.Name)
	}
	for _, a := range f.Aliases {
		add(a.Name)
	}
	return names
}

// HadGrouped reports whether the original unit has a name in a section group.
func (d *Delta) HadGrouped(name string) bool { return d.orig.Grouped(name) }

// GoneGlobals names the variables that other units can see and that the patched unit does not define.
func (d *Delta) GoneGlobals() (names []string) {
	for _, v := range d.Variables {
		if v.Status == Gone && d.orig.IsGlobal(v.Name) && !d.patched.Defines(v.Name) {
			names = append(names, v.Name)
		}
	}
	return names
}

// IsPlainVariable reports whether a name of the patched unit is that of a variable that programs write, that begins without addresses, whose names
// may be others' elsewhere, and of which the linker takes this one for all.
func (d *Delta) IsPlainVariable(name string) bool {
	b, is := d.patched.Blocks[name], d.Definition(name)
	return b != nil && b.Section.Class == asm.Writable && !b.Section.IsSet() && !holdsAddresses(b) && !is.Weak && !is.Common && !is.Grouped
}

// Declared returns the source place where the original unit has a variable, "" where that is not known.
func (d *Delta) Declared(name string) string {
	if src := d.orig.DeclaredAt(name); src.Line > 0 {
		return d.orig.Where(asm.Statement{Place: src})
	}
	return ""
}

// Needs reports whether the patched unit refers to a name that it leaves to others to define.
func (d *Delta) Needs(name string) bool {
	return !d.patched.Defines(name) && d.Uses(name)
}

// Uses reports whether anything in the patched unit refers to a name.
func (d *Delta) Uses(name string) bool {
	f := d.patched
	mentions := func(st asm.Statement) bool { return asm.MentionsName(st, name) }
	return mentionsAtAll(f, name) ||
		slices.ContainsFunc(f.Loose, func(l asm.Loose) bool { return mentions(l.Statement) }) ||
		slices.ContainsFunc(f.Aliases, func(a *asm.Alias) bool { return a.Target == name })
}

// MovedVariable compares a variable that one unit no longer defines with the one that another defines anew. It reports whether there
// is one, and the refusal's code and reason if the two differ.
func MovedVariable(from, to *Delta, name string) (found bool, code fault.Code, why string) {
	o, p := from.orig.Blocks[name], to.patched.Blocks[name]
	if o == nil || p == nil || to.late() || to.orig.Defines(name) || to.m.OrigVariable(p) != nil || !to.patched.IsGlobal(name) {
		return false, "", ""
	}
	code, why = correlate.CompareVariables(to.m.Patched, p, from.m.Orig, o)
	if private := privateIn(to.patched.File, p); code == "" && private != "" {
		return true, fault.DataChanged, fmt.Sprintf("initial value has the address of %q, which each unit may have for itself", private)
	}
	return true, code, why
}

// privateIn names something private that the initial value of a variable has the address of, "" if there is nothing.
func privateIn(f *asm.File, b *asm.Block) (name string) {
	canon.WalkData(f, b, func(n string) {
		if f.Defines(n) && !f.IsGlobal(n) && !asm.IsLocal(n) {
			name = n
		}
	})
	return name
}
