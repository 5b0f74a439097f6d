package correlate

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
)

// Known is what is known besides the units.
type Known struct {
	Sources    func(file string) *SourceFile // how source files changed; nil where nothing is known
	LinesMoved func(LineChange) bool         // decides whether numbers differ because lines moved; may be nil
	// Text returns the lines of a source that the source patch leaves alone, nil where they are not known.
	Text func(file string) []string
	// ValueChanges reports whether an edit may give an expression another value, though its words are the same; may be nil.
	ValueChanges func(expression string) bool
	// CallsEdited reports whether an expression calls a function that was edited, or has such a macro in it; may be nil.
	CallsEdited func(expression string) bool
	Unstored    func() *Unstored // may be nil
	// Namesake reports whether private functions and variables of several sources may have a name: it says nothing then. It is nil for
	// a unit of one source.
	Namesake func(name string) bool
}

// Correlate finds out which numbered symbol of the patched unit is which of the original. The restored unit, which may be nil, is
// the patched source with the original line numbers: it is closest to the original, so that what it shows counts where its names
// surely are those of the patched unit. Its own matcher is nil without one.
func Correlate(orig, patched, restored *debuginfo.Unit, k Known) (m, r *Matcher) {
	m = newMatcher(orig, patched, k)
	m.bySource()
	if restored == nil {
		m.run()
		return m, nil
	}
	r = newMatcher(orig, restored, Known{})
	r.borrow(m.pairing)
	r.run()
	m.declared() // what the restored unit guesses is no match for it
	m.adopt(r.pairing)
	m.run()
	m.crossCheck(r.pairing)
	return m, r
}

// DebugKnown reports whether the debug information of both units told static locals apart.
func (m *declarations) DebugKnown() bool { return m.od != nil }

// OrigDeclaration returns the declaration of a variable of the original by its symbol, nil if DebugKnown is false or there is none.
func (m *declarations) OrigDeclaration(sym string) *debuginfo.Declaration {
	if m.od == nil {
		return nil
	}
	return m.od.BySymbol[sym]
}

// PatchedDeclaration is the same for the patched unit.
func (m *declarations) PatchedDeclaration(sym string) *debuginfo.Declaration {
	if m.pd == nil {
		return nil
	}
	return m.pd.BySymbol[sym]
}

// Candidates returns the names of the original that a name of the patched unit may be; none where it is clear.
func (m *pairing) Candidates(patched string) []string { return m.ambiguous[patched] }

// Namesakes names the variables of the patched unit that may be one of the original.
func (m *pairing) Namesakes(orig string) (names []string) {
	for name, candidates := range m.ambiguous {
		if slices.Contains(candidates, orig) {
			names = append(names, name)
		}
	}
	return names
}

// Doubt returns why a variable of the patched unit that looks new may not be; ok is false if nothing says so.
func (m *pairing) Doubt(patched string) (p asm.Problem, ok bool) {
	p, ok = m.doubts[patched]
	return p, ok
}

// ShownNew reports whether the source shows that a variable of the patched unit is new.
func (m *pairing) ShownNew(patched string) bool { return m.judged[patched] }
