package patcher

import (
	"cmp"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/ld"
)

// changedNames refuses names that lead elsewhere in the patched program, for code that is the same: a definition that comes to be takes the
// place of another one, of a library's, or of none (weak references); one that goes leaves it to another.
func changedNames(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		d := l.units[i].delta
		came, left, rebound, seen := d.CameNames(), d.LeftNames(), d.ReboundNames(), d.SeenNames()
		if len(came)+len(left)+len(rebound)+len(seen) == 0 {
			continue
		}
		p, err := l.program.facts()
		if err != nil {
			return says, err
		}
		for _, name := range came {
			says.refuse(i, l.takenName(p, i, name))
			says.refuse(i, l.displacedName(p, i, name))
			says.refuse(i, l.newTwice(i, name))
			says.refuse(i, l.soughtName(p, i, name))
		}
		for _, name := range slices.Concat(came, seen) {
			says.refuse(i, l.interposedName(p, i, name))
		}
		for _, name := range left {
			says.refuse(i, l.leftName(p, i, name))
		}
		for _, name := range rebound {
			says.refuse(i, l.reboundName(p, i, name))
		}
	}
	return says, nil
}

// takenName refuses a name that unit i defines now, and that code outside looks for.
func (l *link) takenName(p *facts, i int, name string) *fault.Error {
	users := p.Users(name)
	if len(users) == 0 || l.demands[i].elsewhere[name] || l.hasMoved(i, name) { // what moves here is what they use
		return nil
	}
	return fault.Refuse(fault.MovedGlobal, l.units[i].unit.Source, "%q is new here, but %s uses what the original has by that name, or lacks",
		name, p.InputName(users[0])).WithHint("give it another name, and let the code that is to use it say so")
}

// displacedName refuses a name that unit i defines now, where the linker took another definition, and might take this one. A variable
// that moves is the same one: see removedVariables.
func (l *link) displacedName(p *facts, i int, name string) *fault.Error {
	u := &l.units[i]
	d := u.delta.Definition(name)
	other := p.Displaced(p.inputOf(u.unit), name, strength(d))
	moves := slices.ContainsFunc(l.indexes(), func(k int) bool { return slices.Contains(l.units[k].delta.LeftNames(), name) })
	if other == "" || d.Grouped || moves {
		return nil
	}
	return fault.Refuse(fault.MovedGlobal, u.unit.Source, "%q is new here, but %s defines it, too, and the linker takes one for all", name, other).
		WithHint("give it another name, and let the code that is to use it say so")
}

// interposedName refuses a name that unit i shows or hides now, and that a library of the process looks for: it found its own definition,
// another one, or none. Copies of an inline function do the same.
func (l *link) interposedName(p *facts, i int, name string) *fault.Error {
	library, shown := p.Seeker(name)
	d := l.units[i].delta.Definition(name)
	switch source := l.units[i].unit.Source; {
	case library == "" || d.Grouped || shown != d.Hidden:
		return nil
	case d.Hidden:
		return fault.Refuse(fault.MovedGlobal, source, "%q is hidden now, but %s found it when it was loaded", name, library).WithHint("let it be as it was")
	default:
		return fault.Refuse(fault.MovedGlobal, source, "%q is new here, but %s looks for it when it is loaded, and found another one, or none", name, library).
			WithHint("give it another name, or make it static")
	}
}

// soughtName refuses a name that unit i shows to other objects now and that no code of the program uses: whoever looks for it while the program
// runs, by dlsym, finds it in the patched program alone. A program of which other objects see main shows all its names.
func (l *link) soughtName(p *facts, i int, name string) *fault.Error {
	_, all := p.Seeker("main")
	d := l.units[i].delta.Definition(name)
	used := func(u assembledUnit) bool { return u.delta.Uses(name) }
	if !all || l.hasMoved(i, name) || d.Hidden || d.Grouped || strings.HasPrefix(name, "_Z") || slices.ContainsFunc(l.units, used) || l.names(name) {
		return nil
	}
	return fault.Refuse(fault.MovedGlobal, l.units[i].unit.Source, "%q is new here, no code uses it, and other objects see it: what looks for it by name (dlsym) finds it in the patched program alone",
		name).WithHint("let code use it that is in the patch; or make it static or hidden, if nothing looks for it")
}

// newlyShown lists the names that units, and what the patch takes of additions, show to other objects of a process, and the original does not. In
// the patch they are their own; which objects a process has is seen there.
func (l *link) newlyShown(c carried) (names []string) {
	for i := range l.units {
		d := l.units[i].delta
		for _, name := range slices.Concat(d.CameNames(), d.SeenNames()) {
			if found := d.Definition(name); !found.Hidden && !found.Grouped && !l.hasMoved(i, name) {
				names = append(names, name)
			}
		}
	}
	for i := range l.added {
		if c.units[i].Object != nil {
			names = append(names, ld.Shown(l.added[i].File)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newTwice refuses a name that comes to unit i and to another unit behind it, or to an addition: the linker takes one for all code, a
// patch would have one for each. The copies of a section group are the same: ld.Join refuses those of which the patch holds two.
func (l *link) newTwice(i int, name string) *fault.Error {
	d := l.units[i].delta.Definition(name)
	for k := i + 1; k < len(l.units); k++ {
		if slices.Contains(l.units[k].delta.CameNames(), name) && !merge(d, l.units[k].delta.Definition(name)) {
			return refuseTwice(l.units[i].unit.Source, name, l.units[k].unit.Source)
		}
	}
	if adds := l.adds(name); adds != "" && !d.Grouped {
		return refuseTwice(l.units[i].unit.Source, name, adds)
	}
	return nil
}

func refuseTwice(unit, name, other string) *fault.Error {
	return fault.Refuse(fault.DuplicateSymbol, unit, "%q is new here and in %s", name, other)
}

// merge reports whether two definitions of a name are one for the linker, whichever it takes.
func merge(a, b diffasm.Definition) bool { return a.Grouped && b.Grouped || a.Common && b.Common }

// strength is what a definition counts in a link.
func strength(d diffasm.Definition) ld.Strength {
	switch {
	case d.Weak:
		return ld.WeakDefinition
	case d.Common:
		return ld.CommonDefinition
	}
	return ld.StrongDefinition
}

// reboundName refuses a name that unit i defines weakly now, or no longer so, where another input defines it, too.
func (l *link) reboundName(p *facts, i int, name string) *fault.Error {
	u := &l.units[i]
	d := u.delta.Definition(name)
	other := p.DefinedAgain(p.inputOf(u.unit), name)
	if other == "" || d.Grouped {
		return nil
	}
	now := "no longer weak"
	if d.Weak {
		now = "weak now"
	}
	return fault.Refuse(fault.MovedGlobal, u.unit.Source, "%q is %s here, so that the linker may take another one of that name than it did: see %s", name, now, other).
		WithHint("let it be as it was")
}

// leftName refuses a name that unit i no longer defines, where another definition takes its place, or none.
func (l *link) leftName(p *facts, i int, name string) *fault.Error {
	u := &l.units[i]
	if u.delta.HadGrouped(name) { // the other copies are the same: see groupedFunctions
		return nil
	}
	user := cmp.Or(p.DefinedAgain(p.inputOf(u.unit), name), l.userOf(p, name))
	if library, shown := p.Seeker(name); user == "" && shown {
		user = library
	}
	if user == "" || slices.Contains(u.delta.GoneGlobals(), name) || l.cameElsewhere(i, name) {
		return nil
	}
	return fault.Refuse(fault.MovedGlobal, u.unit.Source, "%q is no longer defined here, so that another one of that name takes its place, or none: see %s", name, user).
		WithHint("keep it, and make it do what the other one does")
}

// cameElsewhere reports whether another unit, or an addition, defines a name now.
func (l *link) cameElsewhere(i int, name string) bool {
	for k := range l.units {
		if k != i && slices.Contains(l.units[k].delta.CameNames(), name) {
			return true
		}
	}
	return l.adds(name) != ""
}
