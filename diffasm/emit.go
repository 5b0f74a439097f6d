package diffasm

import (
	"bytes"
	"fmt"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/patchname"
)

// emitter writes the assembly of a selection.
type emitter struct {
	d   *Delta
	clo *closure
	out bytes.Buffer
	fn  *fn  // function being written, nil for data
	asm bool // inside #APP
}

// Emit writes the assembly of the chosen functions and reads it back to check it.
func Emit(s *Selection) (*Emitted, error) {
	res := &Emitted{}
	if s.Empty() {
		return res, nil
	}
	e := &emitter{d: s.d, clo: s.clo}
	for i, pair := range s.chosen {
		e.function(pair)
		res.Functions = append(res.Functions, e.describe(pair, s.Functions[i]))
	}
	for _, b := range s.clo.data {
		e.data(b)
	}
	e.tail(s)
	res.Statics = s.clo.statics
	res.Globals = e.globals(s)
	res.Asm = e.out.Bytes()
	if err := selfCheck(s, res); err != nil {
		return nil, err
	}
	return res, nil
}

func (e *emitter) line(format string, args ...any) { fmt.Fprintf(&e.out, format+"\n", args...) }

// newName is the label of a symbol in the patch: .kpatch replaces, .kpnew has no counterpart.
func newName(p *fn, o *fn) string {
	if o == nil {
		return p.name + patchname.NewSuffix
	}
	return p.name + patchname.ReplacingSuffix
}

func (e *emitter) describe(pair fnPair, f Function) EmittedFunction {
	ef := EmittedFunction{Name: pair.p.name, Symbol: newName(pair.p, pair.o), Reason: f.Reason}
	if pair.o != nil {
		ef.Calls, ef.Spares = e.d.reached(pair.p), e.d.spares(pair.p, pair.o)
		ef.Name, ef.Orig = pair.o.name, pair.o.name
		ef.Parts = pair.o.parts
	}
	return ef
}

// function writes one function, its cold part directly behind it; .size covers both.
func (e *emitter) function(pair fnPair) {
	e.fn = pair.p
	name := newName(pair.p, pair.o)
	e.line("\t.section\t%s,\"ax\",@progbits", patchname.TextSection)
	for _, st := range pair.p.align {
		e.statement(st)
	}
	e.export(pair.p.name, pair.o == nil, name)
	e.line("\t.type\t%s, @function", name)
	for _, s := range pair.p.streams {
		for _, st := range s.stmts {
			e.inline(st.asm)
			e.statement(st)
		}
	}
	e.inline(false)
	e.line("\t.size\t%s, .-%s", name, name)
	if f := e.d.patched; pair.o != nil && f.isGlobal(pair.p.name) && !e.d.orig.isGlobal(pair.o.name) {
		e.export(pair.p.name, true, pair.p.name+patchname.NewSuffix)
		e.line("\t.set\t%s, %s", pair.p.name+patchname.NewSuffix, name)
	}
	e.fn = nil
}

// export makes a new global symbol visible to the other units of the patch.
func (e *emitter) export(name string, isNew bool, symbol string) {
	if !isNew || !e.d.patched.isGlobal(name) {
		return
	}
	if e.d.patched.symbols[name].bind == "weak" {
		e.line("\t.weak\t%s", symbol)
		return
	}
	e.line("\t.globl\t%s", symbol)
}

// inline marks where inline assembly begins and ends.
func (e *emitter) inline(asm bool) {
	switch {
	case asm && !e.asm:
		e.line("#APP")
	case e.asm && !asm:
		e.line("#NO_APP")
	}
	e.asm = asm
}

func (e *emitter) statement(st stmt) {
	if st.kind == label {
		if st.op == e.fn.name || isPart(e.fn.name, st.op) {
			e.line("%s:", e.label(st.op))
			return
		}
		e.line("%s:", st.op)
		return
	}
	if st.args == "" {
		e.line("\t%s", st.op)
		return
	}
	e.line("\t%s\t%s", st.op, e.rename(st.args))
}

// label is the name of the open function or of its cold part in the patch.
func (e *emitter) label(name string) string {
	base := newName(e.fn, e.d.m.origFunc(e.fn))
	return base + name[len(e.fn.name):]
}

// rename writes an operand list with the names of the original unit and of the patch.
func (e *emitter) rename(args string) string {
	var b strings.Builder
	last := 0
	t := tokens{s: args}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		if tok.kind != tokSym {
			continue
		}
		if to := e.name(tok.text); to != tok.text {
			b.WriteString(args[last:tok.start])
			b.WriteString(to)
			last = tok.start + len(tok.text)
		}
	}
	if last == 0 {
		return args
	}
	return b.String() + args[last:]
}

// name is what a symbol of the patched unit is called in the patch.
func (e *emitter) name(n string) string {
	f := e.d.patched
	if n == "." || isLocal(n) {
		return n
	}
	if e.fn != nil && isPart(e.fn.name, n) {
		return e.label(n)
	}
	if a := f.alias[n]; a != nil {
		return e.aliasName(a)
	}
	if fn := f.fnByName[n]; fn != nil {
		if o := e.d.m.origFunc(fn); o != nil {
			return o.name
		}
		return n + patchname.NewSuffix
	}
	if b := f.blocks[n]; b != nil {
		if f.isLiteral(b) {
			return patchname.LiteralPrefix + n
		}
		if o := e.d.m.origVar(b); o != nil && !e.clo.copies[b] {
			return o.name
		}
		return n + patchname.NewSuffix
	}
	return n
}

// aliasName keeps an alias that the original has for the same thing; another one is written as what it stands for.
func (e *emitter) aliasName(a *alias) string {
	if a.weak || a.target == "" {
		return a.name
	}
	target, off, _ := e.d.patched.follow(a.name)
	to := e.name(target)
	if o := e.d.orig.alias[a.name]; o != nil && !o.weak {
		if ot, oo, ok := e.d.orig.follow(a.name); ok && ot == to && oo == off {
			return a.name
		}
	}
	if off != 0 {
		return fmt.Sprintf("%s%+d", to, off)
	}
	return to
}

// data writes a literal, a table or a new variable.
func (e *emitter) data(b *block) {
	name := e.name(b.name)
	if len(b.items) == 0 && b.next != nil {
		e.line("\t.set\t%s, %s", name, e.name(b.next.name))
		return
	}
	if e.needsData(b) {
		e.line("\t.section\t%s,\"aw\",@progbits", patchname.DataSection)
	} else {
		e.line("\t.section\t%s,\"a\",@progbits", patchname.RodataSection)
	}
	if b.align > 1 {
		e.line("\t.balign\t%d", b.align)
	}
	if !isLocal(name) {
		e.export(b.name, true, name)
		e.line("\t.type\t%s, @object", name)
		if size := e.d.patched.size(b); size != "" {
			e.line("\t.size\t%s, %s", name, size)
		}
	}
	e.line("%s:", name)
	e.fn = b.owner
	for _, st := range b.items {
		e.statement(st)
	}
	e.fn = nil
}

// needsData reports whether a block is writable or holds addresses that are only known at run time.
func (e *emitter) needsData(b *block) bool {
	if b.sec.class != classRO {
		return true
	}
	for _, st := range b.items {
		for _, expr := range strings.Split(st.args, ",") {
			if st.op[0] == '.' && itemSize(st.op) > 0 && !isDistance(expr) {
				return true
			}
		}
	}
	return false
}

// isDistance reports whether an expression has no symbols or is the difference of two.
func isDistance(expr string) bool {
	plus, minus, sign := 0, 0, 1
	t := tokens{s: expr}
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		switch {
		case tok.text == "-":
			sign = -1
			continue
		case tok.kind == tokSym && sign < 0:
			minus++
		case tok.kind == tokSym:
			plus++
		}
		sign = 1
	}
	return plus == minus
}

// tail writes aliases and what the assembler has to know about undefined names.
func (e *emitter) tail(s *Selection) {
	for _, a := range s.clo.aliases {
		if a.weak {
			e.line("\t.weakref\t%s, %s", a.name, a.target)
			continue
		}
		e.line("\t.set\t%s, %s", a.name, e.rename(a.expr))
	}
	for _, n := range s.clo.externs {
		sym := e.d.patched.symbols[n]
		if sym == nil {
			continue
		}
		if sym.bind == "weak" {
			e.line("\t.weak\t%s", n)
		}
		if sym.vis != "" {
			e.line("\t.%s\t%s", sym.vis, n)
		}
		if sym.symver != "" {
			e.line("\t.symver\t%s, %s", n, sym.symver)
		}
	}
	e.line("\t.section\t.note.GNU-stack,\"\",@progbits")
}

// globals lists the new global functions and variables by source name.
func (e *emitter) globals(s *Selection) (list []string) {
	for _, pair := range s.chosen {
		if pair.o == nil && e.d.patched.isGlobal(pair.p.name) {
			list = append(list, pair.p.name)
		}
	}
	for _, n := range s.clo.newVars {
		if e.d.patched.isGlobal(n) {
			list = append(list, n)
		}
	}
	return list
}

// selfCheck reads the emitted assembly and compares every function with the patched unit's.
func selfCheck(s *Selection, res *Emitted) error {
	back, err := parseText("emitted assembly", res.Asm)
	if err != nil {
		return err
	}
	want := newCanon(s.d.patched.File, func(n string) string {
		if b := s.d.patched.blocks[n]; b != nil && s.copies[b] {
			return "+" + n
		}
		return s.d.m.p.name(n)
	})
	// In the patch everything lies in sections of its own: which one is no difference.
	want.bare = true
	got := newCanon(back, nil)
	got.bare = true
	for i, pair := range s.chosen {
		fn := back.fnByName[res.Functions[i].Symbol]
		if fn == nil {
			return bug(pair.p.name, "it is missing")
		}
		self := pair.p.name
		if pair.o != nil {
			self = pair.o.name
		}
		got.names = func(n string) string { return emittedToken(s.d.orig, n, self) }
		a := string(want.function(pair.p))
		if b := string(got.function(fn)); a != b {
			return bug(pair.p.name, firstDifference(a, b))
		}
	}
	got.names = func(n string) string { return emittedToken(s.d.orig, n, "") }
	for _, name := range s.clo.newVars {
		b := back.blocks[name+patchname.NewSuffix]
		if b == nil {
			return bug(name, "it is missing")
		}
		if a, b := want.data(s.d.patched.blocks[name]), got.data(b); a != b {
			return bug(name, firstDifference(a, b))
		}
	}
	return nil
}

// emittedToken is the canonical token of a name in emitted assembly, inside the function self of the original.
func emittedToken(orig *Unit, n, self string) string {
	off := int64(0)
	if a := orig.alias[n]; a != nil && !a.weak && !orig.interposed(n) {
		n, off, _ = orig.follow(n)
	}
	switch {
	case n == self:
		n = "<self>"
	case strings.HasSuffix(n, patchname.NewSuffix):
		n = "+" + strings.TrimSuffix(n, patchname.NewSuffix)
	}
	if off != 0 {
		n = fmt.Sprintf("%s%+d", n, off)
	}
	return n
}

func firstDifference(a, b string) string {
	al, bl := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := 0; i < len(al) && i < len(bl); i++ {
		if al[i] != bl[i] {
			return fmt.Sprintf("%q became %q", al[i], bl[i])
		}
	}
	return fmt.Sprintf("%d lines became %d", len(al), len(bl))
}

func bug(name, what string) error {
	return fault.New(fault.Bug, "", "emitted assembly of %q differs from the patched unit's: %s", name, what).
		WithHint("report this with both assembly files")
}
