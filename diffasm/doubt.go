package diffasm

import (
	"fmt"
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
func (m *matcher) doubtNew(p *auto) {
	if p.lost {
		m.doubts[p.name] = lostStorage(p.decl.name)
		return
	}
	for _, o := range m.o.inOrder() {
		if o.b == nil || o.decl == nil || m.source(o.decl) == nil {
			continue
		}
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
	for _, p := range m.pd.all {
		if p.sym != "" || p.elsewhere || m.source(p) == nil || m.source(p).Unchanged {
			continue
		}
		o := m.wasStored(p)
		if o == nil || m.o.f.blocks[o.sym] == nil || m.o.f.blocks[o.sym].sec.class == classRO {
			continue
		}
		list = append(list, problem{
			code: "static-lost", at: stmt{src: p.at},
			what: fmt.Sprintf("the compiler left the variable %q out of the patched version: nothing there would see what it holds", p.name),
			hint: "keep something that writes the variable; --allow static-lost goes on with its initial value",
		})
	}
	return list
}

// wasStored returns the variable with storage that a static one without storage, but with a use, was in the original.
func (m *matcher) wasStored(p *decl) *decl {
	s := m.source(p)
	scope := s.After
	if p.fn != "" {
		scope = p.scope(s.After)
	}
	if mentions(strings.Join(scope, "\n"), p.name) < 2 {
		return nil
	}
	if p.fn != "" {
		n := m.namesakes(p)
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
