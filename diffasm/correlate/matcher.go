package correlate

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
)

// Matcher finds out which numbered name of the patched unit is which of the original.
type Matcher struct {
	*pairing
	*values
	*lookalikes
	*folding
}

func newMatcher(orig, patched *debuginfo.Unit, k Known) *Matcher {
	v := newValues(orig, patched, k)
	p := newPairing(orig, patched, k)
	p.Exact = orig.Text == patched.Text
	p.debug = v.od != nil
	p.pairShown()
	(&sourceMatcher{p, v.declarations}).refine()
	p.group()
	if p.Exact {
		for name := range p.Patched.open {
			p.join(name, name)
		}
	}
	return &Matcher{p, v, &lookalikes{p, v}, &folding{pairing: p, values: v, valueChanges: k.ValueChanges, calls: k.CallsEdited, unstored: k.Unstored}}
}

// bySource pairs what the source shows to be the same.
func (m *Matcher) bySource() { (&sourceMatcher{m.pairing, m.declarations}).bySource() }

// run pairs what the code shows to be the same.
func (m *Matcher) run() { (&search{m.pairing, m.declarations, m.lookalikes}).run() }

// sourceMatcher pairs what the sources show to be the same.
type sourceMatcher struct {
	*pairing
	*declarations
}

// refine adds the declaring function to the keys of static locals where the debug information of both units knows it for
// every one of that name.
func (m *sourceMatcher) refine() {
	if m.od == nil {
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

// crossCheck makes every name ambiguous that the restored unit pairs otherwise.
func (m *Matcher) crossCheck(r *pairing) {
	// The restored unit is another compile of the same code: where its evidence leads elsewhere, one of the two is wrong, and which is
	// not known. Names that macros made of lines are no names of the same thing in both.
	for p, o := range m.pair {
		if other, ok := r.pair[p]; ok && other != o && m.Patched.Unit.Blocks[p] != nil && !m.hasMacroName(p) {
			m.ambiguous[p] = []string{min(o, other), max(o, other)}
		}
	}
}
