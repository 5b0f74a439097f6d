package correlate

import (
	"slices"

	"gocare/diffasm/debuginfo"
)

// This file tells static locals apart by their source: where each is declared and used, and what the source patch does to
// these lines.

// sources says how the source files of a unit changed.
type sources struct {
	changed   func(file string) *SourceFile // see Known.Sources
	forStatic map[*string][]string          // first line of a source -> words that make a variable static
}

// source returns how the file of a declaration changed, nil if that is not known.
func (m *sources) source(d *debuginfo.Declaration) *SourceFile {
	if m.changed == nil || d == nil || d.Line == 0 {
		return nil
	}
	return m.changed(d.File)
}

// onLine returns the declaration of the original on the line that the one of the patched unit stands on, nil if the patch
// wrote the line, or if one macro makes several.
func (m *declarations) onLine(p *debuginfo.Declaration, among []*debuginfo.Declaration) (found *debuginfo.Declaration) {
	s := m.source(p)
	if s == nil || s.old(p.Line) == 0 {
		return nil
	}
	for _, o := range among {
		if m.id(o) == m.id(p) && o.File == p.File && o.Line == s.old(p.Line) && o.Column == p.Column {
			if found != nil {
				return nil
			}
			found = o
		}
	}
	return found
}

// renamedFunctions returns the original name of functions that have another one now: their static locals stand on lines
// that the patch left alone, in a function that is gone.
func (m *declarations) renamedFunctions() map[string]string {
	to, from := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, p := range m.pd.All {
		if p.Symbol == "" || p.Function == "" || m.od.Functions[p.Function] {
			continue
		}
		// A function that is there under both names was not renamed; its line moved to another.
		if o := m.onLine(p, m.od.All); o != nil && o.Function != "" && o.Function != debuginfo.UnknownFunction && !m.pd.Functions[o.Function] {
			add(to, p.Function, o.Function)
			add(from, o.Function, p.Function)
		}
	}
	names := map[string]string{}
	for fn, old := range to {
		if o := only(old); o != "" && only(from[o]) == fn {
			names[fn] = o
		}
	}
	return names
}

// bySource pairs the static locals of which the source shows that they are the same.
func (m *sourceMatcher) bySource() {
	m.pairMacroNames()
	m.pairRenamedVariables()
	for _, g := range m.groups {
		if g.sourced = m.hasSource(g); !g.sourced {
			continue
		}
		if len(g.allP) == 0 {
			continue
		}
		n := m.namesakes(g.allP[0].decl)
		n.all()
		m.take(g, n)
	}
}

func (m *sourceMatcher) hasSource(g *group) bool {
	for _, a := range append(slices.Clone(g.allO), g.allP...) {
		if !a.sure || a.decl.Function == "" || m.source(a.decl) == nil {
			return false
		}
	}
	return true
}

func (m *declarations) like(ds *debuginfo.Declarations, id, fn string) (out []*debuginfo.Declaration) {
	for _, e := range ds.All {
		if m.id(e) == id && !m.settled[e] && (e.Function == fn || e.Function == debuginfo.UnknownFunction || fn == debuginfo.UnknownFunction && e.Function != "") && (e.Symbol != "" || !e.Elsewhere) {
			out = append(out, e)
		}
	}
	return out
}

// take pairs what has storage in both units and remembers of the others what they may be.
func (m *sourceMatcher) take(g *group, n *namesakes) {
	for _, p := range slices.Clone(g.p) {
		switch o := n.of[p.decl]; {
		case o == nil:
			p.perhaps, p.lost = n.rest(p.decl), n.mayBeLost(p.decl)
		case o.Symbol == "":
			p.lost = m.isLost(p.decl, o)
		case m.Orig.open[o.Symbol] != nil:
			m.join(p.name, o.Symbol)
		}
	}
}

// isLost reports whether a variable of the original is a static one whose value the compiler kept nowhere.
func (m *sources) isLost(p, o *debuginfo.Declaration) bool {
	return o.Symbol == "" && !o.Constant && m.isStatic(p, o)
}

// isStatic reports whether a variable of the original without storage was a static one, and not one on the stack.
func (m *sources) isStatic(p, o *debuginfo.Declaration) bool {
	s := m.source(p)
	return s.Unchanged || s.old(p.Line) == o.Line || mentions(lineOf(s.Before, o.Line), "static") > 0
}

// texts returns the blocks of all static locals of a name by their function, as it is called in the original.
func (m *declarations) texts(name string) (before, after map[string]map[string]bool) {
	before, after = map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, o := range m.od.All {
		if o.Name == name && o.Function != "" {
			add(before, o.Function, m.textBefore(o))
		}
	}
	for _, p := range m.pd.All {
		if p.Name != name || p.Function == "" {
			continue
		}
		fn := p.Function
		if old := m.renamed[fn]; old != "" {
			fn = old
		}
		add(after, fn, m.textAfter(p))
	}
	return before, after
}

// textBefore returns the block of a declaration of the original, uses and all; "" if its file did not change.
func (m *sources) textBefore(o *debuginfo.Declaration) string {
	if s := m.source(o); s != nil && !s.Unchanged {
		return blockText(o, s.Before)
	}
	return ""
}

// textAfter returns the block of a declaration of the patched unit, likewise.
func (m *sources) textAfter(p *debuginfo.Declaration) string {
	if s := m.source(p); s != nil && !s.Unchanged {
		return blockText(p, s.After)
	}
	return ""
}
