package patcher

import (
	"fmt"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/ld"
	"gocare/planner"
)

// This file is about programs of whose link there is no record: some of its inputs are known, by their objects.

// unseenMap places the objects that are known. Options of the link are not: redirected symbols are seen by their names, and whether
// a library binds its own symbols is left open.
func unseenMap(bin *elfobj.File, objects []ld.Object) (*ld.Map, error) {
	lm, err := ld.MapFromSymbols(bin, objects)
	if err != nil {
		return nil, err
	}
	lm.Partial, lm.Own = true, "dynamic-list"
	for i := range bin.Symbols {
		if name, ok := strings.CutPrefix(bin.Symbols[i].Name, "__wrap_"); ok {
			lm.Wrapped = append(lm.Wrapped, name)
		}
	}
	return lm, nil
}

// labelled returns the original object of a unit with a symbol for each label of data that has no name.
func (m *maker) labelled(u *planner.Unit, labels []string) (*elfobj.File, error) {
	f, err := planner.LoadObject(m.store, u.OrigTypes)
	if err != nil {
		return nil, fmt.Errorf("%s: object: %w", u.Source, err)
	}
	for _, l := range labels {
		if p, known := u.Object.Labels[l]; known {
			f.Symbols = append(f.Symbols, elfobj.Symbol{Name: kpname.Label(l), Section: p.Section, Value: p.Offset, Index: len(f.Symbols)})
		}
	}
	return f, nil
}

// unseenInputs refuses what inputs of the link that are not at hand decide: whom a name that comes, goes or changes its strength is
// for, and whether code goes on with what the patch takes away.
func unseenInputs(l *link) (ruling, error) {
	var says ruling
	if !l.target.Unseen {
		return says, nil
	}
	p, err := l.program.facts()
	if err != nil {
		return says, err
	}
	for i := range l.units {
		d := l.units[i].delta
		for _, name := range d.CameNames() {
			if p.Named(name) {
				says.refuse(i, l.unseen(i, name, "it is new here, and the binary has another use for it"))
			}
		}
		for _, name := range d.LeftNames() {
			if !l.cameElsewhere(i, name) {
				says.refuse(i, l.unseen(i, name, "it is no longer defined here, and other inputs of the link may use it"))
			}
		}
		for _, name := range d.ReboundNames() {
			says.refuse(i, l.unseen(i, name, "it is weak in one version only, and other inputs of the link may define it"))
		}
		if l.units[i].selection == nil || len(l.goneState()) == 0 {
			continue
		}
		for _, s := range l.units[i].selection.NewlyUsed() {
			says.refuse(i, l.unseen(i, s.Name, "new code uses it where the patch takes a variable away, and it may stand for that"))
		}
	}
	return says, nil
}

func (l *link) unseen(i int, name, why string) *fault.Error {
	return fault.Refuse(fault.UnseenInput, l.units[i].unit.Source, "%q: %s", name, why)
}
