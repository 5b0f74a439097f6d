package main

import (
	"cmp"
	"slices"

	"gocare/internal/fault"
)

// checkNames refuses names that lead elsewhere in the patched program, for code that is the same: a definition that comes to be takes the
// place of another one, of a library's, or of none (weak references); one that goes leaves it to another.
func (w *workspace) checkNames(m *product) error {
	l := &linkUses{w: w, m: m}
	for i := range m.Units {
		r := &m.Units[i]
		if r.delta == nil {
			continue
		}
		came, left := r.delta.CameNames(), r.delta.LeftNames()
		if len(came)+len(left) == 0 {
			continue
		}
		if err := l.open(); err != nil {
			return err
		}
		for _, name := range came {
			if users := l.original.Users(name); len(users) > 0 {
				return fault.Refuse("moved-global", r.Source, "%q is new here, but %s uses what the original has by that name, or lacks",
					name, l.original.InputName(users[0])).WithHint("give it another name, and let the code that is to use it say so")
			}
		}
		for _, name := range left {
			user := cmp.Or(l.original.DefinedAgain(l.index[m.Target.Units[i].Input], name), l.userOf(name))
			if user == "" || slices.Contains(r.delta.GoneGlobals(), name) || l.cameElsewhere(i, name) {
				continue
			}
			return fault.Refuse("moved-global", r.Source, "%q is no longer defined here, so that another one of that name takes its place, or none: see %s", name, user).
				WithHint("keep it, and make it do what the other one does")
		}
	}
	return nil
}

// cameElsewhere reports whether another unit, or an addition, defines a name now.
func (l *linkUses) cameElsewhere(i int, name string) bool {
	for k := range l.m.Units {
		if d := l.m.Units[k].delta; k != i && d != nil && slices.Contains(d.CameNames(), name) {
			return true
		}
	}
	added, err := l.adds(name)
	return err == nil && added != ""
}
