package diffasm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// directive takes the directives that say something about symbols or are dropped; it reports whether st was one.
func (p *parser) directive(st stmt) bool {
	switch st.op {
	case ".loc":
		p.loc(st.args)
	case ".file":
		p.file(st.args)
	case ".ident":
		p.f.clang = p.f.clang || strings.Contains(st.args, "clang version")
	case ".addrsig":
		p.f.clang = true
	case ".cfi_sections", ".loc_mark_labels", ".addrsig_sym", ".version", ".title":
	case ".globl", ".global", ".weak", ".local", ".hidden", ".protected", ".internal":
		p.binding(st)
	case ".type":
		name, typ, _ := strings.Cut(st.args, ",")
		p.f.symbol(trim(name)).typ = strings.Trim(trim(typ), `@%"`)
	case ".size":
		p.size(st.args)
	case ".set", ".equ", ".weakref":
		p.alias(st)
	case ".symver":
		name, ver, _ := strings.Cut(st.args, ",")
		p.f.symbol(trim(name)).symver = trim(ver)
	case ".comm", ".lcomm":
		p.common(st)
	case ".intel_syntax":
		p.f.intel = true
	case ".att_syntax":
		p.f.intel = false
	case ".macro":
		p.f.macros[firstWord(st.args)] = true
		p.macro = 1
	default:
		return false
	}
	return true
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t,"); i >= 0 {
		return s[:i]
	}
	return s
}

// loc reads ".loc FILE LINE COLUMN ...".
func (p *parser) loc(args string) {
	file, rest, _ := strings.Cut(args, " ")
	line, _, _ := strings.Cut(trim(rest), " ")
	n, err := strconv.ParseInt(file, 10, 32)
	l, err2 := strconv.ParseInt(line, 10, 32)
	if err == nil && err2 == nil {
		p.src = srcPos{int32(n), int32(l)}
	}
}

// file reads ".file NAME" and ".file N [DIR] NAME [md5 ...]".
func (p *parser) file(args string) {
	var names []string
	t := tokens{s: args}
	num := int64(-1)
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		switch {
		case tok.kind == tokStr:
			names = append(names, unquote(tok.text))
		case tok.kind == tokNum && num < 0:
			if n, err := strconv.ParseInt(tok.text, 10, 32); err == nil {
				num = n
			}
		case tok.kind == tokSym:
			t.i = len(t.s) // md5 and what follows
		}
	}
	switch {
	case len(names) == 0:
	case num < 0:
		p.f.Source = names[0]
	default:
		p.f.files[int32(num)] = names[len(names)-1]
	}
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return strings.Trim(s, `"`)
}

func (p *parser) binding(st stmt) {
	op := st.op[1:]
	if op == "global" {
		op = "globl"
	}
	for _, name := range strings.Split(st.args, ",") {
		s := p.f.symbol(trim(name))
		switch op {
		case "hidden", "protected", "internal":
			s.vis = op
		default:
			if s.bind != "weak" || op != "globl" {
				s.bind = op
			}
		}
	}
}

// size ends the function it names.
func (p *parser) size(args string) {
	name, expr, _ := strings.Cut(args, ",")
	name = trim(name)
	p.f.symbol(name).size = trim(expr)
	if p.open != nil && p.open.name == name {
		p.close()
	}
}

// alias reads ".set NAME,EXPR".
func (p *parser) alias(st stmt) {
	name, expr, _ := strings.Cut(st.args, ",")
	a := &alias{name: trim(name), expr: trim(expr), weak: st.op == ".weakref", line: st.line}
	a.target, a.offset, _ = symbolPlus(a.expr)
	p.f.alias[a.name] = a
	p.f.aliases = append(p.f.aliases, a)
}

// symbolPlus takes apart "sym", "sym+8" and "8+sym".
func symbolPlus(expr string) (sym string, offset int64, ok bool) {
	t := tokens{s: expr}
	sign := int64(1)
	for tok, more := t.next(); more; tok, more = t.next() {
		switch {
		case tok.kind == tokSym && sym == "" && sign == 1:
			sym = tok.text
		case tok.kind == tokNum:
			n, err := strconv.ParseInt(tok.text, 0, 64)
			if err != nil {
				return "", 0, false
			}
			offset += sign * n
		case tok.text == "+":
			sign = 1
			continue
		case tok.text == "-":
			sign = -1
			continue
		default:
			return "", 0, false
		}
	}
	return sym, offset, sym != "" && sym != "."
}

// common reads ".comm NAME,SIZE[,ALIGN]".
func (p *parser) common(st stmt) {
	arg := strings.Split(st.args, ",")
	if len(arg) < 2 {
		return
	}
	name, size := trim(arg[0]), trim(arg[1])
	b := &block{name: name, sec: p.section(".bss", ""), align: 1, line: st.line, common: true}
	if len(arg) > 2 {
		b.align = alignment(stmt{op: ".align", args: trim(arg[2])})
	}
	b.items = []stmt{{op: ".zero", args: size, kind: directive, line: st.line}}
	s := p.f.symbol(name)
	if s.size = size; st.op == ".lcomm" {
		s.bind = "local"
	}
	p.f.blocks[name] = b
	p.f.order = append(p.f.order, b)
	p.f.vars = append(p.f.vars, b)
}

// finish drops labels nobody uses and gives tables of code labels to their functions.
func (p *parser) finish() {
	f := p.f
	used := f.usedLabels()
	for _, fn := range f.funcs {
		for _, s := range fn.streams {
			s.stmts = dropLabels(s.stmts, used)
		}
		if !fn.closed {
			fn.problems = append(fn.problems, problem{
				code: "asm-function", what: fmt.Sprintf("function %q has no .size", fn.name), at: stmt{line: fn.line},
			})
		}
	}
	for name := range f.labels {
		if !used[name] {
			delete(f.labels, name)
		}
	}
	f.giveTables()
	f.giveLoose()
}

func dropLabels(in []stmt, used map[string]bool) []stmt {
	out := in[:0]
	for _, st := range in {
		if st.kind == label && isLocal(st.op) && !used[st.op] {
			continue
		}
		out = append(out, st)
	}
	return out
}

// usedLabels returns the local labels that a kept statement mentions.
func (f *File) usedLabels() map[string]bool {
	used := make(map[string]bool, 2*len(f.labels))
	mark := func(from *fn, stmts []stmt) {
		for _, st := range stmts {
			eachLocal(st.args, func(name string) {
				used[name] = true
				from.relate(f.labels[name])
			})
		}
	}
	for _, fn := range f.funcs {
		for _, s := range fn.streams {
			mark(fn, s.stmts)
		}
	}
	for _, b := range f.order {
		mark(nil, b.items)
	}
	for _, l := range f.loose {
		mark(nil, []stmt{l.stmt})
	}
	for _, a := range f.alias {
		used[a.target] = true
	}
	return used
}

// relate notes that one of two functions uses a label of the other.
func (f *fn) relate(other *fn) {
	if f == nil || other == nil || f == other || slices.Contains(f.kin, other) {
		return
	}
	f.kin, other.kin = append(f.kin, other), append(other.kin, f)
}

// eachLocal calls yield for each local label among the tokens of s.
func eachLocal(s string, yield func(string)) {
	if !strings.Contains(s, ".L") {
		return
	}
	t := tokens{s: s}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind == tokSym && isLocal(tok.text) {
			yield(tok.text)
		}
	}
}

// giveTables finds the data that mentions labels inside code.
func (f *File) giveTables() {
	for _, b := range f.order {
		for _, st := range b.items {
			eachLocal(st.args, func(name string) { f.give(b, name, st) })
		}
	}
}

func (f *File) give(b *block, name string, st stmt) {
	owner := f.labels[name]
	if owner == nil || owner == b.owner {
		return
	}
	if b.owner == nil {
		b.owner = owner
		owner.tables = append(owner.tables, b)
		return
	}
	what := fmt.Sprintf("the table %q holds labels of both %q and %q", b.name, b.owner.name, owner.name)
	for _, fn := range []*fn{b.owner, owner} {
		fn.problems = append(fn.problems, problem{code: "label-table", what: what, at: st})
	}
}

// giveLoose marks the functions that unlabelled data points into, such as tables of profiled functions.
func (f *File) giveLoose() {
	for _, l := range f.loose {
		if l.sec.class == classExec || l.sec.isCtor() || l.sec.isDtor() {
			continue
		}
		owner := l.open
		eachLocal(l.stmt.args, func(name string) {
			if fn := f.labels[name]; fn != nil {
				owner = fn
			}
		})
		if owner != nil {
			owner.problems = append(owner.problems, problem{
				code: "entry-table", at: l.stmt,
				what: fmt.Sprintf("section %s records an address inside the function", l.sec.name),
			})
		}
	}
	if f.hasBlockIn(".eh_frame") {
		f.problems = append(f.problems, problem{
			code: "asm-directive", what: "the unit writes its unwind tables out instead of using .cfi directives",
			hint: "build without -fno-dwarf2-cfi-asm",
		})
	}
}

func (f *File) hasBlockIn(section string) bool {
	for _, b := range f.order {
		if b.sec.name == section {
			return true
		}
	}
	return false
}
