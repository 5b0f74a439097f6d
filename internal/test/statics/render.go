package statics

import (
	"fmt"
	"slices"
	"strings"
)

// source is the C text of a version.
type source struct {
	files [2]string   // the second one is a unit of its own
	lines map[int]int // variable -> line of its declaration, of the second file from SideLine on
}

// SideLine is added to the lines of the second file.
const SideLine = 1 << 20

// writer writes C, with names that several units of one program share made different by a tag.
type writer struct {
	out   strings.Builder
	u     *unit
	f     *function // being written
	side  bool      // the second file is
	tag   string
	line  int
	lines map[int]int
}

const header = `typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
#define FOLD(e) (a = a * 31u + (u32)(e))

`

func render(u *unit, tag string) source {
	lines := map[int]int{}
	main := &writer{u: u, tag: tag, line: 1, lines: lines}
	main.file()
	side := &writer{u: u, tag: tag, line: 1 + SideLine, lines: lines, side: true}
	side.file()
	return source{[2]string{main.out.String(), side.out.String()}, lines}
}

func (w *writer) file() {
	w.write(header)
	for _, f := range w.u.funcs {
		if f.global || f.side == w.side {
			w.write(w.head(f) + ";\n")
		}
	}
	w.write("\n")
	if w.side {
		w.write("u32 " + w.tag + "pad(u32 a) { return a * 9u; }\n")
	} else {
		for _, v := range w.u.vars {
			w.lines[v.id] = w.line
			w.write(w.declaration(v) + "\n")
		}
	}
	for _, f := range w.u.funcs {
		if f.side == w.side {
			w.function(f)
		}
	}
}

func (w *writer) write(s string) {
	w.out.WriteString(s)
	w.line += strings.Count(s, "\n")
}

// name is the C name of a function.
func (w *writer) name(f *function) string {
	if f.global {
		return w.tag + f.name
	}
	return f.name
}

func (w *writer) head(f *function) string {
	result := "u32 "
	if f.result != nil {
		result = "u32 *"
	}
	attr := f.attr
	if !f.global {
		attr = strings.TrimRight("static "+attr, " ")
	}
	if attr != "" {
		attr += " "
	}
	return attr + result + w.name(f) + "(u32 a, u32 m)"
}

func (w *writer) function(f *function) {
	w.f = f
	w.write("\n" + w.head(f) + "\n{\n\ta ^= m;\n")
	w.list(f.body, "\t")
	if f.result != nil {
		w.write("\treturn " + f.result.name + ";\n}\n")
	} else {
		w.write("\treturn a;\n}\n")
	}
}

func (w *writer) list(body []*node, indent string) {
	for _, n := range body {
		w.node(n, indent)
	}
}

func (w *writer) node(n *node, indent string) {
	switch n.action {
	case declare:
		for _, v := range n.vars {
			w.lines[v.id] = w.line
		}
		w.write(indent + w.declarations(n.vars) + "\n")
	case block:
		if n.oneLine && !slices.ContainsFunc(n.bodies[0], func(c *node) bool { return len(c.bodies) > 0 }) {
			w.oneLine(n, indent)
			return
		}
		w.write(indent + "{\n")
		w.list(n.bodies[0], indent+"\t")
		w.write(indent + "}\n")
	case loop:
		w.write(fmt.Sprintf("%sfor (u32 i = 0; i < %d; i++) {\n%s\ta += i;\n", indent, n.n, indent))
		w.list(n.bodies[0], indent+"\t")
		w.write(indent + "}\n")
	case branch:
		w.write(fmt.Sprintf("%sif (a & %du) {\n", indent, n.k))
		w.list(n.bodies[0], indent+"\t")
		w.write(indent + "} else {\n")
		w.list(n.bodies[1], indent+"\t")
		w.write(indent + "}\n")
	case choose:
		w.write(indent + "switch (a % 3u) {\n")
		for i, label := range []string{"case 0", "case 1", "default"} {
			w.write(indent + label + ": {\n")
			w.list(n.bodies[i], indent+"\t")
			w.write(indent + "} break;\n")
		}
		w.write(indent + "}\n")
	default:
		w.write(indent + w.statement(n) + "\n")
	}
}

func (w *writer) oneLine(n *node, indent string) {
	var parts []string
	for _, c := range n.bodies[0] {
		if c.action == declare {
			for _, v := range c.vars {
				w.lines[v.id] = w.line
			}
			parts = append(parts, w.declarations(c.vars))
			continue
		}
		parts = append(parts, w.statement(c))
	}
	w.write(indent + "{ " + strings.Join(parts, " ") + " }\n")
}

// statement writes a statement without statements of its own.
func (w *writer) statement(n *node) string {
	switch n.action {
	case use:
		return w.use(n)
	case call:
		return fmt.Sprintf("FOLD(%s);", w.call(n))
	case callPointer:
		return fmt.Sprintf("{ u32 *q = %s; q[1] += %du; FOLD(q[a & 1]); }", w.call(n), n.k2)
	case save:
		v := n.vars[0].name
		return fmt.Sprintf("if (!%s) %s = %s; *%s += %du; FOLD(*%s);", v, v, w.call(n), v, n.k2, v)
	case recurse:
		return fmt.Sprintf("if (m & 3u) FOLD(%s(a ^ %du, (m & 3u) - 1u));", w.name(w.f), n.k)
	case leave:
		return fmt.Sprintf("if (a %% 7u == %du) return a ^ %du;", n.k%7, n.k2)
	}
	return fmt.Sprintf("FOLD(%du);", n.k)
}

func (w *writer) call(n *node) string {
	arg := fmt.Sprintf("%du", n.n)
	switch n.n {
	case 0:
		arg = "m"
	case 1:
		arg = "a"
	}
	return fmt.Sprintf("%s(a ^ %du, %s)", w.name(w.u.find(n.callee)), n.k, arg)
}

func (w *writer) use(n *node) string {
	v, k, k2 := n.vars[0].name, n.k, n.k2
	var change, read string
	switch n.vars[0].kind {
	case array:
		change, read = fmt.Sprintf("%s[a & 3u] += %du;", v, k), fmt.Sprintf("FOLD(%s[a >> 3 & 3u] + %du);", v, k2)
	case pair:
		change, read = fmt.Sprintf("%s.x += a; %s.y ^= %du;", v, v, k), fmt.Sprintf("FOLD(%s.x + %s.y * 3u);", v, v)
	case table:
		return fmt.Sprintf("FOLD(%s[a %% 6u] ^ %du);", v, k)
	case pointer:
		return fmt.Sprintf("*%s += %du; FOLD(*%s);", v, k, v)
	default:
		change, read = fmt.Sprintf("%s += %du;", v, k), fmt.Sprintf("FOLD(%s ^ %du);", v, k2)
		if n.form == 2 {
			change = fmt.Sprintf("%s = a + %du;", v, k)
		}
	}
	switch n.form {
	case 1:
		return read
	case 2:
		return change
	}
	return change + " " + read
}

var spelling = map[kind]string{
	u8: "static u8 ", u16: "static u16 ", u32: "static u32 ", u64: "static u64 ", i32: "static i32 ", array: "static u32 ",
	pair: "static struct { u32 x, y; } ", table: "static const u32 ", pointer: "static u32 *", saved: "static u32 *",
}

func (w *writer) declarations(vars []*variable) string {
	s := w.declaration(vars[0])
	for _, v := range vars[1:] { // of one type
		s = strings.TrimSuffix(s, ";") + ", " + strings.TrimPrefix(w.declaration(v), spelling[v.kind])
	}
	return s
}

func (w *writer) declaration(v *variable) string {
	s := spelling[v.kind] + v.name
	switch v.kind {
	case array:
		s += "[4]"
	case table:
		s += "[6]"
	case pointer:
		if v.target.kind == array {
			return s + " = " + v.target.name + ";"
		}
		return s + " = &" + v.target.name + ";"
	}
	if v.init == nil {
		return s + ";"
	}
	words := make([]string, len(v.init))
	for i, x := range v.init {
		words[i] = fmt.Sprint(x)
	}
	if list := strings.Join(words, ", "); len(words) > 1 {
		return s + " = {" + list + "};"
	}
	return s + " = " + words[0] + ";"
}
