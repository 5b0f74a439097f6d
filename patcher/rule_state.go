package patcher

import (
	"debug/elf"
	"slices"
	"strconv"
	"strings"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// movedState refuses a new variable that may be one that the patch takes away, in whatever unit and by whatever name: the patched
// program would go on with what that one holds, the new one begins with its initial value.
func movedState(l *link) (ruling, error) {
	var says ruling
	gone := l.goneState()
	if len(gone) == 0 {
		return says, nil
	}
	l.refuseNew(&says, gone)
	p, err := l.program.facts()
	if err != nil {
		return says, err
	}
	l.refuseGivenWay(&says, p, gone)
	return says, nil
}

// refuseGivenWay refuses variables of other units and libraries that code of the patch uses in the place of one that is gone: they have a
// value of their own. That is one of its name, or one of its size that a function uses which used the other.
func (l *link) refuseGivenWay(says *ruling, p *facts, gone []heldState) {
	for i := range l.units {
		if l.units[i].selection == nil {
			continue
		}
		for _, s := range l.units[i].selection.NewlyUsed() {
			size, found := l.sizeOf(p, s.Name)
			k := slices.IndexFunc(gone, func(g heldState) bool { return g.isNamed(s) || g.SharesUser(s) && g.Size == size })
			if found && k >= 0 {
				says.refuse(i, refuseGivenWay(s, gone[k]))
			}
		}
	}
}

// sizeOf returns the bytes of a variable that another unit or a library shows, or another unit of the patch shows now.
func (l *link) sizeOf(p *facts, name string) (size string, found bool) {
	if n, found := p.DataSize(name); found {
		return strconv.FormatUint(n, 10), true
	}
	for i := range l.units {
		if size, found := l.units[i].delta.ShownVariable(name); found {
			return size, true
		}
	}
	return "", false
}

func refuseGivenWay(s diffasm.State, was heldState) *fault.Error {
	code := fault.StaticRenamed
	if was.isNamed(s) {
		code = fault.StaticMoved
	}
	return fault.Refuse(code, s.At, "new code uses %q of another unit or of a library, which has a value of its own, and may do so in the place of %s: the patch takes that one away, and what it holds",
		s.Name, was).
		WithHint("go on with the old variable, by its name and in its place; --allow %s if what it holds does not matter", code)
}

// refuseNew refuses the new variables of a link, each of which may be one that is gone.
func (l *link) refuseNew(says *ruling, gone []heldState) {
	for i := range l.units {
		for _, s := range l.newState(i) {
			if from := l.candidates(s, gone); len(from) > 0 {
				says.refuse(i, refuseMoved(s.State, from))
			}
		}
	}
	for i := range l.units { // what has another name now may be what had that name elsewhere
		for _, v := range l.units[i].delta.RenamedVariables() {
			if k := slices.IndexFunc(gone, func(g heldState) bool { return g.Name == v[1].Name }); k >= 0 {
				says.refuse(i, refuseMoved(v[1], []diffasm.State{gone[k].State}))
			}
		}
	}
	for _, s := range l.addedState() {
		says.refuse(noUnit, refuseMoved(s, l.candidates(heldState{State: s}, gone)))
	}
}

// candidates lists what a new variable may be: the one of its name, else any but those that are plainly another.
func (l *link) candidates(s heldState, gone []heldState) (list []diffasm.State) {
	for _, g := range gone {
		if g.Name == s.Name {
			return []diffasm.State{g.State}
		}
		if !l.plainlyOther(g, s) {
			list = append(list, g.State)
		}
	}
	return list
}

func refuseMoved(s diffasm.State, from []diffasm.State) *fault.Error {
	if from[0].Name == s.Name {
		return fault.Refuse(fault.StaticMoved, s.At, "the new variable %s may be %s, moved: the patch takes that one away, and what it holds", s.Called(), from[0]).
			WithHint("leave the variable where it was; --allow static-moved takes it for a new one, which begins with its initial value")
	}
	names := make([]string, len(from))
	for i, g := range from {
		names[i] = g.String()
	}
	return fault.Refuse(fault.StaticRenamed, s.At, "the new variable %s may be %s by another name: the patch takes that away, and what it holds",
		s.Called(), strings.Join(names, ", or ")).
		WithHint("keep the old variable, by its name and in its place; --allow static-renamed takes the new one for a new one, which begins with its initial value")
}

// goneState lists what the patch takes away. A global name that another unit defines now is the same variable: see removedVariables.
func (l *link) goneState() (list []heldState) {
	came := map[string]bool{}
	for i := range l.units {
		for _, name := range l.units[i].delta.NewGlobals() {
			came[name] = true
		}
	}
	for i := range l.units {
		d := l.units[i].delta
		globals := d.GoneGlobals()
		for _, s := range d.GoneState() {
			if !l.keptElsewhere(i, s.Symbol) && (!came[s.Symbol] || !slices.Contains(globals, s.Symbol)) {
				list = append(list, heldState{s, l.units[i].unit.OrigTypes})
			}
		}
	}
	for _, g := range l.gone {
		for _, s := range statesIn(g.File, g.Name) {
			list = append(list, heldState{State: s})
		}
	}
	return list
}

// newState lists the new variables of unit i that the patch holds, or would if its code did not have their values in their place.
func (l *link) newState(i int) (list []heldState) {
	if l.units[i].emitted == nil {
		return nil
	}
	for _, s := range l.units[i].emitted.State {
		if !l.leftElsewhere(i, s.Symbol) {
			list = append(list, heldState{s, l.units[i].unit.PatchedTypes})
		}
	}
	for _, s := range l.units[i].delta.NewUnkept() {
		list = append(list, heldState{s, l.units[i].unit.PatchedTypes})
	}
	return list
}

// leftElsewhere reports whether a global variable that is new in unit i is one that another unit defined before.
func (l *link) leftElsewhere(i int, name string) bool {
	return slices.Contains(l.units[i].delta.NewGlobals(), name) &&
		slices.ContainsFunc(l.indexes(), func(k int) bool { return slices.Contains(l.units[k].delta.GoneGlobals(), name) })
}

// addedState lists the variables of sources that only the patched link has.
func (l *link) addedState() (list []diffasm.State) {
	for _, a := range l.added {
		if a.asm != nil {
			list = append(list, statesIn(a.File, a.Name)...)
		}
	}
	return list
}

// statesIn lists the variables of an object that can be written.
func statesIn(f *elfobj.File, unit string) (list []diffasm.State) {
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Type != elf.STT_OBJECT && s.Type != elf.STT_TLS || s.Size == 0 || !s.Defined() || diffasm.IsCounters(s.Name) {
			continue
		}
		if sec := f.Sections[s.Section]; sec.Flags&elf.SHF_WRITE != 0 && !strings.HasPrefix(sec.Name, ".data.rel.ro") && !strings.HasPrefix(sec.Name, kpname.MarkPrefix) {
			list = append(list, diffasm.State{Symbol: s.Name, Name: diffasm.SourceName(s.Name), At: unit})
		}
	}
	return list
}
