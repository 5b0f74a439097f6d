package correlate

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// This file finds static variables that neither version keeps, since the compiler knew all that is done with them, and to which the source
// patch has other values assigned: the code of each version stands on the values of that version, while the process has what the original
// assigned.

// folding proves that what neither version keeps of a variable is what a process would hold, or refuses.
type folding struct {
	*pairing
	*values
	valueChanges func(expression string) bool // see Known
	calls        func(expression string) bool // see Known
	unstored     func() *Unstored             // see Known
}

// FoldedInBoth returns the refusals of variables without storage in either unit that the patched source reads and the original one writes,
// where the source patch changes what is written.
func (m *folding) FoldedInBoth() (list []asm.Problem) {
	if m.od == nil || m.Exact {
		return nil
	}
	for _, p := range m.pd.All {
		o := m.foldedAlike(p)
		if o == nil {
			continue
		}
		if at, differs := m.writtenOtherwise(o, p); differs && !m.shownAlike(o, p) {
			list = append(list, asm.Problem{
				Code: fault.StaticLost, At: asm.Statement{Place: at},
				What: fmt.Sprintf("the compiler left the variable %q out of both versions, of which each assigns something else to it: what it would hold is not known", p.Name),
				Hint: "leave what is assigned to the variable as it is; --allow static-lost goes on as if only the patched version had run",
			})
		}
	}
	return list
}

// foldedAlike returns the variable of the original that one of the patched unit is or may be if neither has storage, nil if there is none.
func (m *values) foldedAlike(p *debuginfo.Declaration) *debuginfo.Declaration {
	before, after := m.sourceTexts(p)
	switch {
	case !m.folded(p, after):
		return nil
	case m.source(p) != nil:
		return m.wasFolded(p)
	}
	if o := m.inPlace(p); o != nil && m.folded(o, before) {
		return o
	}
	return nil
}

// sourceTexts returns the lines of the source of a declaration in both versions, nil where they are not known, or are the system's.
func (m *values) sourceTexts(d *debuginfo.Declaration) (before, after []string) {
	s := m.source(d)
	switch {
	case s != nil:
		return s.Before, s.After
	case m.text == nil || d.File == "":
		return nil, nil
	}
	text := m.text(d.File)
	return text, text
}

// inPlace returns the declaration of the original that stands where one of the patched unit does, in a source that the patch leaves alone,
// else the only one of its name.
func (m *declarations) inPlace(p *debuginfo.Declaration) *debuginfo.Declaration {
	if i := slices.IndexFunc(m.od.All, func(o *debuginfo.Declaration) bool { return samePlace(o, p) }); i >= 0 {
		return m.od.All[i]
	}
	var found *debuginfo.Declaration // in a source that the build made anew lines may be others
	for _, o := range m.od.All {
		if o.Name == p.Name && o.Function == p.Function && o.File == p.File && o.Whole == nil {
			if found != nil {
				return nil
			}
			found = o
		}
	}
	return found
}

// samePlace reports whether two declarations of a source that was left alone are the same one.
func samePlace(o, p *debuginfo.Declaration) bool {
	return o.Name == p.Name && o.Line == p.Line && o.Column == p.Column && o.Function == p.Function && o.File == p.File && o.Whole == nil
}

// folded reports whether a declaration is that of a static variable without storage.
func (m *values) folded(d *debuginfo.Declaration, text []string) bool {
	if d.Symbol != "" || d.Elsewhere || d.Whole != nil || d.Name == "" || d.Line < 1 {
		return false
	}
	if d.Function == "" {
		return d.Line <= len(text) || m.unreadable(d)
	}
	return d.Line <= len(text) && m.saysStatic(d, text)
}

// UnkeptBefore lists the static variables that the original declares and keeps nothing of.
func (m *values) UnkeptBefore() []*debuginfo.Declaration { return m.unkept(m.od, false) }

// UnkeptAfter lists those of the patched unit.
func (m *values) UnkeptAfter() []*debuginfo.Declaration { return m.unkept(m.pd, true) }

func (m *values) unkept(ds *debuginfo.Declarations, patched bool) (list []*debuginfo.Declaration) {
	if ds == nil {
		return nil
	}
	for _, d := range ds.All {
		text, after := m.sourceTexts(d)
		if patched {
			text = after
		}
		if m.folded(d, text) || d.Symbol == "" && !d.Elsewhere && m.unreadable(d) {
			list = append(list, d)
		}
	}
	return list
}

// unreadable reports whether a declaration is said to be in a file that is not there, as #line says of what was generated from it.
func (m *values) unreadable(d *debuginfo.Declaration) bool {
	return m.source(d) == nil && m.text != nil && m.text(d.File) == nil
}

// wasFolded returns the variable of the original without storage that one of the patched unit is or may be: the one of its name where it
// stands, else one of its name that went from elsewhere, else one that stood in its place.
func (m *values) wasFolded(p *debuginfo.Declaration) *debuginfo.Declaration {
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

func (m *values) isFolded(o *debuginfo.Declaration) bool {
	s := m.source(o)
	return s != nil && !s.Unchanged && m.folded(o, s.Before)
}

// isGone reports whether the patched unit declares nothing of the name of a variable where that stood.
func (m *declarations) isGone(o *debuginfo.Declaration) bool {
	return !slices.ContainsFunc(m.pd.All, func(p *debuginfo.Declaration) bool {
		return m.id(p) == m.id(o) && m.oldName(p.Function) == o.Function
	})
}

// isKnownBefore reports whether the original declares something of the name of a variable where that stands.
func (m *declarations) isKnownBefore(p *debuginfo.Declaration) bool {
	return slices.ContainsFunc(m.od.All, func(o *debuginfo.Declaration) bool { return m.id(o) == m.id(p) && o.Function == m.oldName(p.Function) })
}

// stoodInPlace reports whether one variable stands where another one stood, of which neither name is known to both versions.
func (m *values) stoodInPlace(o, p *debuginfo.Declaration) bool {
	return !m.isKnownBefore(p) && m.oldName(p.Function) == o.Function && o.File == p.File && m.source(p).sameEdit(o.Line, p.Line) && !m.plainlyOther(o, p)
}

// writtenOtherwise reports whether the patched source reads a variable, and what is assigned to it differs, or may, from what the original
// assigns, of which something is not its initial value. It returns the place of the first assignment that does; that of the declaration
// if there is none.
func (m *folding) writtenOtherwise(o, p *debuginfo.Declaration) (at asm.Position, differs bool) {
	before, after, beside := m.writes(o, p)
	if at = p.At; before.onlyInitial() || !after.read && !m.namedBeside(p) {
		return at, false
	}
	if m.valueChanges != nil {
		if i := slices.IndexFunc(after.values, func(v value) bool { return m.valueChanges(v.text) }); i >= 0 {
			at.Line = int32(after.values[i].line)
			return at, true
		}
	}
	if m.Patched.Unit.Clang && m.conditionsDiffer(&before, &after) {
		return at, true
	}
	switch {
	case m.source(p) != nil:
		m.giveNewNames(&before, o, p)
	case !beside:
		return at, false
	}
	was := before.texts()
	if i := slices.IndexFunc(after.writes, func(w write) bool { return !slices.Contains(was, w.text) }); i >= 0 {
		at.Line = int32(after.writes[i].line)
		return at, true
	}
	return at, !slices.Equal(sortedSet(was), sortedSet(after.texts())) || before.initial != after.initial || !after.inOrderOf(&before)
}

// conditionsDiffer reports whether the conditions are others, or may be by an edit, under which something is assigned. LLVM knows what a
// variable may hold for the whole unit: an assignment that can no longer be reached counts for it as none.
func (m *folding) conditionsDiffer(before, after *assignments) bool {
	if !slices.Equal(sortedSet(before.conditions), sortedSet(after.conditions)) {
		return true
	}
	return m.valueChanges != nil && slices.ContainsFunc(after.conditions, m.valueChanges)
}

// giveNewNames has what the original does with o say the names that its variable and functions have in the patched version.
func (m *folding) giveNewNames(a *assignments, o, p *debuginfo.Declaration) {
	code, variable := m.newNamesOfCode(o.File, m.source(o)), map[string]string{o.Name: p.Name}
	for i, w := range a.writes {
		a.writes[i].text = code.rename(replaceWords(w.text, variable))
	}
	a.initial = code.rename(replaceWords(a.initial, variable))
}

func sortedSet(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
