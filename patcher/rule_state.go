package patcher

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// state is a variable that holds what a process wrote to it, and that only one version of the program has.
type state struct {
	diffasm.State
	values layout.Values
}

// movedState refuses a new variable that may be one that the patch takes away, in whatever unit and by whatever name: the patched
// program would go on with what that one holds, the new one begins with its initial value.
func movedState(l *link) (ruling, error) {
	var says ruling
	gone, err := l.goneState()
	if err != nil || len(gone) == 0 {
		return says, err
	}
	for i := range l.units {
		fresh, err := l.newState(i)
		if err != nil {
			return says, err
		}
		for _, s := range fresh {
			says.refuse(i, refuseMoved(s, candidates(s, gone)))
		}
	}
	added, err := l.addedState()
	for _, s := range added {
		says.refuse(0, refuseMoved(s, candidates(s, gone)))
	}
	return says, err
}

// candidates lists what a new variable may be. Where one of its name is among them, no other is meant.
func candidates(s state, gone []state) (list []state) {
	for _, g := range gone {
		if s.values.MayBecome(g.values) {
			list = append(list, g)
		}
	}
	if i := slices.IndexFunc(list, func(g state) bool { return g.Name == s.Name }); i >= 0 {
		return list[i : i+1]
	}
	return list
}

func refuseMoved(s state, from []state) *fault.Error {
	if len(from) == 0 {
		return nil
	}
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
func (l *link) goneState() (list []state, err error) {
	came := map[string]bool{}
	for i := range l.units {
		for _, name := range l.units[i].delta.NewGlobals() {
			came[name] = true
		}
	}
	for i := range l.units {
		u := &l.units[i]
		globals := u.delta.GoneGlobals()
		gone := slices.DeleteFunc(u.delta.GoneState(), func(s diffasm.State) bool { return slices.Contains(globals, s.Symbol) && came[s.Symbol] })
		described, err := l.describe(gone, u.unit.OrigTypes)
		if err != nil {
			return nil, err
		}
		list = append(list, described...)
	}
	for _, g := range l.gone {
		list = append(list, statesIn(g.File, g.Name)...)
	}
	return list, nil
}

// newState lists the new variables of unit i that the patch holds.
func (l *link) newState(i int) ([]state, error) {
	u := &l.units[i]
	if u.emitted == nil {
		return nil, nil
	}
	fresh := slices.DeleteFunc(slices.Clone(u.emitted.State), func(s diffasm.State) bool { return l.leftElsewhere(i, s.Symbol) })
	return l.describe(fresh, u.unit.PatchedTypes)
}

// leftElsewhere reports whether a global variable that is new in unit i is one that another unit defined before.
func (l *link) leftElsewhere(i int, name string) bool {
	return slices.Contains(l.units[i].delta.NewGlobals(), name) &&
		slices.ContainsFunc(l.indexes(), func(k int) bool { return slices.Contains(l.units[k].delta.GoneGlobals(), name) })
}

// describe adds to variables of a unit what their types say.
func (l *link) describe(list []diffasm.State, types buildtree.Digest) ([]state, error) {
	if len(list) == 0 {
		return nil, nil
	}
	described := make([]state, len(list))
	for i, s := range list {
		described[i] = state{State: s}
	}
	if types == "" {
		return described, nil
	}
	t, err := l.layouts(types)
	if err != nil {
		return nil, err
	}
	for i := range described {
		described[i].values = t.Values(described[i].Name)
	}
	return described, nil
}

// addedState lists the variables of sources that only the patched link has.
func (l *link) addedState() (list []state, err error) {
	for _, a := range l.added {
		if a.asm != nil {
			list = append(list, statesIn(a.File, a.Name)...)
		}
	}
	return list, nil
}

// statesIn lists the variables of an object that can be written.
func statesIn(f *elfobj.File, unit string) (list []state) {
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Type != elf.STT_OBJECT || s.Size == 0 || !s.Defined() {
			continue
		}
		if sec := f.Sections[s.Section]; sec.Flags&elf.SHF_WRITE != 0 && !strings.HasPrefix(sec.Name, ".data.rel.ro") {
			list = append(list, state{State: diffasm.State{Symbol: s.Name, Name: diffasm.SourceName(s.Name), At: unit}})
		}
	}
	return list
}
