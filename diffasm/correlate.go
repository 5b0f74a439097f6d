package diffasm

// known is what is known besides the units.
type known struct {
	sources    func(file string) *SourceFile // how source files changed; nil where nothing is known
	linesMoved func(LineChange) bool         // decides whether numbers differ because lines moved; may be nil
}

// correlate finds out which numbered symbol of the patched unit is which of the original. The restored unit, which may be nil, is
// the patched source with the original line numbers: it is closest to the original, so that what it shows counts where its names
// surely are those of the patched unit. Its own matcher is nil without one.
func correlate(orig, patched, restored *Unit, k known) (m, r *matcher) {
	m = newMatcher(orig, patched, k)
	m.bySource()
	if restored == nil {
		m.run()
		return m, nil
	}
	r = newMatcher(orig, restored, known{})
	r.borrow(m)
	r.run()
	m.adopt(r)
	m.run()
	m.crossCheck(r)
	return m, r
}

// debugKnown reports whether the debug information of both units told static locals apart.
func (m *matcher) debugKnown() bool { return m.od != nil }

// origDecl returns the declaration of a variable of the original by its symbol, nil if debugKnown is false or there is none.
func (m *matcher) origDecl(sym string) *decl {
	if m.od == nil {
		return nil
	}
	return m.od.bySym[sym]
}

// patchedDecl is the same for the patched unit.
func (m *matcher) patchedDecl(sym string) *decl {
	if m.pd == nil {
		return nil
	}
	return m.pd.bySym[sym]
}

// candidates returns the names of the original that a name of the patched unit may be; none where it is clear.
func (m *matcher) candidates(patched string) []string { return m.ambiguous[patched] }

// doubt returns why a variable of the patched unit that looks new may not be; ok is false if nothing says so.
func (m *matcher) doubt(patched string) (p problem, ok bool) {
	p, ok = m.doubts[patched]
	return p, ok
}

// shownNew reports whether the source shows that a variable of the patched unit is new.
func (m *matcher) shownNew(patched string) bool { return m.judged[patched] }
