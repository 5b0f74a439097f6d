package diffasm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// explain fills in the first difference of a changed function: between the original and, where there is one, the unit
// with the old line numbers, so that it is not one of line numbers.
func (d *Delta) explain(f *Function, p, o *fn, r *matcher) {
	f.Reason = "edit"
	if pl, ol := d.patched.linkage(p.name), d.orig.linkage(o.name); pl != ol {
		f.Reason = "linkage changed from " + strings.TrimSpace(ol) + " to " + strings.TrimSpace(pl)
	}
	now := d.m.p.written(p)
	was := d.m.o.written(o)
	i := differAt(now, was)
	if r != nil && r.p.f.fnByName[p.name] != nil {
		if w := r.p.written(r.p.f.fnByName[p.name]); len(w.marks) == len(now.marks) {
			now.text, i = w.text, differAt(w, was)
			now.ends = w.marks
		}
	}
	a, b := now.insn(i), was.insn(i)
	if a < len(now.marks) && b < len(was.marks) && bytes.Equal(now.line(a), was.line(b)) {
		a, b = i, i // it is labels that differ
	}
	if a < len(now.marks) {
		f.After = short(now.line(a))
		if name, n := d.patched.fnLine(p, now.marks[a].st); n > 0 {
			f.File, f.Line, f.At = name, n, fmt.Sprintf("%s:%d", name, n)
		}
	}
	if b < len(was.marks) {
		f.Before = short(was.line(b))
	}
	if name := d.otherClone(p, o); name != "" && f.Reason == "edit" {
		f.Reason = "clone " + name
	} else if a == i && b == i && a < len(now.marks) && b < len(was.marks) && f.Reason == "edit" {
		f.Reason = d.reason(now.marks[i].st, was.marks[i].st, len(now.marks) == len(was.marks))
	}
}

// reason puts a first difference in words.
func (d *Delta) reason(p, o stmt, sameLength bool) string {
	if !sameLength || p.op != o.op {
		return "edit"
	}
	pn, on := opcodeAndShape(p), opcodeAndShape(o)
	switch {
	case p.kind != insn:
		return "edit"
	case pn == on && strings.Contains(pn, "#"):
		return "changed constant"
	case pn == on:
		return "another function or variable of the same name"
	}
	if name := d.otherVariable(p, o); name != "" {
		return "variable " + name
	}
	return "edit"
}

// otherClone returns the version of a function, a clone or the whole, that p uses where o uses another.
func (d *Delta) otherClone(p, o *fn) string {
	was := map[string][]string{} // source name -> tokens
	for _, g := range d.orig.mentions(o) {
		source := sourceName(g.name)
		was[source] = append(was[source], d.m.o.name(g.name))
	}
	for _, g := range d.patched.mentions(p) {
		if list := was[sourceName(g.name)]; list != nil && !slices.Contains(list, d.m.p.name(g.name)) {
			return g.name
		}
	}
	return ""
}

// otherVariable returns the static local that a statement names where the other names another one of that name.
func (d *Delta) otherVariable(p, o stmt) string {
	for _, name := range symbolsOf(p.args) {
		for _, old := range symbolsOf(o.args) {
			if d.patched.isStatic(name) && d.orig.isStatic(old) && sourceName(name) == sourceName(old) &&
				d.m.p.name(name) != d.m.o.name(old) {
				return sourceName(name)
			}
		}
	}
	return ""
}

// isStatic reports whether a name is that of a variable which the compiler numbered.
func (f *File) isStatic(name string) bool {
	b := f.blocks[name]
	return b != nil && b.owner == nil && isNumbered(name) && !f.isLiteral(b)
}

// short is a canonical statement cut to a length that people read.
func short(b []byte) string {
	const limit = 160
	s := strings.TrimSpace(string(b))
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}
