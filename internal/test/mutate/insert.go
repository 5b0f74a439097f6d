package mutate

import (
	"fmt"
	"strings"
)

// insertPiece adds a piece to the program.
func (e *editor) insertPiece() bool {
	s, ok := e.place()
	if !ok {
		return false
	}
	at := place{static: true, unit: s.f.unit}
	if s.f.header || e.chance(30) {
		at = place{unit: e.r.Intn(e.units)}
	}
	p := oneOf(e, pieces)
	if p.near && !s.f.header {
		at = place{static: at.static, unit: s.f.unit}
	} else if p.near {
		return false
	}
	if strings.Contains(p.function, "weak") {
		at.static = false
	}
	name, variable := e.fresh("fn"), e.fresh("var")
	fill := func(text string) string { return e.fill(strings.NewReplacer("$f", name, "$v", variable).Replace(text)) }
	for _, g := range p.globals {
		decl, value, _ := strings.Cut(fill(g), " = ")
		if value != "" {
			value = " = " + value
		}
		e.globals = append(e.globals, &global{decl: decl, name: variable, value: value, place: at})
	}
	if p.function != "" {
		e.define(fill(p.function), name, at)
	}
	s.insert(strings.Split(strings.Trim(fill(p.statement), "\n"), "\n")...)
	return true
}

// define adds a function, in front of main or anywhere before it.
func (e *editor) define(text, name string, at place) {
	head, body, _ := strings.Cut(strings.TrimSpace(text), "\n{\n")
	f := &function{head: head, name: name, body: strings.Split(strings.TrimSuffix(body, "\n}"), "\n"), place: at}
	if rest, ok := strings.CutPrefix(head, "__attribute__"); ok {
		attribute, rest, _ := strings.Cut(rest, ")) ")
		f.attributes, f.head = "__attribute__"+attribute+")) ", rest
	} else if e.chance(50) {
		f.attributes = "__attribute__((noinline)) "
	}
	if e.units == 2 && f.attributes == "" && e.chance(30) && !e.private(f) {
		f.place, f.head = place{static: true, header: true}, "inline "+f.head
	}
	i := e.r.Intn(len(e.funcs))
	e.funcs = append(e.funcs[:i:i], append([]*function{f}, e.funcs[i:]...)...)
}

// fill fills in what differs each time.
func (e *editor) fill(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch rest[0] {
		case 's':
			b.WriteString(e.sum())
		case 'g':
			b.WriteString(e.anything())
		case 'c':
			b.WriteString(e.constant())
		case 'd':
			fmt.Fprint(&b, 2+e.r.Intn(7))
		case 'w':
			b.WriteString(oneOf(e, words))
		}
		text = rest[1:]
	}
}
