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
