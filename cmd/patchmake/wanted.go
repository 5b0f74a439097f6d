package main

import (
	"context"
	"debug/elf"
	"maps"
	"slices"

	"gocare/internal/elfobj"
)

// addWanted makes units again that have new variables which only other units use.
func (w *workspace) addWanted(ctx context.Context, m *product, j judge) error {
	if !slices.ContainsFunc(m.Units, func(r unitResult) bool { return len(r.unused()) > 0 }) {
		return nil
	}
	wanted := j.wanted
	for _, n := range m.Target.New {
		object, err := w.loadObject(n.Object)
		if err != nil {
			return err
		}
		addUndefined(wanted, object)
	}
	asked := make([]map[string]bool, len(m.Units))
	for again := true; again; {
		again = false
		for i := range m.Units {
			addUndefined(wanted, m.Units[i].object)
		}
		for i := range m.Units {
			if !slices.ContainsFunc(m.Units[i].unused(), func(name string) bool { return wanted[name] && !asked[i][name] }) {
				continue
			}
			asked[i] = maps.Clone(wanted)
			r, err := w.makeUnit(ctx, m.Target.Units[i], j)
			if err != nil {
				return err
			}
			m.Units[i], again = r, true
		}
	}
	return nil
}

// unused names the new variables of a unit that are not in the patch.
func (r *unitResult) unused() (names []string) {
	if r.delta == nil {
		return nil
	}
	for _, name := range r.delta.NewGlobals() {
		if r.emitted == nil || !slices.Contains(r.emitted.Globals, name) {
			names = append(names, name)
		}
	}
	return names
}

// addUndefined adds the names that an object looks for elsewhere.
func addUndefined(names map[string]bool, f *elfobj.File) {
	if f == nil {
		return
	}
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Section == int(elf.SHN_UNDEF) && s.Name != "" {
			names[s.Name] = true
		}
	}
}
