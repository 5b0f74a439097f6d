package correlate

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
	"gocare/internal/csource"
	"gocare/internal/srcpatch"
)

// This file finds private functions that the source patch gives another name, and may edit. A process that keeps the address of such a
// function goes on calling it, so that it has to be known which one took its place.

// renamedInSource returns the original names of private functions whose address the original gives away and that the source patch renames:
// each line that says the old name stands in its place with the new one, word for word, and neither version knows both names.
func (m *sourceMatcher) renamedInSource() map[string]string {
	was, is := slices.Clone(m.od.Code), slices.Clone(m.pd.Code)
	was = slices.DeleteFunc(was, func(o *debuginfo.Declaration) bool { return !m.isOwn(m.Orig, m.Patched, o) })
	is = slices.DeleteFunc(is, func(p *debuginfo.Declaration) bool { return !m.isOwn(m.Patched, m.Orig, p) })
	return m.renamedInPlaces(was, is, func(o, p *debuginfo.Declaration, perhaps map[string]string) bool {
		return m.takesPlace(o, p, perhaps) && m.isToldOf(o, p)
	})
}

// renamedInPlaces returns the original names of functions of the patched unit: each stands alone in the place of one that was, and proof
// holds, which is given the new names that all of these would have.
func (m *sources) renamedInPlaces(was, is []*debuginfo.Declaration, proof func(o, p *debuginfo.Declaration, perhaps map[string]string) bool) map[string]string {
	old, to := map[string][]*debuginfo.Declaration{}, map[string]int{}
	for _, p := range is {
		for _, o := range was {
			if o.File == p.File && m.source(p).sameEdit(o.Line, p.Line) {
				old[p.Name] = append(old[p.Name], o)
				to[o.Name]++
			}
		}
	}
	perhaps := map[string]string{} // new names by old ones, where no other function stands in their place
	for p, list := range old {
		if len(list) == 1 && to[list[0].Name] == 1 {
			perhaps[list[0].Name] = p
		}
	}
	names := map[string]string{}
	for _, p := range is {
		if list := old[p.Name]; len(list) == 1 && perhaps[list[0].Name] == p.Name && proof(list[0], p, perhaps) {
			names[p.Name] = list[0].Name
		}
	}
	return names
}

// isOwn reports whether a declaration is that of a private function of which only one version has code, and whose source is known.
func (m *sources) isOwn(s, other *Version, d *debuginfo.Declaration) bool {
	source := m.source(d)
	return s.Unit.FunctionByName[d.Name] != nil && !d.Elsewhere && !s.Unit.IsGlobal(d.Name) && !asm.IsNumbered(d.Name) &&
		!other.Unit.Defines(d.Name) && source != nil && !source.Unchanged
}

// takesPlace reports whether the source patch gave o the name of p on every line that names it, and others those that they perhaps have now.
func (m *sources) takesPlace(o, p *debuginfo.Declaration, perhaps map[string]string) bool {
	s := m.source(p)
	before, after := newSourceText(s.Before), newSourceText(s.After)
	if before.mentions(p.Name) != nil || after.mentions(o.Name) != nil {
		return false
	}
	was, is := before.outside(o), after.outside(p)
	if len(was) != len(is) {
		return false
	}
	for i := range was {
		renamed := replaceWords(before.code[was[i]-1], perhaps)
		if !s.sameEdit(was[i], is[i]) || spaced(renamed) != spaced(after.code[is[i]-1]) {
			return false
		}
	}
	return true
}

// isToldOf reports whether the original gives the address of o away, and the source says the names of o and p wherever their addresses are.
func (m *sourceMatcher) isToldOf(o, p *debuginfo.Declaration) bool {
	before, after := newSourceText(m.source(p).Before), newSourceText(m.source(p).After)
	uses, shown := addressUses(m.Orig.Unit, o.Name), addressUses(m.Patched.Unit, p.Name)
	return len(uses) > 0 && before.tell(m.od, o, uses) && after.tell(m.pd, p, shown)
}

// StandsFor reports whether a function of the patched unit may be one of the original by another name, whatever it looks like: it is declared
// in its place, or a line says its name where that one's stood.
func (m *declarations) StandsFor(patched, orig string) bool {
	if m.od == nil {
		return false
	}
	for _, p := range m.pd.Code {
		for _, o := range m.od.Code {
			if p.Name == patched && o.Name == orig && m.inItsPlace(o, p) {
				return true
			}
		}
	}
	return false
}

func (m *sources) inItsPlace(o, p *debuginfo.Declaration) bool {
	s := m.source(p)
	if s == nil || s.Unchanged || o.File != p.File {
		return false
	}
	if s.sameEdit(o.Line, p.Line) {
		return true
	}
	before, after, name := newSourceText(s.Before), newSourceText(s.After), map[string]string{o.Name: p.Name}
	for _, was := range before.outside(o) {
		for _, is := range after.outside(p) {
			if s.sameEdit(was, is) && spaced(replaceWords(before.code[was-1], name)) == spaced(after.code[is-1]) {
				return true
			}
		}
	}
	return false
}

// addressUse is something that gives a function's address away: where its source says so, as far as that is known. Code of a function that
// was inlined may have the place of either.
type addressUse []srcpatch.Place

// addressUses lists where a unit refers to a function otherwise than by a call.
func addressUses(f *debuginfo.Unit, name string) (uses []addressUse) {
	for _, b := range f.Order {
		for _, st := range b.Items {
			if asm.MentionsName(st, name) {
				uses = append(uses, f.VariablePlace(b))
			}
		}
	}
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			for _, st := range s.Statements {
				if st.Kind != asm.Label && asm.MentionsName(st, name) && !machine.OnlyCalls(machine.Of(f.File), st, name) {
					file, line := f.PlaceOf(fn, st)
					first, entry := f.FirstPlace(fn)
					uses = append(uses, addressUse{{File: file, Line: line}, {File: first, Line: entry}})
				}
			}
		}
	}
	return uses
}

// sourceText is a source without its comments.
type sourceText struct{ code []string }

func newSourceText(text []string) *sourceText {
	var lexer csource.Lexer
	t := &sourceText{make([]string, len(text))}
	for i, line := range text {
		var b strings.Builder
		for c := range lexer.Code(line) {
			b.WriteByte(c)
		}
		lexer.EndLine(csource.Continued(line))
		t.code[i] = b.String()
	}
	return t
}

// mentions lists the lines that have a word.
func (t *sourceText) mentions(word string) (list []int) {
	for i, line := range t.code {
		if mentions(line, word) > 0 {
			list = append(list, i+1)
		}
	}
	return list
}

// outside lists the lines that name a function, but for those of its own body.
func (t *sourceText) outside(d *debuginfo.Declaration) []int {
	end := t.itemEnd(d.Line)
	return slices.DeleteFunc(t.mentions(d.Name), func(line int) bool { return d.Line < line && line <= end })
}

// itemEnd returns the last line of the function or variable that is declared on a line, 0 for line 0, which is that of what compilers declare.
func (t *sourceText) itemEnd(line int) int {
	if line < 1 {
		return 0
	}
	depth := 0
	for n := line; n <= len(t.code); n++ {
		for _, c := range t.code[n-1] {
			switch c {
			case '{':
				depth++
			case '}':
				depth--
			case ';':
				if depth == 0 {
					return n
				}
			}
			if c == '}' && depth <= 0 && !t.initialises(line, n) {
				return n
			}
		}
	}
	return len(t.code)
}

// initialises reports whether the braces between two lines are those of an initial value.
func (t *sourceText) initialises(line, end int) bool {
	head, _, _ := strings.Cut(strings.Join(t.code[line-1:end], "\n"), "{")
	return strings.Contains(head, "=")
}

// tell reports whether the source says the name of a function wherever its address is given away: a macro may make the name.
func (t *sourceText) tell(ds *debuginfo.Declarations, d *debuginfo.Declaration, uses []addressUse) bool {
	lines := t.mentions(d.Name)
	told := func(at srcpatch.Place) bool {
		first, last := t.around(ds, at)
		return at.File == d.File && slices.ContainsFunc(lines, func(n int) bool { return first <= n && n <= last })
	}
	return !slices.ContainsFunc(uses, func(u addressUse) bool { return !slices.ContainsFunc(u, told) })
}

// around returns the lines of the function or variable at a place; 0 if there is none.
func (t *sourceText) around(ds *debuginfo.Declarations, at srcpatch.Place) (first, last int) {
	for _, d := range slices.Concat(ds.Code, ds.All) {
		if end := t.itemEnd(d.Line); d.File == at.File && first < d.Line && d.Line <= at.Line && at.Line <= end {
			first, last = d.Line, end
		}
	}
	return first, last
}

// replaceWords is a text with other words in the place of some.
func replaceWords(text string, by map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && csource.IsWordByte(text[i]) {
			i++
		}
		switch word := text[start:i]; {
		case word == "":
			b.WriteByte(text[i])
			i++
		case by[word] != "":
			b.WriteString(by[word])
		default:
			b.WriteString(word)
		}
	}
	return b.String()
}

// spaced is a text with one blank for each piece of white space.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }
