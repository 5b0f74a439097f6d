package correlate

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"gocare/diffasm/asm"
	"gocare/internal/srcpatch"
)

// pairUnique joins the members of each group whose property is found exactly once in both versions; an empty property never
// counts.
func (m *search) pairUnique(property func(*Version, *numbered) string) int {
	n := 0
	for _, g := range m.groups {
		if len(g.o) == 0 || len(g.p) == 0 || g.sourced {
			continue
		}
		o, p := index(m.Orig, g.o, property), index(m.Patched, g.p, property)
		for _, a := range append([]*numbered(nil), g.p...) {
			key := property(m.Patched, a)
			// Two of one property on one side could be exchanged for each other: nothing is said of either.
			if key != "" && len(o[key]) == 1 && len(p[key]) == 1 {
				m.join(a.name, o[key][0].name)
				n++
			}
		}
	}
	return n
}

func index(s *Version, list []*numbered, property func(*Version, *numbered) string) map[string][]*numbered {
	by := map[string][]*numbered{}
	for _, a := range list {
		key := property(s, a)
		by[key] = append(by[key], a)
	}
	return by
}

// equalClones pairs clones whose text is equal and unique.
func (m *search) equalClones() int {
	return m.pairUnique(func(s *Version, a *numbered) string {
		if a.fn == nil {
			return ""
		}
		h := s.texts[a.fn.Index].hash
		return string(h[:])
	})
}

// equalClonesInOrder pairs clones of equal text when there are as many of them in both versions: they do the same.
func (m *search) equalClonesInOrder() int {
	n := 0
	prop := func(s *Version, a *numbered) string {
		if a.fn == nil || len(s.texts[a.fn.Index].refs) > 0 {
			return ""
		}
		h := s.texts[a.fn.Index].hash
		return string(h[:])
	}
	for _, g := range m.groups {
		o, p := index(m.Orig, g.o, prop), index(m.Patched, g.p, prop)
		for _, a := range append([]*numbered(nil), g.p...) {
			key := prop(m.Patched, a)
			if key == "" || len(o[key]) != len(p[key]) {
				continue
			}
			// Any pairing of them is right, since they use no open names; the order keeps the result the same from run to run.
			for i := range p[key] {
				m.join(p[key][i].name, o[key][i].name)
				n++
			}
			delete(o, key)
		}
	}
	return n
}

// votes pairs the names that stand at the same place of equal texts: a function that did not change uses what it used.
// A strict vote also asks that the variables look the same.
func (m *search) votes(strict bool) int {
	forP, forO := map[string]map[string]bool{}, map[string]map[string]bool{}
	code := map[string]bool{} // names that functions use: what a pointer held at first says nothing of the declaration
	sure := map[string]bool{} // names of which what voted was not edited
	vote := func(p, o *text, untouched bool) {
		// The canonical text of an open name is what all of its group have in common, so that equal texts have the same number of
		// them, in the same places: the n-th of one stands where the n-th of the other does.
		if p.hash != o.hash || len(p.refs) != len(o.refs) {
			return
		}
		for i, r := range p.refs {
			if !m.mayVote(r.name, o.refs[i].name) {
				continue
			}
			add(forP, r.name, o.refs[i].name)
			add(forO, o.refs[i].name, r.name)
			sure[r.name] = sure[r.name] || untouched
		}
	}
	for _, fn := range m.Patched.Unit.Functions {
		if o := m.OrigFunction(fn); o != nil {
			vote(&m.Patched.texts[fn.Index], &m.Orig.texts[o.Index], !m.touched(fn))
			for _, r := range m.Patched.texts[fn.Index].refs {
				code[r.name] = true
			}
		}
	}
	for _, b := range m.Patched.Unit.Variables {
		if o := m.OrigVariable(b); o != nil {
			vote(m.Patched.inits[b], m.Orig.inits[o], true)
		}
	}
	n := 0
	for _, p := range slices.Sorted(maps.Keys(forP)) {
		o := only(forP[p])
		// One voice against it, from either side, and neither pair is taken.
		if o == "" || only(forO[o]) != p || strict && !m.alike(p, o) || m.sourced(p) && !code[p] {
			continue
		}
		// An edit can make a function look as one that uses another nameless variable looked before.
		if m.guess = !sure[p] && m.keepsState(p); m.guess {
			m.guessed[p] = true
		}
		m.join(p, o)
		m.guess = false
		n++
	}
	return n
}

// mayVote reports whether a place of equal texts can tell what a name is: a function that several sources have may have come there with
// code that was inlined, unless it is the same code.
func (m *search) mayVote(p, o string) bool {
	a, b := m.Patched.open[p], m.Orig.open[o]
	if m.namesake == nil || a == nil || b == nil || a.fn == nil || b.fn == nil || !m.namesake(asm.SourceName(p)) {
		return true
	}
	return m.Patched.texts[a.fn.Index].hash == m.Orig.texts[b.fn.Index].hash
}

// touched reports whether the patch wrote a line that a function of the patched unit stems from.
func (m *search) touched(fn *asm.Function) bool {
	if m.changed == nil {
		return false
	}
	return slices.ContainsFunc(m.Patched.Unit.Places(fn), func(p srcpatch.Place) bool {
		s := m.changed(p.File)
		return s != nil && s.old(p.Line) == 0
	})
}

// keepsState reports whether a name of the patched unit is that of a nameless variable that can be written: the code that uses
// it looks the same whichever one it is.
func (m *pairing) keepsState(name string) bool {
	b := m.Patched.Unit.Blocks[name]
	return b != nil && asm.IsNameless(name) && b.Section.Class != asm.ReadOnly && b.Section.Class != asm.Relro
}

// sourced reports whether an open name is a variable of which the source is known.
func (m *pairing) sourced(p string) bool {
	a := m.Patched.open[p]
	return a != nil && m.byKey[a.key].sourced
}

func add(m map[string]map[string]bool, key, val string) {
	if m[key] == nil {
		m[key] = map[string]bool{}
	}
	m[key][val] = true
}

// only returns the single member of a set, "" if there are more.
func only(set map[string]bool) string {
	if len(set) != 1 {
		return ""
	}
	for k := range set {
		return k
	}
	return ""
}

// alike reports whether two open variables have the same section, size, alignment and initialiser.
func (m *pairing) alike(p, o string) bool {
	pa, oa := m.Patched.open[p], m.Orig.open[o]
	if pa == nil || oa == nil {
		return false
	}
	return pa.b == nil || shape(m.Patched, pa)+initOf(m.Patched, pa) == shape(m.Orig, oa)+initOf(m.Orig, oa)
}

func shape(s *Version, a *numbered) string {
	return fmt.Sprint(a.b.Section.Class, " ", s.Unit.Size(a.b), " ", a.b.Align, " ")
}

func initOf(s *Version, a *numbered) string {
	h := s.inits[a.b].hash
	return string(h[:])
}

// sameProperties pairs variables by owners, section, size and alignment together with initialiser and uses (level 0),
// with one of the two where the other does not say otherwise (level 1), and alone (level 2).
func (m *search) sameProperties(level int) int {
	base := func(s *Version, a *numbered) string {
		owners := s.owners(a)
		if a.b == nil || len(owners) == 0 {
			return ""
		}
		return shape(s, a) + strings.Join(owners, ",")
	}
	withInit := func(s *Version, a *numbered) string {
		return extend(base(s, a), " init ", func() string { return initOf(s, a) })
	}
	withUses := func(s *Version, a *numbered) string {
		return extend(base(s, a), " uses ", func() string { return useList(s.uses[a.name]) })
	}
	// The levels go from what two variables have in common by chance least to what they do so most: an edit changes an initial value or
	// uses, seldom both, and the owners and the size last.
	switch level {
	case 0:
		return m.pairUnique(func(s *Version, a *numbered) string {
			return extend(withInit(s, a), " uses ", func() string { return useList(s.uses[a.name]) })
		})
	case 1:
		return m.pairAgreeing(withInit, withUses)
	}
	return m.pairUnique(base)
}

// extend adds to a property that is not empty.
func extend(key, word string, more func() string) string {
	if key == "" {
		return ""
	}
	return key + word + more()
}

// joinUnique pairs the names of a group that may be the same as one other only, in both versions.
func (m *search) joinUnique(g *group, may func(p, o *numbered) bool) int {
	pairs, back := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, p := range g.p {
		for _, o := range g.o {
			if may(p, o) {
				add(pairs, p.name, o.name)
				add(back, o.name, p.name)
			}
		}
	}
	return m.joinOnly(pairs, back)
}

// joinOnly pairs names that have each other as their only candidate and returns how many.
func (m *search) joinOnly(pairs, back map[string]map[string]bool) int {
	n := 0
	for _, p := range slices.Sorted(maps.Keys(pairs)) {
		if o := only(pairs[p]); o != "" && only(back[o]) == p {
			m.join(p, o)
			n++
		}
	}
	return n
}

// pairAgreeing joins what one of two properties pairs and the other does not pair otherwise.
func (m *search) pairAgreeing(a, b func(*Version, *numbered) string) int {
	n := 0
	for _, g := range m.groups {
		if g.sourced {
			continue
		}
		pairs := map[string]map[string]bool{}
		back := map[string]map[string]bool{}
		for _, prop := range []func(*Version, *numbered) string{a, b} {
			o, p := index(m.Orig, g.o, prop), index(m.Patched, g.p, prop)
			for key, list := range p {
				if key != "" && len(list) == 1 && len(o[key]) == 1 {
					add(pairs, list[0].name, o[key][0].name)
					add(back, o[key][0].name, list[0].name)
				}
			}
		}
		n += m.joinOnly(pairs, back)
	}
	return n
}

// owners returns the functions and variables that mention a, by source name.
func (s *Version) owners(a *numbered) []string {
	set := map[string]bool{}
	for _, u := range s.uses[a.name] {
		set[u.owner] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func useList(uses []usage) string {
	list := make([]string, len(uses))
	for i, u := range uses {
		list[i] = fmt.Sprint(u.owner, " ", u.op, " ", u.pos)
	}
	sort.Strings(list)
	return strings.Join(list, ";")
}

// sharedOwner pairs variables that share an owner with one single candidate, seen from both versions.
func (m *search) sharedOwner() int {
	n := 0
	for _, g := range m.groups {
		if g.sourced {
			continue
		}
		n += m.joinUnique(g, func(p, o *numbered) bool { return p.b != nil && overlap(m.Patched.owners(p), m.Orig.owners(o)) })
	}
	return n
}

// unused pairs variables nobody mentions that look the same and are the only ones of their name that do.
func (m *search) unused() int {
	return m.pairUnique(func(s *Version, a *numbered) string {
		if a.b == nil || len(s.uses[a.name]) > 0 {
			return ""
		}
		return shape(s, a) + initOf(s, a)
	})
}

func overlap(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// movedClones pairs clones that differ in line numbers only, where that is so of one pair alone.
func (m *search) movedClones() int {
	if m.linesMoved == nil {
		return 0
	}
	m.guess = false
	n := 0
	for _, g := range m.groups {
		n += m.joinUnique(g, func(p, o *numbered) bool { return p.fn != nil && o.fn != nil && m.SameButLines(p.fn, o.fn) })
	}
	return n
}
