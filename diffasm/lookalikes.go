package diffasm

import (
	"fmt"
	"slices"
	"strings"
)

// This file finds static variables that look new, or gone, and may be neither.

func lostStorage(name string) problem {
	return problem{
		code: "static-lost", what: fmt.Sprintf("it uses %q, which the compiler left out of the original: what it would hold is not known", name),
		hint: "use a new variable; --allow static-lost lets it begin with its initial value",
	}
}

// doubtNew looks whether a static local that seems new is one that the original had without storage, in another function,
// or under another name.
func (m *matcher) doubtNew(p *numbered) {
	if p.lost {
		m.doubts[p.name] = lostStorage(p.decl.name)
		return
	}
	for _, o := range m.o.inOrder() {
		if o.b == nil || o.decl == nil || m.source(o.decl) == nil {
			continue
		}
		// A piece of a structure that the compiler took apart has the size of a member: the shapes of two say nothing then.
		pieces := o.decl.whole != nil || p.decl.whole != nil
		switch same := shape(m.o, o) == shape(m.p, p); {
		case same && m.moved(p.decl, o.decl):
			m.doubts[p.name] = problem{
				code: "static-moved", what: fmt.Sprintf("it uses %q, which %s() had: it may be that variable, moved", p.decl.name, o.decl.fn),
				hint: "leave the variable in its function, or give the new one another name; --allow static-moved takes it for a new one",
			}
		case (same || pieces) && m.renamedInPlace(p.decl, o.decl):
			m.doubts[p.name] = problem{
				code: "static-renamed", what: fmt.Sprintf("it uses %q, which stands where %q was declared: it may be that variable, renamed", p.decl.name, o.decl.name),
				hint: "keep the old name, or declare the new variable elsewhere; --allow static-renamed takes it for a new one",
			}
		}
	}
}

// doubtLevel does so for one variable and one that is gone.
func (m *matcher) doubtLevel(sym string, p, o *decl) {
	switch from := o.fn + "()"; {
	case m.id(p) == m.id(o) && o.fn != p.fn:
		if o.fn == "" {
			from = "the file"
		}
		m.doubts[sym] = problem{
			code: "static-moved", what: fmt.Sprintf("it uses %q, which %s had: it may be that variable, moved", p.name, from),
			hint: "leave the variable where it was, or give the new one another name; --allow static-moved takes it for a new one",
		}
	case m.doubts[sym].code == "" && o.fn == p.fn && m.source(p) != nil && m.renamedInPlace(p, o):
		m.doubts[sym] = problem{
			code: "static-renamed", what: fmt.Sprintf("it uses %q, which stands where %q was declared: it may be that variable, renamed", p.name, o.name),
			hint: "keep the old name, or declare the new variable elsewhere; --allow static-renamed takes it for a new one",
		}
	}
}

// lostPiece reports whether a variable is a piece that the original has no storage for, of a variable that it declares.
func (m *matcher) lostPiece(p *decl) bool {
	return p.whole != nil && slices.ContainsFunc(m.od.all, func(o *decl) bool {
		return o.whole == nil && o.sym == "" && o.name == p.name && o.fn == m.oldName(p.whole.fn)
	})
}

func (m *matcher) oldName(fn string) string {
	if old := m.renamed[fn]; old != "" {
		return old
	}
	return fn
}

// moved reports whether a static local may be one of its name that another function had: on the same line, in the same words,
// or in a function that may be the same under another name.
func (m *matcher) moved(p, o *decl) bool {
	if m.id(o) != m.id(p) || o.fn == p.fn {
		return false
	}
	return m.onLine(p, m.od.all) == o || !m.od.funcs[p.fn] && !m.pd.funcs[o.fn] || m.sameText(p, o)
}

// sameText reports whether the blocks of two declarations in changed files are the same word for word, uses and all.
func (m *matcher) sameText(p, o *decl) bool {
	text := m.textAfter(p)
	return text != "" && text == m.textBefore(o)
}

// renamedInPlace reports whether a static local stands where one of another name stood.
func (m *matcher) renamedInPlace(p, o *decl) bool {
	return m.id(o) != m.id(p) && o.within() == p.within() && o.file == p.file && m.source(p).sameEdit(o.line, p.line)
}

// within returns the function that a variable or a piece of one is in.
func (d *decl) within() string {
	if d.whole != nil {
		return d.whole.fn
	}
	return d.fn
}

// lostInPatched refuses variables of the original that the patched unit still declares and uses, but has no storage for: the
// compiler took the initial value for all there is.
func (m *matcher) lostInPatched() (list []problem) {
	if m.od == nil {
		return nil
	}
	list = m.piecesLost()
	for _, p := range m.pd.all {
		if p.sym != "" || p.elsewhere || m.source(p) == nil || m.source(p).Unchanged {
			continue
		}
		o := m.wasStored(p)
		if o == nil || m.o.f.blocks[o.sym] == nil || m.o.f.blocks[o.sym].sec.class == classRO {
			continue
		}
		list = append(list, leftOut(p, fmt.Sprintf("the variable %q", p.name)))
	}
	return list
}

func leftOut(p *decl, what string) problem {
	return problem{
		code: "static-lost", at: stmt{src: p.at},
		what: "the compiler left " + what + " out of the patched version: nothing there would see what it holds",
		hint: "keep something that writes the variable; --allow static-lost goes on with its initial value",
	}
}

// piecesLost refuses variables of which the original keeps a piece that the patched unit has no storage for, though it declares
// and uses the variable.
func (m *matcher) piecesLost() (list []problem) {
	type key struct{ name, fn, part string }
	open := map[key]int{}
	for _, p := range m.pd.all {
		if p.whole != nil {
			open[key{p.name, m.oldName(p.whole.fn), p.part}]++
		}
	}
	for _, o := range m.od.all {
		b := m.o.f.blocks[o.sym]
		if o.whole == nil || b == nil || b.sec.class == classRO {
			continue
		}
		// Each piece of the patched unit stands for one of the original, even where two variables of one name have pieces.
		if k := (key{o.name, o.whole.fn, o.part}); open[k] > 0 {
			open[k]--
			continue
		}
		for _, p := range m.pd.all {
			if p.whole == nil && p.sym == "" && p.name == o.name && m.oldName(p.fn) == o.whole.fn && m.usedIn(p) {
				list = append(list, leftOut(p, fmt.Sprintf("a part of the variable %q", p.name)))
				break
			}
		}
	}
	return list
}

// usedIn reports whether the changed source of the patched unit uses a variable.
func (m *matcher) usedIn(p *decl) bool {
	s := m.source(p)
	if s == nil || s.Unchanged {
		return false
	}
	scope := s.After
	if p.fn != "" {
		scope = p.scope(s.After)
	}
	return mentions(strings.Join(scope, "\n"), p.name) >= 2 // its declaration is one
}

// wasStored returns the variable with storage that a static one without storage, but with a use, was in the original.
func (m *matcher) wasStored(p *decl) *decl {
	if !m.usedIn(p) {
		return nil
	}
	if p.fn != "" {
		s, n := m.source(p), m.namesakes(p)
		n.all()
		if o := n.of[p]; o != nil && (s.old(p.line) > 0 || mentions(lineOf(s.After, p.line), "static") > 0) {
			return o
		}
		return nil
	}
	for _, o := range m.od.all {
		if o.fn == "" && o.name == p.name {
			return o
		}
	}
	return nil
}
