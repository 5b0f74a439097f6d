package diffasm

import (
	"strings"
	"sync"
)

// group holds the open names of both sides that may be the same.
type group struct {
	key  string
	o, p []*auto
}

// matcher finds out which automatic name of the patched unit is which of the original.
type matcher struct {
	o, p      *side
	pair      map[string]string   // patched name -> original name
	ambiguous map[string][]string // patched name -> original candidates
	groups    []*group
	byKey     map[string]*group
	unproved  []string            // patched names paired by likeness alone
	guess     bool                // joins are made by likeness
	lineOnly  func(p, o *fn) bool // tells clones that differ in line numbers only
}

func newMatcher(orig, patched *File) *matcher {
	numbered := map[string]bool{}
	orig.numberedNames(numbered)
	patched.numberedNames(numbered)
	m := &matcher{o: newSide(orig, numbered), p: newSide(patched, numbered), pair: map[string]string{}, ambiguous: map[string][]string{}}
	m.o.c.dir, m.p.c.dir = buildDirs(orig.Source, patched.Source)
	m.p.extern = m.plain
	m.o.extern = func(n string) string { return n }
	m.refine()
	m.group()
	return m
}

// refine adds the declaring function to the keys of static locals where the debug information of both units knows it for
// every one of that name.
func (m *matcher) refine() {
	if len(m.o.autos) == 0 || len(m.p.autos) == 0 {
		return
	}
	op, pp := m.o.f.places(), m.p.f.places()
	if op == nil || pp == nil {
		return
	}
	unknown := map[string]bool{}
	m.o.eachVar(func(a *auto) { unknown[a.key] = unknown[a.key] || op[a.name].fn == "" })
	m.p.eachVar(func(a *auto) { unknown[a.key] = unknown[a.key] || pp[a.name].fn == "" })
	sure := func(where map[string]place) func(*auto) {
		return func(a *auto) {
			if !unknown[a.key] {
				a.sure, a.key = true, a.key+" in "+where[a.name].fn
			}
		}
	}
	m.o.eachVar(sure(op))
	m.p.eachVar(sure(pp))
}

func (s *side) eachVar(yield func(*auto)) {
	for _, a := range s.autos {
		if a.b != nil {
			yield(a)
		}
	}
}

// declared pairs static locals that are the only ones of their name in their function, by debug information.
func (m *matcher) declared() int {
	n := 0
	for _, g := range m.groups {
		if len(g.o) == 1 && len(g.p) == 1 && g.p[0].sure {
			m.join(g.p[0].name, g.o[0].name)
			n++
		}
	}
	return n
}

// plain is the token of a name of the patched unit that is not automatic.
func (m *matcher) plain(n string) string {
	o, p := m.o.f, m.p.f
	switch {
	case p.fnByName[n] != nil:
		if o.fnByName[n] == nil {
			return "+" + n
		}
	case p.blocks[n] != nil:
		if b := o.blocks[n]; b == nil || b.owner != nil {
			return "+" + n
		}
	case !p.defines(n) && o.defines(n) && !o.isGlobal(n):
		return "extern " + n
	}
	return n
}

// group gathers the candidates of both sides in file order.
func (m *matcher) group() {
	by := map[string]*group{}
	m.byKey = by
	add := func(s *side, list func(*group) *[]*auto) {
		for _, a := range s.inOrder() {
			g := by[a.key]
			if g == nil {
				g = &group{key: a.key}
				by[a.key] = g
				m.groups = append(m.groups, g)
			}
			l := list(g)
			*l = append(*l, a)
		}
	}
	add(m.o, func(g *group) *[]*auto { return &g.o })
	add(m.p, func(g *group) *[]*auto { return &g.p })
}

// run pairs what evidence allows, strongest first, until nothing moves; then settles the rest.
func (m *matcher) run() {
	levels := []func() int{
		m.declared,
		m.equalClones,
		func() int { return m.votes(true) },
		m.equalClonesInOrder,
		func() int { return m.votes(false) },
		func() int { return m.sameProperties(0) },
		func() int { return m.sameProperties(1) },
		func() int { return m.sameProperties(2) },
		m.sharedOwner,
		m.unused,
		m.movedClones,
	}
	const proofs = 5 // levels before this one prove what they pair
	m.refresh()
	for i := 0; i < len(levels); {
		m.guess = i >= proofs
		if levels[i]() == 0 {
			i++
			continue
		}
		m.refresh()
		i = 0
	}
	m.settle()
	m.refresh()
}

// refresh works on both units at once: neither reads what is written for the other.
func (m *matcher) refresh() {
	var wg sync.WaitGroup
	wg.Go(m.o.refresh)
	m.p.refresh()
	wg.Wait()
}

// join records that p of the patched unit is o of the original.
func (m *matcher) join(p, o string) {
	m.pair[p] = o
	if a := m.p.autos[p]; a != nil {
		if m.guess && !a.sure {
			m.unproved = append(m.unproved, p)
		}
		g := m.byKey[a.key]
		g.p = without(g.p, p)
	}
	if a := m.o.autos[o]; a != nil {
		g := m.byKey[a.key]
		g.o = without(g.o, o)
	}
	m.p.token[p] = o
	m.o.token[o] = o
	delete(m.p.autos, p)
	delete(m.o.autos, o)
}

func without(list []*auto, name string) []*auto {
	for i, a := range list {
		if a.name == name {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// origFunc returns the original's function for one of the patched unit, nil if there is none.
func (m *matcher) origFunc(p *fn) *fn {
	if name, ok := m.pair[p.name]; ok {
		return m.o.f.fnByName[name]
	}
	if m.p.autos[p.name] != nil || strings.HasPrefix(m.p.token[p.name], "+") {
		return nil
	}
	return m.o.f.fnByName[p.name]
}

// origVar is the same for variables.
func (m *matcher) origVar(p *block) *block {
	if name, ok := m.pair[p.name]; ok {
		return m.o.f.blocks[name]
	}
	if m.p.autos[p.name] != nil || m.p.token[p.name] != "" || p.owner != nil || m.p.f.isLiteral(p) {
		return nil
	}
	if b := m.o.f.blocks[p.name]; b != nil && b.owner == nil {
		return b
	}
	return nil
}

// settle decides the names that stayed open: new where the original has no candidate left, else ambiguous. A clone
// without partner is new: every caller of it is changed, or its text would have paired it.
func (m *matcher) settle() {
	for _, g := range m.groups {
		for _, p := range g.p {
			if p.fn == nil && len(g.o) > 0 {
				m.p.token[p.name] = "??" + p.name
				for _, o := range g.o {
					m.ambiguous[p.name] = append(m.ambiguous[p.name], o.name)
				}
			} else {
				m.p.token[p.name] = "+" + p.name
			}
		}
		for _, o := range g.o {
			m.o.token[o.name] = "-" + o.name
		}
	}
}

// crossCheck makes every name ambiguous that the restored unit pairs otherwise.
func (m *matcher) crossCheck(r *matcher) {
	for p, o := range m.pair {
		if other, ok := r.pair[p]; ok && other != o && m.p.f.blocks[p] != nil {
			m.ambiguous[p] = []string{min(o, other), max(o, other)}
		}
	}
}
