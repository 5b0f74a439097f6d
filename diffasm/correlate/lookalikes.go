package correlate

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// This file finds static variables that look new, or gone, and may be neither.

// lookalikes finds what may be a variable of the other version although nothing pairs the two.
type lookalikes struct {
	*pairing
	*values
}

func lostStorage(name string) asm.Problem {
	return asm.Problem{
		Code: fault.StaticLost, What: fmt.Sprintf("it uses %q, which the compiler left out of the original: what it would hold is not known", name),
		Hint: "use a new variable; --allow static-lost lets it begin with its initial value",
	}
}

// doubtNew looks whether a static local that seems new is one that the original had without storage, in another function,
// or under another name.
func (m *lookalikes) doubtNew(p *numbered) {
	if p.lost {
		m.doubts[p.name] = lostStorage(p.decl.Name)
		return
	}
	for _, o := range m.Orig.inOrder() {
		if o.b == nil || o.decl == nil || m.source(o.decl) == nil {
			continue
		}
		// A piece of a structure that the compiler took apart has the size of a member: the shapes of two say nothing then.
		pieces := o.decl.Whole != nil || p.decl.Whole != nil
		switch same := shape(m.Orig, o) == shape(m.Patched, p); {
		case same && m.moved(p.decl, o.decl):
			m.doubts[p.name] = asm.Problem{
				Code: fault.StaticMoved, What: fmt.Sprintf("it uses %q, which %s() had: it may be that variable, moved", p.decl.Name, o.decl.Function),
				Hint: "leave the variable in its function; --allow static-moved takes it for a new one",
			}
		case (same || pieces) && m.renamedInPlace(p.decl, o.decl):
			m.doubts[p.name] = asm.Problem{
				Code: fault.StaticRenamed, What: fmt.Sprintf("it uses %q, which stands where %q was declared: it may be that variable, renamed", p.decl.Name, o.decl.Name),
			}
		}
	}
}

// DoubtFileLevel notes why p, which seems new, may be o, which seems gone, where one of them is at file level. sym is the symbol of p.
func (m *lookalikes) DoubtFileLevel(sym string, p, o *debuginfo.Declaration) {
	switch from := o.Function + "()"; {
	case m.id(p) == m.id(o) && o.Function != p.Function:
		if o.Function == "" {
			from = "the file"
		}
		m.doubts[sym] = asm.Problem{
			Code: fault.StaticMoved, What: fmt.Sprintf("it uses %q, which %s had: it may be that variable, moved", p.Name, from),
			Hint: "leave the variable where it was; --allow static-moved takes it for a new one",
		}
	case m.doubts[sym].Code == "" && o.Function == p.Function && m.source(p) != nil && m.renamedInPlace(p, o):
		m.doubts[sym] = asm.Problem{
			Code: fault.StaticRenamed, What: fmt.Sprintf("it uses %q, which stands where %q was declared: it may be that variable, renamed", p.Name, o.Name),
		}
	}
}

// LostPiece reports whether a variable is a piece that the original has no storage for, of a variable that it declares.
func (m *declarations) LostPiece(p *debuginfo.Declaration) bool {
	return p.Whole != nil && slices.ContainsFunc(m.od.All, func(o *debuginfo.Declaration) bool {
		return o.Whole == nil && o.Symbol == "" && o.Name == p.Name && o.Function == m.oldName(p.Whole.Function)
	})
}

func (m *declarations) oldName(fn string) string {
	if old := m.renamed[fn]; old != "" {
		return old
	}
	return fn
}

// moved reports whether a static local may be one of its name that another function had: on the same line, in the same words,
// or in a function that may be the same under another name.
func (m *declarations) moved(p, o *debuginfo.Declaration) bool {
	if m.id(o) != m.id(p) || o.Function == p.Function {
		return false
	}
	return m.onLine(p, m.od.All) == o || !m.od.Functions[p.Function] && !m.pd.Functions[o.Function] || m.sameText(p, o)
}

// sameText reports whether the blocks of two declarations in changed files are the same word for word, uses and all.
func (m *sources) sameText(p, o *debuginfo.Declaration) bool {
	text := m.textAfter(p)
	return text != "" && text == m.textBefore(o)
}

// renamedInPlace reports whether a static local stands where one of another name stood.
func (m *values) renamedInPlace(p, o *debuginfo.Declaration) bool {
	return m.id(o) != m.id(p) && functionOf(o) == functionOf(p) && o.File == p.File && m.source(p).sameEdit(o.Line, p.Line) && !m.plainlyOther(o, p)
}

// functionOf returns the function that a variable or a piece of one is in.
func functionOf(d *debuginfo.Declaration) string {
	if d.Whole != nil {
		return d.Whole.Function
	}
	return d.Function
}

// LostInPatched returns the refusals of variables of the original that the patched unit still declares and uses, but has no storage for:
// the compiler took the initial value for all there is.
func (m *lookalikes) LostInPatched() (list []asm.Problem) {
	if m.od == nil {
		return nil
	}
	list = m.piecesLost()
	for _, p := range m.pd.All {
		if p.Symbol != "" || p.Elsewhere {
			continue
		}
		if o := m.wasStored(p); o == nil || !m.keepsWrites(o) {
			continue
		}
		list = append(list, leftOut(p, fmt.Sprintf("the variable %q", p.Name)))
	}
	return list
}

// NewUnkept lists the variables that the patched unit declares and reads, keeps nothing of, as nothing writes them, and that the original does not know by
// their names there, but for those of LostInPatched. Of those that are const no process ever wrote one.
func (m *lookalikes) NewUnkept() (list []*debuginfo.Declaration) {
	for _, p := range m.UnkeptAfter() {
		_, text := m.sourceTexts(p)
		if mentions(lineOf(text, p.Line), "const") > 0 || m.isKnownBefore(p) || m.wasStored(p) != nil {
			continue
		}
		if a, _ := m.patchedWrites(p); a.read || m.namedBeside(p) {
			list = append(list, p)
		}
	}
	return list
}

// keepsWrites reports whether a variable of the original is in memory that a process writes to once it runs.
func (m *lookalikes) keepsWrites(o *debuginfo.Declaration) bool {
	b := m.Orig.Unit.Blocks[o.Symbol]
	return b != nil && b.Section.Class != asm.ReadOnly && b.Section.Class != asm.Relro
}

func leftOut(p *debuginfo.Declaration, what string) asm.Problem {
	return asm.Problem{
		Code: fault.StaticLost, At: asm.Statement{Place: p.At},
		What: "the compiler left " + what + " out of the patched version: nothing there would see what it holds",
		Hint: "keep something that writes the variable; --allow static-lost goes on with its initial value",
	}
}

// piecesLost returns those of variables of which the original keeps a piece that the patched unit has no storage for, though it declares
// and uses the variable.
func (m *lookalikes) piecesLost() (list []asm.Problem) {
	type key struct{ name, fn, part string }
	open := map[key]int{}
	for _, p := range m.pd.All {
		if p.Whole != nil {
			open[key{p.Name, m.oldName(p.Whole.Function), p.Part}]++
		}
	}
	for _, o := range m.od.All {
		if o.Whole == nil || !m.keepsWrites(o) {
			continue
		}
		// Each piece of the patched unit stands for one of the original, even where two variables of one name have pieces.
		if k := (key{o.Name, o.Whole.Function, o.Part}); open[k] > 0 {
			open[k]--
			continue
		}
		for _, p := range m.pd.All {
			if p.Whole == nil && p.Symbol == "" && p.Name == o.Name && m.oldName(p.Function) == o.Whole.Function && m.usedIn(p) {
				list = append(list, leftOut(p, fmt.Sprintf("a part of the variable %q", p.Name)))
				break
			}
		}
	}
	return list
}

// usedIn reports whether the source of the patched unit, but for the system's, uses a variable. One at file level may be used in any file, and by
// a name that macros make: where an edit takes no mention away, it is used as before.
func (m *values) usedIn(p *debuginfo.Declaration) bool {
	if p.Function != "" {
		_, scope := m.sourceTexts(p)
		return mentions(strings.Join(scopeOf(p, scope), "\n"), p.Name) >= 2 // its declaration is one
	}
	files, was, is := map[string]bool{}, 0, 0
	for _, d := range m.pd.All {
		if !files[d.File] {
			files[d.File] = true
			before, after := m.sourceTexts(d)
			was += mentions(strings.Join(before, "\n"), p.Name)
			is += mentions(strings.Join(after, "\n"), p.Name)
		}
	}
	return is >= 2 || is == was
}

// wasStored returns the variable with storage that a static one without storage, but with a use, was in the original.
func (m *lookalikes) wasStored(p *debuginfo.Declaration) *debuginfo.Declaration {
	if m.source(p) == nil {
		return m.storedInPlace(p)
	}
	if !m.usedIn(p) {
		return nil
	}
	if p.Function != "" {
		s, n := m.source(p), m.namesakes(p)
		n.all()
		if o := n.of[p]; o != nil && (s.old(p.Line) > 0 || mentions(lineOf(s.After, p.Line), "static") > 0) {
			return o
		}
		return m.mayHaveBeen(p)
	}
	for _, o := range m.od.All {
		if o.Function == "" && o.Name == p.Name {
			return o
		}
	}
	return m.mayHaveBeen(p)
}

// storedInPlace is wasStored for a variable of a source that was left alone.
func (m *values) storedInPlace(p *debuginfo.Declaration) *debuginfo.Declaration {
	for _, o := range m.od.BySymbol {
		if samePlace(o, p) && m.usedIn(p) {
			return o
		}
	}
	return nil
}

// mayHaveBeen returns a private variable with storage that is gone and that one without storage may be, moved or renamed in its place.
func (m *lookalikes) mayHaveBeen(p *debuginfo.Declaration) *debuginfo.Declaration {
	if text := m.source(p).After; !m.folded(p, text) || mentions(lineOf(text, p.Line), "const") > 0 {
		return nil
	}
	i := slices.IndexFunc(m.od.All, func(o *debuginfo.Declaration) bool {
		return o.Symbol != "" && o.Whole == nil && !asm.IsNameless(o.Symbol) && !m.Orig.Unit.IsGlobal(o.Symbol) && m.isGone(o) && (m.id(o) == m.id(p) || m.stoodInPlace(o, p))
	})
	if i < 0 {
		return nil
	}
	return m.od.All[i]
}
