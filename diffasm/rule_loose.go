package diffasm

import (
	"maps"
	"slices"
)

// matchLoose compares what lies outside functions and labelled data: constructors and top-level assembly. New constructors are
// refused, since a process runs them before any patch comes; destructors that are gone, since its list of them still has them; all
// else that changed, since nothing says what it is.
func (d *Delta) matchLoose(r *matcher) {
	have := looseTexts(d.m.o)
	now := looseTexts(d.m.p)
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if len(now[key]) <= len(have[key]) || r != nil && len(looseTexts(r.p)[key]) <= len(have[key]) {
			continue
		}
		d.newLoose(now[key][0])
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if l := have[key][0]; len(have[key]) > len(now[key]) && l.sec.isDtor() {
			d.unit = append(d.unit, problem{
				code: "gone-destructor", what: "the unit no longer registers " + l.stmt.args + " to run at exit", at: l.stmt,
				hint: "keep the function registered and make it do nothing; with __asm__ volatile(\"\") in it the compiler keeps it",
			})
		}
	}
}

func (d *Delta) newLoose(l loose) {
	if l.sec.isCtor() || l.sec.isDtor() {
		d.unit = append(d.unit, problem{
			code: "new-constructor", what: "the unit registers " + l.stmt.args + " in " + l.sec.name + ", which runs only at start or exit",
			hint: "do the work where it is first needed", at: l.stmt,
		})
		return
	}
	d.unit = append(d.unit, problem{
		code: "asm-toplevel", what: "top-level assembly or unnamed data changed in section " + l.sec.name, at: l.stmt,
		hint: "only functions and named variables can be patched",
	})
}

// looseTexts returns the loose statements that no function owns by canonical text.
func looseTexts(s *version) map[string][]loose {
	by := map[string][]loose{}
	for _, l := range s.f.loose {
		if l.open != nil || l.sec.name == "__mcount_loc" || s.f.beforeEntry(l.stmt) {
			continue
		}
		key := l.sec.name + " " + s.alone(l.stmt)
		by[key] = append(by[key], l)
	}
	return by
}

// beforeEntry reports whether a statement outside functions is room for a patch before an entry.
func (f *File) beforeEntry(st stmt) bool {
	return f.sections[patchableEntries] != nil && machineOf(f).Kind(st) == Nop
}
