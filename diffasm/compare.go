package diffasm

import (
	"fmt"
	"slices"
)

// equal reports whether two functions are the same in all that counts.
func (m *matcher) equal(p, o *fn) bool {
	pt, ot := &m.p.texts[p.index], &m.o.texts[o.index]
	return pt.hash == ot.hash && !pt.deep && !ot.deep && m.p.f.linkage(p.name) == m.o.f.linkage(o.name)
}

// proves reports whether the function of p's name is the original's o, without a guess which static local is which.
func (m *matcher) proves(p, o *fn) bool {
	name := o.name // a macro may have made another one of the line that p is on
	if isNumbered(p.name) {
		name = p.name
	}
	fn := m.p.f.fnByName[name]
	return fn != nil && m.origFunc(fn) == o && m.equal(fn, o) && !m.open(fn)
}

// guesses reports whether a function uses a nameless variable that keeps state and of which nothing shows which one it is.
func (m *matcher) guesses(fn *fn) (found bool) {
	if len(m.guessed) > 0 {
		m.p.f.walk(fn, func(n string) { found = found || m.guessed[n] })
	}
	return found
}

// open reports whether a function uses a static local that is paired by likeness or not at all.
func (m *matcher) open(fn *fn) (found bool) {
	m.p.f.walk(fn, func(n string) {
		_, doubt := m.doubts[n]
		found = found || doubt || len(m.ambiguous[n]) > 0 || slices.Contains(m.unproved, n)
	})
	return found
}

// sameSets reports whether the sections that the program collects when it is linked hold the same variables in both units.
// Macros name such variables by the line they stand on.
func (m *matcher) sameSets() bool {
	same := func(p *block) bool {
		o := m.origVar(p)
		if o == nil || o.sec.name != p.sec.name {
			return false
		}
		code, _ := m.compareVar(p, o)
		return code == ""
	}
	return len(m.p.f.setVars()) == len(m.o.f.setVars()) && !slices.ContainsFunc(m.p.f.setVars(), func(p *block) bool { return !same(p) })
}

// compareVar returns the refusal code for a changed variable and why, "" if it is the same.
func (m *matcher) compareVar(p, o *block) (code, why string) { return compareVars(m.p, p, m.o, o) }

// compareVars is the same for variables of any two units.
func compareVars(patched *version, p *block, orig *version, o *block) (code, why string) {
	ps, os := patched.f.size(p), orig.f.size(o)
	switch {
	case patched.inits[p].deep || orig.inits[o].deep:
		return "data-changed", "initial value is circular or nested too deeply to compare"
	case ps != os:
		return "data-size", "size changed from " + os + " to " + ps + " bytes"
	case p.align > o.align:
		return "data-size", "alignment changed"
	case p.sec.class != o.sec.class:
		return "data-changed", "moved from " + o.sec.class.String() + " to " + p.sec.class.String() + " data"
	case patched.inits[p].hash != orig.inits[o].hash && !sameBytes(p, o):
		return "data-changed", "initial value changed"
	}
	return "", ""
}

func (f *File) setVars() (list []*block) {
	for _, b := range f.vars {
		if b.sec.isSet() {
			list = append(list, b)
		}
	}
	return list
}

// meaning is what a name stands for, in names of the original.
func (s *version) meaning(n string) string {
	target, off, _ := s.f.follow(n)
	if off != 0 {
		return fmt.Sprintf("%s%+d", s.name(target), off)
	}
	return s.name(target)
}

// sameRestored reports whether the variable is unchanged once the original line numbers are restored.
func sameRestored(r *matcher, p, o *block) bool {
	if r == nil {
		return false
	}
	b := r.p.f.blocks[p.name]
	if b == nil || r.origVar(b) != o {
		return false
	}
	code, _ := r.compareVar(b, o)
	return code == ""
}
