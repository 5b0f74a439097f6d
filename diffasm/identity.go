package diffasm

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"strings"
)

// side is one of the two units being matched, with what is known about its automatic names.
type side struct {
	f      *File
	c      *canon
	token  map[string]string // canonical tokens of the names that are settled
	autos  map[string]*auto  // automatic names still open
	refs   []autoRef         // open automatic names of the text written last, in order
	texts  []text            // by fn.index
	inits  map[*block]*text
	uses   map[string][]autoUse // open automatic name -> its uses
	extern func(name string) string
}

// auto is a static local or a clone whose number means nothing.
type auto struct {
	name string
	key  string
	sure bool   // the key has the declaring function
	fn   *fn    // for a clone
	b    *block // for a variable
}

// autoRef is a use of an open automatic name in a text.
type autoRef struct {
	name, op string
	pos      int
}

// autoUse is the same seen from the name.
type autoUse struct {
	owner, op string
	pos       int
}

// text is the signature of a function or of an initialiser.
type text struct {
	hash [sha256.Size]byte
	refs []autoRef
	done bool
	deep bool
}

func newSide(f *File) *side {
	s := &side{f: f, token: map[string]string{}, autos: map[string]*auto{}, inits: map[*block]*text{}}
	s.c = newCanon(f, s.name)
	s.texts = make([]text, len(f.funcs))
	for _, fn := range f.funcs {
		if a, ok := splitAuto(fn.name); ok && !f.isGlobal(fn.name) {
			s.autos[fn.name] = &auto{name: fn.name, key: "f " + a.key(), fn: fn}
		}
	}
	for _, b := range f.vars {
		a, ok := splitAuto(b.name)
		if ok && b.owner == nil && !f.isLiteral(b) && !f.isGlobal(b.name) {
			s.autos[b.name] = &auto{name: b.name, key: "v " + a.key(), b: b}
		}
		s.inits[b] = &text{}
	}
	return s
}

// name gives a symbol its canonical token and notes the open ones.
func (s *side) name(n string) string {
	if t, ok := s.token[n]; ok {
		return t
	}
	if a := s.autos[n]; a != nil {
		s.refs = append(s.refs, autoRef{n, s.c.op, s.c.pos})
		return "?" + a.key
	}
	if s.extern != nil {
		return s.extern(n)
	}
	return n
}

// refresh writes the texts that mention open names again.
func (s *side) refresh() {
	s.uses = map[string][]autoUse{}
	for i, fn := range s.f.funcs {
		t := &s.texts[i]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = s.c.hash(fn), true
			t.refs, t.deep = s.refs, s.c.deep
		}
		s.use(sourceName(fn.name), t.refs)
	}
	for _, b := range s.f.vars {
		t := s.inits[b]
		if !t.done || len(t.refs) > 0 {
			s.refs = nil
			t.hash, t.done = sha256.Sum256([]byte(s.c.data(b))), true
			t.refs, t.deep = s.refs, s.c.deep
		}
		s.use("data "+sourceName(b.name), t.refs)
	}
}

func (s *side) use(owner string, refs []autoRef) {
	for _, r := range refs {
		s.uses[r.name] = append(s.uses[r.name], autoUse{owner, r.op, r.pos})
	}
}

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
	unproved  []string // patched names paired by likeness alone
	guess     bool     // joins are made by likeness
}

func newMatcher(orig, patched *File) *matcher {
	m := &matcher{o: newSide(orig), p: newSide(patched), pair: map[string]string{}, ambiguous: map[string][]string{}}
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

// inOrder returns the automatic names in file order.
func (s *side) inOrder() (list []*auto) {
	for _, fn := range s.f.funcs {
		if a := s.autos[fn.name]; a != nil && a.fn == fn {
			list = append(list, a)
		}
	}
	for _, b := range s.f.vars {
		if a := s.autos[b.name]; a != nil && a.b == b {
			list = append(list, a)
		}
	}
	return list
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

func (m *matcher) refresh() {
	m.o.refresh()
	m.p.refresh()
}

// join records that p of the patched unit is o of the original.
func (m *matcher) join(p, o string) {
	m.pair[p] = o
	if a := m.p.autos[p]; m.guess && a != nil && !a.sure {
		m.unproved = append(m.unproved, p)
	}
	m.p.token[p] = o
	m.o.token[o] = o
	delete(m.p.autos, p)
	delete(m.o.autos, o)
	for _, g := range m.groups {
		g.o, g.p = without(g.o, o), without(g.p, p)
	}
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

// pairUnique joins the members of each group whose property is found exactly once on both sides; an empty property never
// counts.
func (m *matcher) pairUnique(property func(*side, *auto) string) int {
	n := 0
	for _, g := range m.groups {
		if len(g.o) == 0 || len(g.p) == 0 {
			continue
		}
		o, p := index(m.o, g.o, property), index(m.p, g.p, property)
		for _, a := range append([]*auto(nil), g.p...) {
			key := property(m.p, a)
			if key != "" && len(o[key]) == 1 && len(p[key]) == 1 {
				m.join(a.name, o[key][0].name)
				n++
			}
		}
	}
	return n
}

func index(s *side, list []*auto, property func(*side, *auto) string) map[string][]*auto {
	by := map[string][]*auto{}
	for _, a := range list {
		key := property(s, a)
		by[key] = append(by[key], a)
	}
	return by
}

// equalClones pairs clones whose text is equal and unique.
func (m *matcher) equalClones() int {
	return m.pairUnique(func(s *side, a *auto) string {
		if a.fn == nil {
			return ""
		}
		h := s.texts[a.fn.index].hash
		return string(h[:])
	})
}

// equalClonesInOrder pairs clones of equal text when there are as many of them on both sides: they do the same.
func (m *matcher) equalClonesInOrder() int {
	n := 0
	prop := func(s *side, a *auto) string {
		if a.fn == nil || len(s.texts[a.fn.index].refs) > 0 {
			return ""
		}
		h := s.texts[a.fn.index].hash
		return string(h[:])
	}
	for _, g := range m.groups {
		o, p := index(m.o, g.o, prop), index(m.p, g.p, prop)
		for _, a := range append([]*auto(nil), g.p...) {
			key := prop(m.p, a)
			if key == "" || len(o[key]) != len(p[key]) {
				continue
			}
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
func (m *matcher) votes(strict bool) int {
	forP, forO := map[string]map[string]bool{}, map[string]map[string]bool{}
	vote := func(p, o *text) {
		if p.hash != o.hash || len(p.refs) != len(o.refs) {
			return
		}
		for i, r := range p.refs {
			add(forP, r.name, o.refs[i].name)
			add(forO, o.refs[i].name, r.name)
		}
	}
	for _, fn := range m.p.f.funcs {
		if o := m.origFunc(fn); o != nil {
			vote(&m.p.texts[fn.index], &m.o.texts[o.index])
		}
	}
	for _, b := range m.p.f.vars {
		if o := m.origVar(b); o != nil {
			vote(m.p.inits[b], m.o.inits[o])
		}
	}
	n := 0
	for _, p := range sortedKeys(forP) {
		o := only(forP[p])
		if o == "" || only(forO[o]) != p || strict && !m.alike(p, o) {
			continue
		}
		m.join(p, o)
		n++
	}
	return n
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

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// alike reports whether two open variables have the same section, size, alignment and initialiser.
func (m *matcher) alike(p, o string) bool {
	pa, oa := m.p.autos[p], m.o.autos[o]
	if pa == nil || oa == nil {
		return false
	}
	return pa.b == nil || shape(m.p, pa)+initOf(m.p, pa) == shape(m.o, oa)+initOf(m.o, oa)
}

func shape(s *side, a *auto) string {
	return fmt.Sprint(a.b.sec.class, " ", s.f.size(a.b), " ", a.b.align, " ")
}

func initOf(s *side, a *auto) string {
	h := s.inits[a.b].hash
	return string(h[:])
}

// sameProperties pairs variables by owners, section, size and alignment together with initialiser and uses (level 0),
// with one of the two where the other does not say otherwise (level 1), and alone (level 2).
func (m *matcher) sameProperties(level int) int {
	base := func(s *side, a *auto) string {
		owners := s.owners(a)
		if a.b == nil || len(owners) == 0 {
			return ""
		}
		return shape(s, a) + strings.Join(owners, ",")
	}
	withInit := func(s *side, a *auto) string {
		return extend(base(s, a), " init ", func() string { return initOf(s, a) })
	}
	withUses := func(s *side, a *auto) string {
		return extend(base(s, a), " uses ", func() string { return useList(s.uses[a.name]) })
	}
	switch level {
	case 0:
		return m.pairUnique(func(s *side, a *auto) string {
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

// pairAgreeing joins what one of two properties pairs and the other does not pair otherwise.
func (m *matcher) pairAgreeing(a, b func(*side, *auto) string) int {
	n := 0
	for _, g := range m.groups {
		pairs := map[string]map[string]bool{}
		back := map[string]map[string]bool{}
		for _, prop := range []func(*side, *auto) string{a, b} {
			o, p := index(m.o, g.o, prop), index(m.p, g.p, prop)
			for key, list := range p {
				if key != "" && len(list) == 1 && len(o[key]) == 1 {
					add(pairs, list[0].name, o[key][0].name)
					add(back, o[key][0].name, list[0].name)
				}
			}
		}
		for _, p := range sortedKeys(pairs) {
			if o := only(pairs[p]); o != "" && only(back[o]) == p {
				m.join(p, o)
				n++
			}
		}
	}
	return n
}

// owners returns the functions and variables that mention a, by source name.
func (s *side) owners(a *auto) []string {
	set := map[string]bool{}
	for _, u := range s.uses[a.name] {
		set[u.owner] = true
	}
	return sortedKeys(set)
}

func useList(uses []autoUse) string {
	list := make([]string, len(uses))
	for i, u := range uses {
		list[i] = fmt.Sprint(u.owner, " ", u.op, " ", u.pos)
	}
	sort.Strings(list)
	return strings.Join(list, ";")
}

// sharedOwner pairs variables that share an owner with one single candidate, seen from both sides.
func (m *matcher) sharedOwner() int {
	n := 0
	for _, g := range m.groups {
		forP, forO := map[string]map[string]bool{}, map[string]map[string]bool{}
		for _, p := range g.p {
			for _, o := range g.o {
				if p.b != nil && overlap(m.p.owners(p), m.o.owners(o)) {
					add(forP, p.name, o.name)
					add(forO, o.name, p.name)
				}
			}
		}
		for _, p := range sortedKeys(forP) {
			if o := only(forP[p]); o != "" && only(forO[o]) == p {
				m.join(p, o)
				n++
			}
		}
	}
	return n
}

// unused pairs variables nobody mentions that look the same and are the only ones of their name that do.
func (m *matcher) unused() int {
	return m.pairUnique(func(s *side, a *auto) string {
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

// size returns the bytes of a variable as .size or .comm give it.
func (f *File) size(b *block) string {
	if s := f.symbols[b.name]; s != nil && s.size != "" {
		return normalNumber(s.size)
	}
	return ""
}
