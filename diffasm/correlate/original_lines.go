package correlate

import (
	"maps"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
)

// adopt takes over what the restored unit, which is closest to the original, shows about numbered names, where the name
// is known to be the same thing in the patched and in the restored unit.
func (m *pairing) adopt(r *pairing) {
	patched, restored := m.Patched.Unit, r.Patched.Unit
	same := sameShapes(patched, restored)
	used := map[string]bool{} // names used by a function that has the same shape in both
	for _, fn := range patched.Functions {
		if same[fn.Name] {
			canon.Walk(patched.File, fn, func(n string) { used[n] = true })
		}
	}
	// Numbers are given in the order of the source, and an optimiser drops what it does not need before that: only where both units
	// have the same names of a kind do numbers mean the same in both.
	have, there := keysOf(patched), keysOf(restored)
	for _, p := range slices.Sorted(maps.Keys(r.pair)) {
		a, o := m.Patched.open[p], m.Orig.open[r.pair[p]]
		if a == nil || o == nil || a.key != o.key || m.sourced(p) || m.keepsState(p) || !slices.Equal(have[keyOf(p)], there[keyOf(p)]) {
			continue
		}
		if a.fn != nil && same[p] || used[p] {
			m.guess = slices.Contains(r.Unproved, p) // a guess stays one when it is passed on
			m.join(p, o.name)
		}
	}
	m.guess = false
}

// borrow takes over which static locals the source of the patched unit shows to be which, where the name is known to be
// the same thing in both.
func (m *pairing) borrow(patched *pairing) {
	same := sameShapes(m.Patched.Unit, patched.Patched.Unit)
	used := map[string]bool{}
	for _, fn := range m.Patched.Unit.Functions {
		if same[fn.Name] {
			canon.Walk(m.Patched.Unit.File, fn, func(n string) { used[n] = true })
		}
	}
	have, there := keysOf(m.Patched.Unit), keysOf(patched.Patched.Unit)
	for _, p := range slices.Sorted(maps.Keys(patched.pair)) {
		o := patched.pair[p]
		if m.Patched.open[p] != nil && m.Orig.open[o] != nil && used[p] && slices.Equal(have[keyOf(p)], there[keyOf(p)]) {
			m.join(p, o)
		}
	}
}

func keyOf(name string) string {
	a, _ := asm.SplitNumbered(name)
	return a.Key()
}

// keysOf lists the numbered names of a unit by what they have in common, sorted.
func keysOf(f *debuginfo.Unit) map[string][]string {
	by := map[string][]string{}
	for _, fn := range f.Functions {
		by[keyOf(fn.Name)] = append(by[keyOf(fn.Name)], fn.Name)
	}
	for _, b := range f.Variables {
		by[keyOf(b.Name)] = append(by[keyOf(b.Name)], b.Name)
	}
	for _, list := range by {
		slices.Sort(list)
	}
	return by
}

// sameShapes returns the functions whose statements differ in numbers and local labels at most.
func sameShapes(a, b *debuginfo.Unit) map[string]bool {
	same := map[string]bool{}
	for _, fn := range a.Functions {
		if other := b.FunctionByName[fn.Name]; other != nil && sameShape(fn, other) {
			same[fn.Name] = true
		}
	}
	return same
}

func sameShape(a, b *asm.Function) bool {
	if len(a.Streams) != len(b.Streams) {
		return false
	}
	for i, s := range a.Streams {
		t := b.Streams[i]
		if !slices.EqualFunc(s.Statements, t.Statements, func(x, y asm.Statement) bool {
			return x.Kind == asm.Label && asm.IsLocal(x.Op) && y.Kind == asm.Label && asm.IsLocal(y.Op) || asm.Shape(x) == asm.Shape(y)
		}) {
			return false
		}
	}
	return true
}
