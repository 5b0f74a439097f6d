package diffasm

import (
	"bytes"
	"strings"
)

// explain fills in the first difference of a changed function.
func (d *Delta) explain(f *Function, p, o *fn) {
	f.Reason = "edit"
	if pl, ol := d.patched.linkage(p.name), d.orig.linkage(o.name); pl != ol {
		f.Reason = "linkage changed from " + strings.TrimSpace(ol) + " to " + strings.TrimSpace(pl)
	}
	pt := append([]byte(nil), d.m.p.c.function(p)...)
	pm := append([]mark(nil), d.m.p.c.marks...)
	ot := d.m.o.c.function(o)
	om := d.m.o.c.marks
	i := 0
	for i < len(pm) && i < len(om) && bytes.Equal(line(pt, pm, i), line(ot, om, i)) {
		i++
	}
	if i < len(pm) {
		f.After = short(line(pt, pm, i))
		if name, n := d.patched.place(pm[i].st.src); n > 0 {
			f.File, f.Line = name, n
		}
	}
	if i < len(om) {
		f.Before = short(line(ot, om, i))
	}
	if i < len(pm) && i < len(om) && f.Reason == "edit" {
		f.Reason = reason(pm[i].st, om[i].st, len(pm) == len(om))
	}
}

// reason puts a first difference in words.
func reason(p, o stmt, sameLength bool) string {
	if !sameLength || p.op != o.op {
		return "edit"
	}
	pn, on := opcodeAndShape(p), opcodeAndShape(o)
	switch {
	case pn != on || p.kind != insn:
		return "edit"
	case strings.Contains(pn, "#"):
		return "changed constant"
	}
	return "another function or variable of the same name"
}

// opcodeAndShape is a statement with its numbers and literals left out.
func opcodeAndShape(st stmt) string {
	var b strings.Builder
	b.WriteString(st.op)
	t := tokens{s: st.args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		switch {
		case tok.kind == tokNum || tok.kind == tokSym && isLocal(tok.text):
			b.WriteByte('#')
		default:
			b.WriteString(tok.text)
		}
	}
	return b.String()
}

// line returns statement i of a text.
func line(text []byte, marks []mark, i int) []byte {
	end := len(text)
	if i+1 < len(marks) {
		end = marks[i+1].start
	}
	return text[marks[i].start:end]
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
