package diffasm

import (
	"maps"
	"slices"
)

// adopt takes over what the restored unit, which is closest to the original, shows about numbered names, where the name
// is known to be the same thing in the patched and in the restored unit.
func (m *matcher) adopt(r *matcher) {
	patched, restored := m.p.f, r.p.f
	same := sameShapes(patched, restored)
	used := map[string]bool{} // names used by a function that has the same shape in both
	for _, fn := range patched.funcs {
		if same[fn.name] {
			patched.walk(fn, func(n string) { used[n] = true })
		}
	}
	// Numbers are given in the order of the source, and an optimiser drops what it does not need before that: only where both units
	// have the same names of a kind do numbers mean the same in both.
	have, there := keysOf(patched), keysOf(restored)
	for _, p := range slices.Sorted(maps.Keys(r.pair)) {
		a, o := m.p.open[p], m.o.open[r.pair[p]]
		if a == nil || o == nil || a.key != o.key || m.sourced(p) || m.keepsState(p) || !slices.Equal(have[keyOf(p)], there[keyOf(p)]) {
			continue
		}
		if a.fn != nil && same[p] || used[p] {
			m.guess = slices.Contains(r.unproved, p) // a guess stays one when it is passed on
			m.join(p, o.name)
		}
	}
	m.guess = false
}

// borrow takes over which static locals the source of the patched unit shows to be which, where the name is known to be
// the same thing in both.
func (m *matcher) borrow(patched *matcher) {
	same := sameShapes(m.p.f, patched.p.f)
	used := map[string]bool{}
	for _, fn := range m.p.f.funcs {
		if same[fn.name] {
			m.p.f.walk(fn, func(n string) { used[n] = true })
		}
	}
	have, there := keysOf(m.p.f), keysOf(patched.p.f)
	for _, p := range slices.Sorted(maps.Keys(patched.pair)) {
		o := patched.pair[p]
		if m.p.open[p] != nil && m.o.open[o] != nil && used[p] && slices.Equal(have[keyOf(p)], there[keyOf(p)]) {
			m.join(p, o)
		}
	}
}

func keyOf(name string) string {
	a, _ := splitNumbered(name)
	return a.key()
}

// keysOf lists the numbered names of a unit by what they have in common, sorted.
func keysOf(f *Unit) map[string][]string {
	by := map[string][]string{}
	for _, fn := range f.funcs {
		by[keyOf(fn.name)] = append(by[keyOf(fn.name)], fn.name)
	}
	for _, b := range f.vars {
		by[keyOf(b.name)] = append(by[keyOf(b.name)], b.name)
	}
	for _, list := range by {
		slices.Sort(list)
	}
	return by
}

// sameShapes returns the functions whose statements differ in numbers and local labels at most.
func sameShapes(a, b *Unit) map[string]bool {
	same := map[string]bool{}
	for _, fn := range a.funcs {
		if other := b.fnByName[fn.name]; other != nil && sameShape(fn, other) {
			same[fn.name] = true
		}
	}
	return same
}

func sameShape(a, b *fn) bool {
	if len(a.streams) != len(b.streams) {
		return false
	}
	for i, s := range a.streams {
		t := b.streams[i]
		if !slices.EqualFunc(s.stmts, t.stmts, func(x, y stmt) bool {
			return x.kind == label && isLocal(x.op) && y.kind == label && isLocal(y.op) || opcodeAndShape(x) == opcodeAndShape(y)
		}) {
			return false
		}
	}
	return true
}
