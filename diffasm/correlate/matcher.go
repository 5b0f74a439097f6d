package correlate

import (
	"slices"
	"strings"
	"sync"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
)

// group holds the open names of both versions that may be the same.
type group struct {
	key        string
	o, p       []*numbered
	allO, allP []*numbered // as o and p were before any was paired
	sourced    bool        // the source tells which is which: likeness is not asked
}

// Matcher finds out which numbered name of the patched unit is which of the original.
type Matcher struct {
	Orig, Patched *Version
	Known
	renamed     map[string]string                 // function of the patched unit -> its name in the original, if it has another
	od, pd      *debuginfo.Declarations           // nil unless both units have debug information
	stems       map[*debuginfo.Declaration]string // variables with names that macros made -> what of the name says which one it is
	pair        map[string]string                 // patched name -> original name
	ambiguous   map[string][]string               // patched name -> original candidates
	doubts      map[string]asm.Problem            // patched variable that looks new -> why it may not be
	settled     map[*debuginfo.Declaration]bool   // variables that were paired under two names
	judged      map[string]bool                   // patched variables of which the source decided that they are new
	groups      []*group
	byKey       map[string]*group
	Unproved    []string                // patched names paired by likeness alone
	forStatic   map[*string][]string    // first line of a source -> words that make a variable static
	sourcesRead map[*string]*readSource // first line of a source -> what is read of it
	guessed     map[string]bool         // nameless ones among them that only edited code uses
	guess       bool                    // joins are made by likeness
	Exact       bool                    // the units are the same text: numbers mean the same
}

func newMatcher(orig, patched *debuginfo.Unit, k Known) *Matcher {
	bases := map[string]bool{}
	orig.NumberedNames(bases)
	patched.NumberedNames(bases)
	m := &Matcher{
		Orig: newVersion(orig, bases), Patched: newVersion(patched, bases), Known: k,
		pair: map[string]string{}, ambiguous: map[string][]string{}, doubts: map[string]asm.Problem{}, judged: map[string]bool{},
		stems: map[*debuginfo.Declaration]string{}, guessed: map[string]bool{}, forStatic: map[*string][]string{}, sourcesRead: map[*string]*readSource{}, settled: map[*debuginfo.Declaration]bool{},
	}
	m.Orig.c.Dir, m.Patched.c.Dir = buildDirs(orig.Source, patched.Source)
	m.Patched.extern = m.plain
	m.Orig.extern = func(n string) string { return n }
	m.refine()
	m.group()
	if m.Exact = orig.Text == patched.Text; m.Exact {
		for name := range m.Patched.open {
			m.join(name, name)
		}
	}
	return m
}

// refine adds the declaring function to the keys of static locals where the debug information of both units knows it for
// every one of that name.
func (m *Matcher) refine() {
	m.od, m.pd = m.Orig.Unit.Declarations(), m.Patched.Unit.Declarations()
	if m.od == nil || m.pd == nil {
		m.od, m.pd = nil, nil
		return
	}
	// Names that macros made come first: functions that have them are renamed, and static locals are told apart by their function.
	m.stem(m.od, func(s *SourceFile) []string { return s.Before })
	m.stem(m.pd, func(s *SourceFile) []string { return s.After })
	m.renamed = m.renamedFunctions()
	for p, o := range m.macroFunctions() {
		m.renamed[p] = o
	}
	for p, o := range m.renamedInSource() {
		if m.renamed[p] == "" || m.renamed[p] == o {
			m.renamed[p] = o
			m.join(p, o)
		}
	}
	unknown := map[string]bool{}
	look := func(d *debuginfo.Declarations) func(*numbered) {
		return func(a *numbered) {
			if a.decl = d.BySymbol[a.name]; a.decl == nil || a.decl.Function == "" && !a.isAtFileLevel(m.Orig.Unit.Clang) {
				unknown[a.key] = true
			} else if stem := m.stems[a.decl]; stem != "" {
				a.key = "v " + stem + asm.NumberedKind
			}
		}
	}
	m.Orig.eachVar(look(m.od))
	m.Patched.eachVar(look(m.pd))
	sure := func(rename map[string]string) func(*numbered) {
		return func(a *numbered) {
			if unknown[a.key] {
				return
			}
			fn := a.decl.Function
			if old := rename[fn]; old != "" {
				fn = old
			}
			a.sure, a.key = true, a.key+" in "+fn
		}
	}
	m.Orig.eachVar(sure(nil))
	m.Patched.eachVar(sure(m.renamed))
}

// isAtFileLevel reports whether a numbered variable is one at file level as a whole: LLVM calls what it makes of a structure of one
// member s.0. There is one of its name.
func (a *numbered) isAtFileLevel(clang bool) bool {
	return clang && a.decl.Name == asm.SourceName(a.name)
}

func (s *Version) vars() (list []*numbered) {
	for _, a := range s.open {
		if a.b != nil {
			list = append(list, a)
		}
	}
	return list
}

func (s *Version) eachVar(yield func(*numbered)) {
	for _, a := range s.vars() {
		yield(a)
	}
}

// declared pairs static locals that are the only ones of their name in their function, by debug information, where it is
// not known how the source changed.
func (m *Matcher) declared() int {
	n := 0
	for _, g := range m.groups {
		if len(g.o) == 1 && len(g.p) == 1 && g.p[0].sure && !g.sourced {
			m.join(g.p[0].name, g.o[0].name)
			n++
		}
	}
	return n
}

// plain is the token of a name of the patched unit that is not numbered.
func (m *Matcher) plain(n string) string {
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

// group gathers the candidates of both versions in file order.
func (m *Matcher) group() {
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

// run pairs what evidence allows, strongest first, until nothing moves; then settles the rest.
func (m *Matcher) run() {
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
	// Each pair makes more texts equal, which is evidence of the strongest kind: after any, the search starts again at the top, so that
	// likeness decides only what nothing better ever will. It ends since every round settles a name.
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
	m.pairRenamed()
}

// refresh works on both units at once: neither reads what is written for the other.
func (m *Matcher) refresh() {
	var wg sync.WaitGroup
	wg.Go(m.Orig.refresh)
	m.Patched.refresh()
	wg.Wait()
}

// join records that p of the patched unit is o of the original.
func (m *Matcher) join(p, o string) {
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
func (m *Matcher) weak(a *numbered) bool {
	if a.b == nil || m.od != nil || m.Exact {
		return false
	}
	if m.Namesake != nil && m.Namesake(asm.SourceName(a.name)) {
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
func (m *Matcher) OrigFunction(p *asm.Function) *asm.Function {
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
func (m *Matcher) OrigVariable(p *asm.Block) *asm.Block {
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

// settle decides the names that stayed open: new where the original has no candidate left, else ambiguous. A clone
// without partner is new: every caller of it is changed, or its text would have paired it. A constant is carried anew.
func (m *Matcher) settle() {
	for _, g := range m.groups {
		for _, p := range g.p {
			m.Patched.token[p.name] = "+" + p.name // never equal to a token of the original
			switch {
			case p.fn != nil || p.b.Section.Class == asm.ReadOnly && !asm.IsNameless(p.name):
			case !g.sourced && len(g.o) > 0:
				m.doubtful(p, namesOf(g.o)...)
			case g.sourced:
				m.settleSourced(p)
			}
		}
		for _, o := range g.o {
			m.Orig.token[o.name] = "-" + o.name
		}
	}
}

// settleSourced decides about a static local of which the source is known.
func (m *Matcher) settleSourced(p *numbered) {
	var open []string
	for _, o := range p.perhaps {
		if m.Orig.open[o.Symbol] != nil {
			open = append(open, o.Symbol)
		}
	}
	if len(open) > 0 {
		m.doubtful(p, open...)
		return
	}
	m.judged[p.name] = true
	m.doubtNew(p)
}

// doubtful makes p ambiguous.
func (m *Matcher) doubtful(p *numbered, candidates ...string) {
	m.Patched.token[p.name] = "??" + p.name
	m.ambiguous[p.name] = candidates
}

func namesOf(list []*numbered) (names []string) {
	for _, a := range list {
		names = append(names, a.name)
	}
	return names
}

// crossCheck makes every name ambiguous that the restored unit pairs otherwise.
func (m *Matcher) crossCheck(r *Matcher) {
	// The restored unit is another compile of the same code: where its evidence leads elsewhere, one of the two is wrong, and which is
	// not known. Names that macros made of lines are no names of the same thing in both.
	for p, o := range m.pair {
		if other, ok := r.pair[p]; ok && other != o && m.Patched.Unit.Blocks[p] != nil && !m.hasMacroName(p) {
			m.ambiguous[p] = []string{min(o, other), max(o, other)}
		}
	}
}
