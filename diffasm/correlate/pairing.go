package correlate

import (
	"slices"
	"strings"
	"sync"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
)

// pairing says which name of the patched unit is which of the original, as far as that is found out.
type pairing struct {
	Orig, Patched *Version
	Exact         bool                   // the units are the same text: numbers mean the same
	Unproved      []string               // patched names paired by likeness alone
	linesMoved    func(LineChange) bool  // see Known
	namesake      func(name string) bool // see Known
	debug         bool                   // both units have debug information
	pair          map[string]string      // patched name -> original name
	ambiguous     map[string][]string    // patched name -> original candidates
	doubts        map[string]asm.Problem // patched variable that looks new -> why it may not be
	judged        map[string]bool        // patched variables of which the source decided that they are new
	guessed       map[string]bool        // nameless ones among those of Unproved that only edited code uses
	guess         bool                   // joins are made by likeness
	groups        []*group
	byKey         map[string]*group
}

func newPairing(orig, patched *debuginfo.Unit, k Known) *pairing {
	bases := map[string]bool{}
	orig.NumberedNames(bases)
	patched.NumberedNames(bases)
	m := &pairing{
		Orig: newVersion(orig, bases), Patched: newVersion(patched, bases), linesMoved: k.LinesMoved, namesake: k.Namesake,
		pair: map[string]string{}, ambiguous: map[string][]string{}, doubts: map[string]asm.Problem{}, judged: map[string]bool{}, guessed: map[string]bool{},
	}
	m.Orig.c.Dir, m.Patched.c.Dir = buildDirs(orig.Source, patched.Source)
	m.Patched.extern = m.plain
	m.Orig.extern = func(n string) string { return n }
	return m
}

// group holds the open names of both versions that may be the same.
type group struct {
	key        string
	o, p       []*numbered
	allO, allP []*numbered // as o and p were before any was paired
	sourced    bool        // the source tells which is which: likeness is not asked
}

// group gathers the candidates of both versions in file order.
func (m *pairing) group() {
	by := map[string]*group{}
	m.byKey = by
	add := func(s *Version, list func(*group) *[]*numbered) {
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
	add(m.Orig, func(g *group) *[]*numbered { return &g.o })
	add(m.Patched, func(g *group) *[]*numbered { return &g.p })
	for _, g := range m.groups {
		g.allO, g.allP = slices.Clone(g.o), slices.Clone(g.p)
	}
}

// plain is the token of a name of the patched unit that is not numbered.
func (m *pairing) plain(n string) string {
	o, p := m.Orig.Unit, m.Patched.Unit
	switch {
	case p.FunctionByName[n] != nil:
		if o.FunctionByName[n] == nil {
			return "+" + n
		}
	case p.Blocks[n] != nil:
		if b := o.Blocks[n]; b == nil || b.Owner != nil {
			return "+" + n
		}
	case !p.Defines(n) && o.Defines(n) && !o.IsGlobal(n):
		return "extern " + n
	}
	return n
}

// declared pairs static locals that are the only ones of their name in their function, by debug information, where it is
// not known how the source changed.
func (m *pairing) declared() int {
	n := 0
	for _, g := range m.groups {
		if len(g.o) == 1 && len(g.p) == 1 && g.p[0].sure && !g.sourced {
			m.join(g.p[0].name, g.o[0].name)
			n++
		}
	}
	return n
}

// refresh works on both units at once: neither reads what is written for the other.
func (m *pairing) refresh() {
	var wg sync.WaitGroup
	wg.Go(m.Orig.refresh)
	m.Patched.refresh()
	wg.Wait()
}

// join records that p of the patched unit is o of the original.
func (m *pairing) join(p, o string) {
	m.pair[p] = o
	if a := m.Patched.open[p]; a != nil {
		if m.guess || m.weak(a) {
			m.Unproved = append(m.Unproved, p)
		}
		g := m.byKey[a.key]
		g.p = without(g.p, p)
	}
	if a := m.Orig.open[o]; a != nil {
		g := m.byKey[a.key]
		g.o = without(g.o, o)
	}
	m.Patched.token[p] = o
	m.Orig.token[o] = o
	delete(m.Patched.open, p)
	delete(m.Orig.open, o)
}

// weak reports whether what unchanged code shows is no proof for a variable: without debug information, code that looks
// the same may be that of another function, inlined, whose static local has the same name.
func (m *pairing) weak(a *numbered) bool {
	if a.b == nil || m.debug || m.Exact {
		return false
	}
	if m.namesake != nil && m.namesake(asm.SourceName(a.name)) {
		return true
	}
	g := m.byKey[a.key]
	return g != nil && (len(g.allO) > 1 || len(g.allP) > 1)
}

func without(list []*numbered, name string) []*numbered {
	for i, a := range list {
		if a.name == name {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// OrigFunction returns the original's function for one of the patched unit, nil if there is none.
func (m *pairing) OrigFunction(p *asm.Function) *asm.Function {
	if name, ok := m.pair[p.Name]; ok {
		return m.Orig.Unit.FunctionByName[name]
	}
	// An open name may be any of its group, and "+" was decided to be new: one of the same name there is another's.
	if m.Patched.open[p.Name] != nil || strings.HasPrefix(m.Patched.token[p.Name], "+") {
		return nil
	}
	return m.Orig.Unit.FunctionByName[p.Name]
}

// OrigVariable is the same for variables.
func (m *pairing) OrigVariable(p *asm.Block) *asm.Block {
	if name, ok := m.pair[p.Name]; ok {
		return m.Orig.Unit.Blocks[name]
	}
	if m.Patched.open[p.Name] != nil || m.Patched.token[p.Name] != "" || p.Owner != nil || m.Patched.Unit.IsLiteral(p) {
		return nil
	}
	if b := m.Orig.Unit.Blocks[p.Name]; b != nil && b.Owner == nil {
		return b
	}
	return nil
}

// doubtful makes p ambiguous.
func (m *pairing) doubtful(p *numbered, candidates ...string) {
	m.Patched.token[p.name] = "??" + p.name
	m.ambiguous[p.name] = candidates
}

func namesOf(list []*numbered) (names []string) {
	for _, a := range list {
		names = append(names, a.name)
	}
	return names
}
