package diffasm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
)

// explain fills in the first difference of a changed function: between the original and, where there is one, the unit
// with the old line numbers, so that it is not one of line numbers.
func (d *Delta) explain(f *Function, p, o *asm.Function, r *correlate.Matcher) {
	f.Reason = "edit"
	if pl, ol := d.patched.Linkage(p.Name), d.orig.Linkage(o.Name); pl != ol {
		f.Reason = "linkage changed from " + strings.TrimSpace(ol) + " to " + strings.TrimSpace(pl)
	}
	now := d.m.Patched.Written(p)
	was := d.m.Orig.Written(o)
	i := canon.DifferAt(now, was)
	if r != nil && r.Patched.Unit.FunctionByName[p.Name] != nil {
		if w := r.Patched.Written(r.Patched.Unit.FunctionByName[p.Name]); len(w.Marks) == len(now.Marks) {
			now.Bytes, i = w.Bytes, canon.DifferAt(w, was)
			now.Ends = w.Marks
		}
	}
	if has, had := hasHandlers(now), hasHandlers(was); has != had {
		f.Before, f.After = "no exception handlers", "exception handlers"
		if had {
			f.Before, f.After = f.After, f.Before
		}
		return
	}
	if namesHandlers(now, i) || namesHandlers(was, i) {
		now, was = now.Without(isHandlers), was.Without(isHandlers)
		if i = canon.DifferAt(now, was); i == len(now.Marks) && i == len(was.Marks) {
			f.Before, f.After = "exception handlers", "changed exception handlers"
			return
		}
	}
	a, b := now.Instruction(i), was.Instruction(i)
	if a < len(now.Marks) && b < len(was.Marks) && bytes.Equal(now.Line(a), was.Line(b)) {
		a, b = i, i // it is labels that differ
	}
	if a < len(now.Marks) {
		f.After = d.shown(now, a)
		if name, n := d.patched.PlaceOf(p, now.Marks[a].Statement); n > 0 {
			f.File, f.Line, f.At = name, n, fmt.Sprintf("%s:%d", name, n)
		}
	}
	if b < len(was.Marks) {
		f.Before = d.shown(was, b)
	}
	if name := d.otherClone(p, o); name != "" && f.Reason == "edit" {
		f.Reason = "clone " + name
	} else if a == i && b == i && a < len(now.Marks) && b < len(was.Marks) && f.Reason == "edit" {
		f.Reason = d.reason(now.Marks[i].Statement, was.Marks[i].Statement, len(now.Marks) == len(was.Marks))
	}
}

// shown is a statement of a canonical text for people.
func (d *Delta) shown(t canon.Text, i int) string {
	return d.patched.Syntax.Operands(t.Marks[i].Statement, short(t.Line(i)))
}

// isHandlers reports whether a statement says where a function's handlers of exceptions are: as text, a table that tells nobody anything.
func isHandlers(s asm.Statement) bool { return s.Op == ".cfi_lsda" || s.Op == ".cfi_personality" }

func hasHandlers(t canon.Text) bool {
	return slices.ContainsFunc(t.Marks, func(m canon.Mark) bool { return isHandlers(m.Statement) })
}

func namesHandlers(t canon.Text, i int) bool {
	return i < len(t.Marks) && isHandlers(t.Marks[i].Statement)
}

// reason puts a first difference in words.
func (d *Delta) reason(p, o asm.Statement, sameLength bool) string {
	if !sameLength || p.Op != o.Op {
		return "edit"
	}
	pn, on := asm.Shape(p), asm.Shape(o)
	switch {
	case p.Kind != asm.Instruction:
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
func (d *Delta) otherClone(p, o *asm.Function) string {
	was := map[string][]string{} // source name -> tokens
	for _, g := range d.orig.Mentions(o) {
		source := asm.SourceName(g.Name)
		was[source] = append(was[source], d.m.Orig.Token(g.Name))
	}
	for _, g := range d.patched.Mentions(p) {
		if list := was[asm.SourceName(g.Name)]; list != nil && !slices.Contains(list, d.m.Patched.Token(g.Name)) {
			return g.Name
		}
	}
	return ""
}

// otherVariable returns the static local that a statement names where the other names another one of that name.
func (d *Delta) otherVariable(p, o asm.Statement) string {
	for _, name := range asm.SymbolsOf(p.Args) {
		for _, old := range asm.SymbolsOf(o.Args) {
			if isStatic(d.patched.File, name) && isStatic(d.orig.File, old) && asm.SourceName(name) == asm.SourceName(old) &&
				d.m.Patched.Token(name) != d.m.Orig.Token(old) {
				return asm.SourceName(name)
			}
		}
	}
	return ""
}

// isStatic reports whether a name is that of a variable which the compiler numbered.
func isStatic(f *asm.File, name string) bool {
	b := f.Blocks[name]
	return b != nil && b.Owner == nil && asm.IsNumbered(name) && !f.IsLiteral(b)
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
