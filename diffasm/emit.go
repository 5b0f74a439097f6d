package diffasm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// emitter writes the assembly of a selection.
type emitter struct {
	d     *Delta
	clo   *closure
	moves Moves
	own   map[*asm.Block]bool // literals in sections of their own: the original has them
	out   bytes.Buffer
	fn    *asm.Function // function being written, nil for data
	asm   bool          // inside #APP
}

// Emit writes the assembly of the chosen functions and reads it back to check it.
func Emit(s *Selection) (*Emitted, error) {
	res := &Emitted{}
	if s.Empty() {
		return res, nil
	}
	e := &emitter{d: s.d, clo: s.clo, moves: s.moves, own: map[*asm.Block]bool{}}
	for b := range s.oldLiterals {
		e.own[b] = true
	}
	for b := range s.movedLiterals {
		e.own[b] = true
	}
	for i, pair := range s.chosen {
		e.function(pair)
		res.Functions = append(res.Functions, e.describe(pair, s.Functions[i]))
	}
	for _, b := range s.clo.data {
		e.data(b)
		if o := s.oldLiterals[b]; o != nil {
			res.Literals = append(res.Literals, EmittedLiteral{Section: e.oldSection(b), Orig: o.Name})
		} else if o, moved := s.movedLiterals[b]; moved {
			res.Literals = append(res.Literals, EmittedLiteral{e.oldSection(b), o.Label, &o})
		}
	}
	e.tail(s)
	res.Statics, res.State = s.clo.statics, s.d.newState(s.clo.newVars)
	res.Globals = e.globals(s)
	for _, r := range s.roles {
		res.Roles = append(res.Roles, EmittedRole{r.role, SourceName(r.symbol), e.name(r.symbol)})
	}
	res.Grouped = slices.DeleteFunc(slices.Clone(res.Globals), func(n string) bool { return !e.d.patched.Grouped(n) })
	res.Asm = e.out.Bytes()
	if err := selfCheck(s, res); err != nil {
		return nil, err
	}
	res.Asm = machine.Of(s.d.patched.File).WithRoom(res.Asm)
	return res, nil
}

func (e *emitter) line(format string, args ...any) { fmt.Fprintf(&e.out, format+"\n", args...) }

// old is the function of an original, of this unit or another, that one of the patched unit takes the place of, nil if there is none.
func (e *emitter) old(p *asm.Function) *asm.Function {
	if o := e.d.m.OrigFunction(p); o != nil {
		return o
	}
	return e.moves.Functions[p.Name].code
}

// newName is the label of a function in the patch: .kpatch replaces, .kpnew has no counterpart.
func (e *emitter) newName(p *asm.Function) string {
	if e.old(p) == nil {
		return p.Name + kpname.New
	}
	return p.Name + kpname.Replacing
}

func (e *emitter) describe(pair fnPair, f Function) EmittedFunction {
	ef := EmittedFunction{Name: pair.p.Name, Symbol: e.newName(pair.p), Reason: f.Reason}
	if pair.o != nil {
		ef.Calls, ef.Spares = e.d.reached(pair.p), e.d.spares(pair.p, pair.o)
		ef.Name, ef.Orig = pair.o.Name, pair.o.Name
		ef.Parts = pair.o.Parts
	} else if m, moved := e.moves.Functions[pair.p.Name]; moved {
		ef.Calls, ef.Orig, ef.Parts, ef.Of = e.d.reached(pair.p), m.code.Name, m.code.Parts, &m
	}
	return ef
}

// function writes one function, its cold part directly behind it; .size covers both.
func (e *emitter) function(pair fnPair) {
	e.fn = pair.p
	name := e.newName(pair.p)
	e.line("\t.section\t%s,\"ax\",@progbits", kpname.Text)
	for _, st := range pair.p.Modes {
		e.statement(st)
	}
	e.leadIn(pair)
	for _, st := range pair.p.Align {
		e.statement(st)
	}
	e.export(pair.p.Name, e.old(pair.p) == nil && !e.d.ownThunk(pair), name)
	e.line("\t.type\t%s, @function", name)
	for _, s := range pair.p.Streams {
		for _, st := range s.Statements {
			e.inline(st.Asm)
			e.statement(st)
		}
	}
	e.inline(false)
	e.line("\t.size\t%s, .-%s", name, name)
	if f := e.d.patched; pair.o != nil && f.IsGlobal(pair.p.Name) && !e.d.orig.IsGlobal(pair.o.Name) {
		e.export(pair.p.Name, true, pair.p.Name+kpname.New)
		e.line("\t.set\t%s, %s", pair.p.Name+kpname.New, name)
	}
	e.fn = nil
}

// leadIn leaves room in front of a function for what a hook that cannot be at the very start of the original needs there.
func (e *emitter) leadIn(pair fnPair) {
	o := e.old(pair.p)
	if o == nil {
		return
	}
	if room := machine.Of(e.d.patched.File).LeadIn(o, pair.p); room != "" {
		e.line("\t%s", room)
	}
}

// export makes a new global symbol visible to the other units of the patch.
func (e *emitter) export(name string, isNew bool, symbol string) {
	if !isNew || !e.d.patched.IsGlobal(name) {
		return
	}
	if e.d.patched.Symbols[name].Binding == "weak" {
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

func (e *emitter) statement(st asm.Statement) {
	if st.Kind == asm.Label {
		if st.Op == e.fn.Name || asm.IsPart(e.fn.Name, st.Op) {
			e.line("%s:", e.label(st.Op))
			return
		}
		e.line("%s:", st.Op)
		return
	}
	if st.Args == "" {
		e.line("\t%s", st.Op)
		return
	}
	e.line("\t%s\t%s", st.Op, e.d.patched.Syntax.Operands(st, e.rename(st.Args)))
}

// label is the name of the open function or of its cold part in the patch.
func (e *emitter) label(name string) string {
	base := e.newName(e.fn)
	return base + name[len(e.fn.Name):]
}

// rename writes an operand list with the names of the original unit and of the patch.
func (e *emitter) rename(args string) string {
	var b strings.Builder
	last := 0
	t := asm.Tokens{Text: args}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind != asm.TokenSymbol {
			continue
		}
		if to := e.name(tok.Text); to != tok.Text {
			b.WriteString(args[last:tok.Start])
			b.WriteString(to)
			last = tok.Start + len(tok.Text)
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
	if n == "." || asm.IsLocal(n) && !asm.IsCounter(n) {
		return n
	}
	if e.fn != nil && asm.IsPart(e.fn.Name, n) {
		return e.label(n)
	}
	if a := f.Alias[n]; a != nil {
		return e.aliasName(a)
	}
	if fn := f.FunctionByName[n]; fn != nil {
		if o := e.old(fn); o != nil {
			return o.Name
		}
		return n + kpname.New
	}
	if b := f.Blocks[n]; b != nil {
		if f.IsLiteral(b) {
			return kpname.LiteralPrefix + n
		}
		if o := e.d.m.OrigVariable(b); o != nil && !e.clo.copies[b] {
			return o.Name
		}
		if name, elsewhere := e.clo.elsewhereAs(n); elsewhere {
			return name
		}
		return strings.TrimPrefix(n, ".L") + kpname.New
	}
	return n
}

// aliasName keeps an alias that the original has for the same thing; another one is written as what it stands for.
func (e *emitter) aliasName(a *asm.Alias) string {
	if a.Weak || a.Target == "" {
		return a.Name
	}
	target, off, _ := e.d.patched.Follow(a.Name)
	to := e.name(target)
	if o := e.d.orig.Alias[a.Name]; o != nil && !o.Weak {
		if ot, oo, ok := e.d.orig.Follow(a.Name); ok && ot == to && oo == off {
			return a.Name
		}
	}
	if off != 0 {
		return fmt.Sprintf("%s%+d", to, off)
	}
	return to
}

// tail writes aliases and what the assembler has to know about undefined names.
func (e *emitter) tail(s *Selection) {
	for _, a := range s.clo.aliases {
		if a.Weak {
			e.line("\t.weakref\t%s, %s", a.Name, a.Target)
			continue
		}
		e.line("\t.set\t%s, %s", a.Name, e.rename(a.Expression))
	}
	for _, n := range s.clo.externs {
		sym := e.d.patched.Symbols[n]
		if sym == nil {
			continue
		}
		if sym.Binding == "weak" {
			e.line("\t.weak\t%s", n)
		}
		if sym.Visibility != "" {
			e.line("\t.%s\t%s", sym.Visibility, n)
		}
		if sym.Version != "" {
			e.line("\t.symver\t%s, %s", n, sym.Version)
		}
	}
	e.line("\t.section\t.note.GNU-stack,\"\",@progbits")
}

// globals lists the new global functions and variables by source name.
func (e *emitter) globals(s *Selection) (list []string) {
	for _, pair := range s.chosen {
		if e.old(pair.p) == nil && e.d.patched.IsGlobal(pair.p.Name) && !e.d.ownThunk(pair) {
			list = append(list, pair.p.Name)
		}
	}
	for _, n := range s.clo.newVars {
		if e.d.patched.IsGlobal(n) {
			list = append(list, n)
		}
	}
	return list
}

// selfCheck reads the emitted assembly and compares every function with the patched unit's.
func selfCheck(s *Selection, res *Emitted) error {
	back, err := asm.Parse(s.d.patched.Syntax, "emitted assembly", res.Asm)
	if err != nil {
		return err
	}
	want := canon.New(s.d.patched.File, func(n string) string {
		if b := s.d.patched.Blocks[n]; b != nil && s.copies[b] {
			return "+" + strings.TrimPrefix(n, ".L")
		}
		if name, elsewhere := s.clo.elsewhereAs(n); elsewhere {
			return name
		}
		return s.d.m.Patched.Token(n)
	})
	// In the patch everything lies in sections of its own: which one is no difference.
	want.Bare = true
	got := canon.New(back, nil)
	got.Bare = true
	for i, pair := range s.chosen {
		fn := back.FunctionByName[res.Functions[i].Symbol]
		if fn == nil {
			return bug(pair.p.Name, "it is missing")
		}
		self := pair.p.Name
		if pair.o != nil {
			self = pair.o.Name
		}
		got.Names = func(n string) string { return emittedToken(s.d.orig, n, self) }
		a := string(want.Function(pair.p))
		if b := string(got.Function(fn)); a != b {
			return bug(pair.p.Name, firstDifference(a, b))
		}
	}
	got.Names = func(n string) string { return emittedToken(s.d.orig, n, "") }
	for _, name := range s.clo.newVars {
		b := back.Blocks[name+kpname.New]
		if b == nil {
			return bug(name, "it is missing")
		}
		if a, b := want.Data(s.d.patched.Blocks[name]), got.Data(b); a != b {
			return bug(name, firstDifference(a, b))
		}
	}
	return nil
}

// emittedToken is the canonical token of a name in emitted assembly, inside the function self of the original.
func emittedToken(orig *debuginfo.Unit, n, self string) string {
	off := int64(0)
	if a := orig.Alias[n]; a != nil && !a.Weak && !orig.AliasDiffers(n) {
		n, off, _ = orig.Follow(n)
	}
	switch {
	case n == self:
		n = "<self>"
	case strings.HasSuffix(n, kpname.New):
		n = "+" + strings.TrimSuffix(n, kpname.New)
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
