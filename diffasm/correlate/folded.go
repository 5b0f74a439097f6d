package correlate

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// This file finds static variables that neither version keeps, since the compiler knew all that is done with them, and to which the source
// patch has other values assigned: the code of each version stands on the values of that version, while the process has what the original
// assigned.

// FoldedInBoth returns the refusals of variables without storage in either unit that the patched source reads and the original one writes,
// where the source patch changes what is written.
func (m *Matcher) FoldedInBoth() (list []asm.Problem) {
	if m.od == nil || m.Exact {
		return nil
	}
	for _, p := range m.pd.All {
		if s := m.source(p); s == nil || s.Unchanged || !folded(p, s.After) {
			continue
		}
		if o := m.wasFolded(p); o != nil && m.writtenOtherwise(o, p) {
			list = append(list, asm.Problem{
				Code: fault.StaticLost, At: asm.Statement{Place: m.otherWrite(o, p)},
				What: fmt.Sprintf("the compiler left the variable %q out of both versions, of which each assigns something else to it: what it would hold is not known", p.Name),
				Hint: "leave what is assigned to the variable as it is; --allow static-lost goes on as if only the patched version had run",
			})
		}
	}
	return list
}

// folded reports whether a declaration is that of a static variable without storage.
func folded(d *debuginfo.Declaration, text []string) bool {
	if d.Symbol != "" || d.Elsewhere || d.Whole != nil || d.Name == "" || d.Line < 1 || d.Line > len(text) {
		return false
	}
	return d.Function == "" || saysStatic(d, text)
}

// saysStatic reports whether the word static stands in a declaration, up to the line of the name.
func saysStatic(d *debuginfo.Declaration, text []string) bool {
	first := d.Line - 1
	for first > 0 && !strings.ContainsAny(text[first-1], ";{}") && d.Line-first < 4 { // a declaration may begin lines before the name
		first--
	}
	return mentions(strings.Join(text[first:d.Line], "\n"), "static") > 0
}

// wasFolded returns the variable of the original without storage that one of the patched unit is or may be: the one of its name where it
// stands, else one of its name that went from elsewhere, else one that stood in its place.
func (m *Matcher) wasFolded(p *debuginfo.Declaration) *debuginfo.Declaration {
	n := m.namesakes(p)
	n.all()
	if o := n.of[p]; o != nil {
		if m.isFolded(o) {
			return o
		}
		return nil
	}
	if i := slices.IndexFunc(n.o, func(o *debuginfo.Declaration) bool { return n.back[o] == nil && m.isFolded(o) }); i >= 0 {
		return n.o[i]
	}
	for _, like := range []func(o, p *debuginfo.Declaration) bool{
		func(o, p *debuginfo.Declaration) bool { return m.id(o) == m.id(p) }, m.stoodInPlace,
	} {
		i := slices.IndexFunc(m.od.All, func(o *debuginfo.Declaration) bool { return m.isFolded(o) && m.isGone(o) && like(o, p) })
		if i >= 0 {
			return m.od.All[i]
		}
	}
	return nil
}

func (m *Matcher) isFolded(o *debuginfo.Declaration) bool {
	s := m.source(o)
	return s != nil && !s.Unchanged && folded(o, s.Before)
}

// isGone reports whether the patched unit declares nothing of the name of a variable where that stood.
func (m *Matcher) isGone(o *debuginfo.Declaration) bool {
	return !slices.ContainsFunc(m.pd.All, func(p *debuginfo.Declaration) bool {
		return m.id(p) == m.id(o) && m.oldName(p.Function) == o.Function
	})
}

// stoodInPlace reports whether one variable stands where another one stood, of which neither name is known to both versions.
func (m *Matcher) stoodInPlace(o, p *debuginfo.Declaration) bool {
	known := slices.ContainsFunc(m.od.All, func(e *debuginfo.Declaration) bool { return m.id(e) == m.id(p) && e.Function == m.oldName(p.Function) })
	return !known && m.oldName(p.Function) == o.Function && o.File == p.File && m.source(p).sameEdit(o.Line, p.Line)
}

// writtenOtherwise reports whether the patched source reads a variable, and what is assigned to it differs from what the original assigns,
// of which something is not its initial value.
func (m *Matcher) writtenOtherwise(o, p *debuginfo.Declaration) bool {
	after := writesOf(m.pd, p, m.source(p).After)
	before := writesOf(m.od, o, m.source(o).Before)
	if !after.read || before.onlyInitial() {
		return false
	}
	m.giveNewNames(&before, o, p)
	return !slices.Equal(sortedSet(before.writes), sortedSet(after.writes)) || before.initial != after.initial
}

// otherWrite returns the place of the first assignment that the original does not have; that of the declaration if there is none.
func (m *Matcher) otherWrite(o, p *debuginfo.Declaration) asm.Position {
	before, after := writesOf(m.od, o, m.source(o).Before), writesOf(m.pd, p, m.source(p).After)
	m.giveNewNames(&before, o, p)
	at := p.At
	if i := slices.IndexFunc(after.writes, func(w string) bool { return !slices.Contains(before.writes, w) }); i >= 0 {
		at.Line = int32(after.lines[i])
	}
	return at
}

// giveNewNames has what the original does with o say the names that its variable and functions have in the patched version.
func (m *Matcher) giveNewNames(a *assignments, o, p *debuginfo.Declaration) {
	code, variable := m.newNamesOfCode(o.File, m.source(o)), map[string]string{o.Name: p.Name}
	for i, w := range a.writes {
		a.writes[i] = code.rename(replaceWords(w, variable))
	}
	a.initial = code.rename(replaceWords(a.initial, variable))
}

func sortedSet(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
