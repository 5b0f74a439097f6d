package correlate

import (
	"slices"

	"gocare/diffasm/debuginfo"
)

// This file pairs static variables that the source patch gives another name, or moves between a function and file level, where every line
// that uses one shows it, and those that move to another function with their block.

// pairRenamedVariables pairs the variables of which the source shows that one took the other's place.
func (m *sourceMatcher) pairRenamedVariables() {
	if m.od == nil || m.Exact {
		return
	}
	of, to := map[*debuginfo.Declaration][]*debuginfo.Declaration{}, map[*debuginfo.Declaration]int{}
	for _, p := range m.pd.All {
		if !m.mayBeNew(m.Patched, m.Orig, p) {
			continue
		}
		for _, o := range m.od.All {
			if m.mayBeNew(m.Orig, m.Patched, o) && (m.sameVariable(o, p) || m.movedWithBlock(o, p)) {
				of[p] = append(of[p], o)
				to[o]++
			}
		}
	}
	for _, p := range m.pd.All {
		if list := of[p]; len(list) == 1 && to[list[0]] == 1 {
			m.join(p.Symbol, list[0].Symbol)
			m.settled[p], m.settled[list[0]] = true, true
		}
	}
}

// RenamedVariables lists the symbols of variables of the patched unit that were paired so.
func (m *declarations) RenamedVariables() (symbols []string) {
	if m.pd == nil {
		return nil
	}
	for _, p := range m.pd.All {
		if m.settled[p] {
			symbols = append(symbols, p.Symbol)
		}
	}
	return symbols
}

// mayBeNew reports whether a declaration is that of a private variable as a whole which is not paired by its name, in a source that changed.
func (m *declarations) mayBeNew(s, other *Version, d *debuginfo.Declaration) bool {
	source := m.source(d)
	if d.Symbol == "" || d.Whole != nil || d.Elsewhere || d.How != "" || s.Unit.IsGlobal(d.Symbol) || s.Unit.Blocks[d.Symbol] == nil ||
		source == nil || source.Unchanged || m.stems[d] != "" {
		return false
	}
	return s.open[d.Symbol] != nil || d.Function == "" && s.token[d.Symbol] == "" && !other.Unit.Defines(d.Symbol)
}

// sameVariable reports whether a variable is one of the original under another name, or at another level: both are declared in the same
// words, and the lines that use one are those that used the other.
func (m *declarations) sameVariable(o, p *debuginfo.Declaration) bool {
	s := m.source(p)
	local := o.Function != "" && p.Function != ""
	switch {
	case o.File != p.File || o.Name == p.Name && (o.Function == "") == (p.Function == ""):
		return false
	case local && o.Function != m.oldName(p.Function):
		return false
	case (o.Function == "") == (p.Function == "") && !s.sameEdit(o.Line, p.Line):
		return false
	}
	before, after, name := newSourceText(s.Before), newSourceText(s.After), map[string]string{o.Name: p.Name}
	was, known := before.uses(m.od, o, s.Before)
	is, knownToo := after.uses(m.pd, p, s.After)
	if !known || !knownToo || len(was) == 0 || len(was) != len(is) ||
		spaced(replaceWords(before.line(o.Line), name)) != spaced(after.line(p.Line)) {
		return false
	}
	for i := range was {
		stays := s.old(is[i]) == was[i] || s.sameEdit(was[i], is[i])
		if !stays || spaced(replaceWords(before.line(was[i]), name)) != spaced(after.line(is[i])) {
			return false
		}
	}
	// Neither version has the other's name where this one is known, nor did one of that name come from elsewhere or go there.
	return o.Name == p.Name || !before.says(o, p.Name, s.Before) && !after.says(p, o.Name, s.After) &&
		m.isOneMore(o, p, p.Name, 1) && m.isOneMore(o, p, o.Name, -1)
}

// movedWithBlock reports whether a static local came from another function with the block that it is in, word for word: both functions
// are in both versions, no other block has these words, and no other variable of the name came or went.
func (m *declarations) movedWithBlock(o, p *debuginfo.Declaration) bool {
	s := m.source(p)
	if o.Name != p.Name || o.File != p.File || o.Function == p.Function || s.old(p.Line) > 0 || s.kept(o.Line) {
		return false
	}
	for _, fn := range []string{o.Function, p.Function} {
		if fn == "" || !m.od.Functions[fn] || !m.pd.Functions[fn] {
			return false
		}
	}
	was, is := count(m.od, o.Name), count(m.pd, o.Name)
	if was.all != is.all || was.at[o.Function]-is.at[o.Function] != 1 || is.at[p.Function]-was.at[p.Function] != 1 {
		return false
	}
	_, _, sure := scopeLines(o, s.Before)
	_, _, sureToo := scopeLines(p, s.After)
	text := m.textAfter(p)
	alike := func(list []*debuginfo.Declaration, textOf func(*debuginfo.Declaration) string) (n int) {
		for _, e := range list {
			if e.Name == p.Name && e.Whole == nil && textOf(e) == text {
				n++
			}
		}
		return n
	}
	return sure && sureToo && text != "" && text == m.textBefore(o) && alike(m.od.All, m.textBefore) == 1 && alike(m.pd.All, m.textAfter) == 1
}

// isOneMore reports whether the unit has one variable more of a name than the original, or one less, and the function or the file level
// that the other one is at is where it came or went: no other of the name did.
func (m *declarations) isOneMore(o, p *debuginfo.Declaration, name string, more int) bool {
	was, is := count(m.od, name), count(m.pd, name)
	if (o.Function == "") == (p.Function == "") {
		return is.all-was.all == more && is.at[p.Function]-was.at[o.Function] == more
	}
	at, other := p.Function, o.Function
	if more < 0 {
		at, other = o.Function, p.Function
	}
	return is.all-was.all == more && is.at[at]-was.at[at] == more && is.at[other] == was.at[other]
}

// counted says how many variables of a name there are.
type counted struct {
	all int
	at  map[string]int // in a function; "" is the file level
}

func count(ds *debuginfo.Declarations, name string) counted {
	c := counted{at: map[string]int{}}
	for _, e := range ds.All {
		if e.Name == name && e.Whole == nil {
			c.all++
			c.at[e.Function]++
		}
	}
	return c
}

func (t *sourceText) line(n int) string { return lineOf(t.code, n) }

// uses lists the lines that name a variable besides its declaration, without those where a local one of its name is meant.
func (t *sourceText) uses(ds *debuginfo.Declarations, d *debuginfo.Declaration, text []string) (list []int, known bool) {
	first, last, known := scopeLines(d, text)
	for _, n := range t.mentions(d.Name) {
		if n == d.Line || n < first || n > last {
			continue
		}
		hidden := slices.ContainsFunc(ds.All, func(e *debuginfo.Declaration) bool {
			if e == d || e.Name != d.Name || e.Function == "" || e.File != d.File || d.Function != "" && e.Line < d.Line {
				return false
			}
			from, to, sure := scopeLines(e, text)
			known = known && sure
			return from <= n && n <= to
		})
		if !hidden {
			list = append(list, n)
		}
	}
	return list, known && mentions(t.line(d.Line), d.Name) == 1
}

// says reports whether a name stands in the block of a local variable.
func (t *sourceText) says(d *debuginfo.Declaration, name string, text []string) bool {
	first, last, _ := scopeLines(d, text)
	return d.Function != "" && slices.ContainsFunc(t.mentions(name), func(n int) bool { return first <= n && n <= last })
}

// scopeLines returns the lines of the block that a variable is known in, all of the source for one at file level.
func scopeLines(d *debuginfo.Declaration, text []string) (first, last int, sure bool) {
	if d.Function == "" {
		return 1, len(text), true
	}
	last, sure = endOfScope(d, text)
	return d.Line, last, sure
}
