package correlate

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// This file finds private variables that give way to others which both versions have, or to a new one where their name is declared anew.

// MergedVariables returns the refusals of variables that are gone, or have a new declaration in another line, and of which every use is one of another
// variable of its size now, in the same words: what the process has in the one that is gone would be lost, or the two are to be one and the other's value
// is another.
func (m *lookalikes) MergedVariables() (list []asm.Problem) {
	if m.od == nil || m.Exact {
		return nil
	}
	for _, o := range m.od.All {
		s := m.source(o)
		if o.Whole != nil || !isPrivate(m.Orig, o) || s == nil || s.Unchanged || m.settled[o] || !m.isGone(o) && !m.isDeclaredAnew(o) {
			continue
		}
		i := slices.IndexFunc(m.pd.All, func(p *debuginfo.Declaration) bool {
			return m.id(p) != m.id(o) && m.tookUses(o, p) && (!m.isGone(o) || m.OrigVariable(m.Patched.Unit.Blocks[p.Symbol]) != nil)
		})
		if i < 0 {
			continue
		}
		p := m.pd.All[i]
		list = append(list, asm.Problem{
			Code: fault.StaticRenamed, At: asm.Statement{Place: p.At},
			What: fmt.Sprintf("every line that used %q uses %q now, which has a value of its own: what the first one holds would be lost", o.Name, p.Name),
			Hint: "keep the variable; --allow static-renamed if what it holds does not matter",
		})
	}
	return list
}

// isPrivate reports whether a declaration is that of a variable of its own that can be written.
func isPrivate(s *Version, d *debuginfo.Declaration) bool {
	b := s.Unit.Blocks[d.Symbol]
	return b != nil && !s.Unit.IsGlobal(d.Symbol) && (b.Section.Class == asm.Writable || b.Section.Class == asm.ThreadLocal)
}

// isDeclaredAnew reports whether what is paired with a variable is declared in a line of the patch, in the place of another one that this takes away.
func (m *lookalikes) isDeclaredAnew(o *debuginfo.Declaration) bool {
	b := m.Orig.Unit.Blocks[o.Symbol]
	return !m.source(o).kept(o.Line) && slices.ContainsFunc(m.pd.All, func(p *debuginfo.Declaration) bool {
		paired := m.Patched.Unit.Blocks[p.Symbol]
		return paired != nil && p.File == o.File && m.source(p).old(p.Line) == 0 && m.OrigVariable(paired) == b
	})
}

// tookUses reports whether a variable stands wherever the original uses another one of its size.
func (m *lookalikes) tookUses(o, p *debuginfo.Declaration) bool {
	b := m.Patched.Unit.Blocks[p.Symbol]
	if p.Whole != nil || p.File != o.File || !isPrivate(m.Patched, p) || m.settled[p] ||
		m.Patched.Unit.Size(b) != m.Orig.Unit.Size(m.Orig.Unit.Blocks[o.Symbol]) {
		return false
	}
	s := m.source(o)
	before, after, name := newSourceText(s.Before), newSourceText(s.After), map[string]string{o.Name: p.Name}
	uses, _ := before.uses(m.od, o, s.Before)
	now, _ := after.uses(m.pd, p, s.After)
	return len(uses) > 0 && !slices.ContainsFunc(uses, func(was int) bool {
		words := spaced(replaceWords(before.line(was), name))
		return !slices.ContainsFunc(now, func(is int) bool { return s.sameEdit(was, is) && spaced(after.line(is)) == words })
	})
}
