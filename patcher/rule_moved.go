package patcher

import (
	"maps"
	"slices"

	"gocare/diffasm"
	"gocare/internal/layout"
	"gocare/planner"
)

// movedFunctions finds functions that others see and that went from one unit to another: the original is hooked to the code that the other
// unit has now. Private variables that go with functions stay those of the process. What it leaves is for the rules behind it.
func movedFunctions(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		if !l.units[i].delta.Loses() {
			continue
		}
		for k := range l.units {
			if i == k {
				continue
			}
			moves := diffasm.Moved(l.units[i].delta, l.units[k].delta, l.wentTo(i, k)).Of(i)
			if l.demands[k].moves.Has(moves) {
				continue
			}
			same, err := l.sameTypes(i, k, moves)
			if err != nil {
				return says, err
			}
			if same {
				says.want(l, k, demand{moves: moves})
			}
		}
	}
	return says, nil
}

// wentTo lists the functions that are gone from one unit and new in another, and in no third one.
func (l *link) wentTo(from, to int) (names []string) {
	for _, f := range l.units[from].delta.GoneFunctions() {
		is := func(n diffasm.KeptFunction) bool { return n.Global && n.Name == f.Name }
		came := func(k int) bool { return slices.ContainsFunc(l.units[k].delta.NewFunctions(), is) }
		left := func(k int) bool { return slices.ContainsFunc(l.units[k].delta.GoneFunctions(), is) }
		if f.Global && l.keeps(f.Name) && came(to) && !slices.ContainsFunc(l.indexes(), func(k int) bool { return k != to && came(k) || k != from && left(k) }) {
			names = append(names, f.Name)
		}
	}
	return names
}

// sameTypes reports whether what moves between two units is known to have the types that it had: all prototypes, and the layouts of what both
// describe.
func (l *link) sameTypes(from, to int, moves diffasm.Moves) (bool, error) {
	v := planner.SideVersions{OrigTypes: l.units[from].unit.OrigTypes, PatchedTypes: l.units[to].unit.PatchedTypes}
	if v.OrigTypes == "" || v.PatchedTypes == "" {
		return false, nil
	}
	changes, err := l.typeChanges(&v)
	if err != nil || slices.ContainsFunc(changes, func(c layout.Change) bool { return c.Kind != layout.Signature && c.Kind != layout.Variable }) {
		return false, err
	}
	before, err := l.layouts(v.OrigTypes)
	if err != nil {
		return false, err
	}
	after, err := l.layouts(v.PatchedTypes)
	if err != nil {
		return false, err
	}
	for name := range moves.Functions {
		if change, known := layout.Renamed(before, after, name, name); !known || change != nil {
			return false, nil
		}
	}
	for _, name := range slices.Collect(maps.Keys(moves.Variables)) {
		if layout.Moved(before, after, diffasm.SourceName(name)) != nil {
			return false, nil
		}
	}
	return true, nil
}

// hasMoved reports whether a function of unit k is that of another unit of the original.
func (l *link) hasMoved(k int, name string) bool {
	_, moved := l.demands[k].moves.Functions[name]
	return moved
}

// movedAway reports whether a function of unit i is in another unit now, which replaces it.
func (l *link) movedAway(i int, name string) bool {
	return slices.ContainsFunc(l.demands, func(d demand) bool {
		m, moved := d.moves.Functions[name]
		return moved && m.Unit == i
	})
}

// keptElsewhere reports whether a private variable of unit i is one that another unit goes on with.
func (l *link) keptElsewhere(i int, symbol string) bool {
	return slices.ContainsFunc(l.demands, func(d demand) bool {
		return slices.Contains(slices.Collect(maps.Values(d.moves.Variables)), diffasm.MovedPrivate{Unit: i, Symbol: symbol})
	})
}
