package asm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// directive takes the directives that say something about symbols or are dropped; it reports whether st was one.
func (p *parser) directive(st Statement) bool {
	switch st.Op {
	case ".loc":
		p.loc(st.Args)
	case ".file":
		p.file(st.Args)
	case ".ident":
		p.f.Clang = p.f.Clang || strings.Contains(st.Args, "clang version")
	case ".addrsig":
		p.f.Clang = true
	case ".cfi_sections", ".loc_mark_labels", ".addrsig_sym", ".version", ".title":
	case ".globl", ".global", ".weak", ".local", ".hidden", ".protected", ".internal":
		p.binding(st)
	case ".type":
		name, typ, _ := strings.Cut(st.Args, ",")
		p.f.symbol(Trim(name)).Type = strings.Trim(Trim(typ), `@%"`)
	case ".size":
		p.size(st.Args)
	case ".set", ".equ", ".weakref":
		p.alias(st)
	case ".symver":
		name, ver, _ := strings.Cut(st.Args, ",")
		p.f.symbol(Trim(name)).Version = Trim(ver)
	case ".comm", ".lcomm":
		p.common(st)
	case ".variant_pcs": // calls through a PLT entry that binds late would lose registers; those of a patch are bound
	case kpname.Unclear:
		if p.open != nil {
			p.problem(fault.ObjectUnclear, unquote(st.Args), Statement{Line: p.open.Line, Place: p.src})
		}
	case ".intel_syntax":
		p.f.Intel = true
	case ".att_syntax":
		p.f.Intel = false
	case ".macro":
		p.f.Macros[FirstWord(st.Args)] = true
		p.macro = 1
	default:
		return p.mode(st)
	}
	return true
}

// mode takes a directive that says which instructions there are, from here on.
func (p *parser) mode(st Statement) bool {
	if !p.f.Syntax.Modes[st.Op] {
		return false
	}
	p.modes = append(slices.DeleteFunc(slices.Clone(p.modes), func(m Statement) bool { return m.Op == st.Op }), st)
	return true
}

// FirstWord returns what stands before the first white space or comma.
func FirstWord(s string) string {
	if i := strings.IndexAny(s, " \t,"); i >= 0 {
		return s[:i]
	}
	return s
}

// loc reads ".loc FILE LINE COLUMN ...".
func (p *parser) loc(args string) {
	file, rest, _ := strings.Cut(args, " ")
	line, _, _ := strings.Cut(Trim(rest), " ")
	n, err := strconv.ParseInt(file, 10, 32)
	l, err2 := strconv.ParseInt(line, 10, 32)
	if err == nil && err2 == nil {
		p.src = Position{int32(n), int32(l)}
	}
}

// file reads ".file NAME" and ".file N [DIR] NAME [md5 ...]".
func (p *parser) file(args string) {
	var names []string
	t := Tokens{Text: args}
	num := int64(-1)
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		switch {
		case tok.Kind == TokenString:
			names = append(names, unquote(tok.Text))
		case tok.Kind == TokenNumber && num < 0:
			if n, err := strconv.ParseInt(tok.Text, 10, 32); err == nil {
				num = n
			}
		case tok.Kind == TokenSymbol:
			t.At = len(t.Text) // md5 and what follows
		}
	}
	switch {
	case len(names) == 0:
	case num < 0:
		p.f.Source = names[0]
	default:
		p.f.Files[int32(num)] = names[len(names)-1]
	}
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return strings.Trim(s, `"`)
}

func (p *parser) binding(st Statement) {
	op := st.Op[1:]
	if op == "global" {
		op = "globl"
	}
	for _, name := range strings.Split(st.Args, ",") {
		s := p.f.symbol(Trim(name))
		switch op {
		case "hidden", "protected", "internal":
			s.Visibility = op
		default:
			if s.Binding != "weak" || op != "globl" {
				s.Binding = op
			}
		}
	}
}

// size ends the function it names.
func (p *parser) size(args string) {
	name, expr, _ := strings.Cut(args, ",")
	name = Trim(name)
	p.f.symbol(name).Size = Trim(expr)
	if p.open != nil && p.open.Name == name {
		p.close()
	}
}

// alias reads ".set NAME,EXPR".
func (p *parser) alias(st Statement) {
	name, expr, _ := strings.Cut(st.Args, ",")
	a := &Alias{Name: Trim(name), Expression: Trim(expr), Weak: st.Op == ".weakref", Line: st.Line}
	a.Target, a.Offset, _ = SymbolPlus(a.Expression)
	p.f.Alias[a.Name] = a
	p.f.Aliases = append(p.f.Aliases, a)
}

// SymbolPlus takes apart "sym", "sym+8" and "8+sym".
func SymbolPlus(expr string) (sym string, offset int64, ok bool) {
	t := Tokens{Text: expr}
	sign := int64(1)
	for tok, more := t.Next(); more; tok, more = t.Next() {
		switch {
		case tok.Kind == TokenSymbol && sym == "" && sign == 1:
			sym = tok.Text
		case tok.Kind == TokenNumber:
			n, err := strconv.ParseInt(tok.Text, 0, 64)
			if err != nil {
				return "", 0, false
			}
			offset += sign * n
		case tok.Text == "+":
			sign = 1
			continue
		case tok.Text == "-":
			sign = -1
			continue
		default:
			return "", 0, false
		}
	}
	return sym, offset, sym != "" && sym != "."
}

// common reads ".comm NAME,SIZE[,ALIGN]".
func (p *parser) common(st Statement) {
	arg := strings.Split(st.Args, ",")
	if len(arg) < 2 {
		return
	}
	name, size := Trim(arg[0]), Trim(arg[1])
	b := &Block{Name: name, Section: p.section(".bss", ""), Align: 1, Line: st.Line, Common: true}
	if len(arg) > 2 {
		b.Align = alignment(Statement{Op: ".align", Args: Trim(arg[2])})
	}
	b.Items = []Statement{{Op: ".zero", Args: size, Kind: Directive, Line: st.Line}}
	s := p.f.symbol(name)
	if s.Size = size; st.Op == ".lcomm" {
		s.Binding = "local"
	}
	p.f.Blocks[name] = b
	p.f.Order = append(p.f.Order, b)
	if !isConstant(name) {
		p.f.Variables = append(p.f.Variables, b)
	}
}

// finish drops labels nobody uses and gives tables of code labels to their functions.
func (p *parser) finish() {
	f := p.f
	p.placeParts()
	used := f.usedLabels()
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			s.Statements = dropLabels(s.Statements, used)
		}
		if !fn.closed {
			fn.Problems = append(fn.Problems, Problem{
				Code: fault.AsmFunction, What: fmt.Sprintf("function %q has no .size", fn.Name), At: Statement{Line: fn.Line},
			})
		}
	}
	for name := range f.Labels {
		if !used[name] {
			delete(f.Labels, name)
		}
	}
	f.giveTables()
	f.giveLoose()
}

func dropLabels(in []Statement, used map[string]bool) []Statement {
	out := in[:0]
	for _, st := range in {
		if st.Kind == Label && IsLocal(st.Op) && !used[st.Op] {
			continue
		}
		out = append(out, st)
	}
	return out
}

// usedLabels returns the local labels that a kept statement mentions.
func (f *File) usedLabels() map[string]bool {
	// -g brings labels that only the debug sections mention. They are no part of the code: with them, the same source would give other
	// functions with -g than without.
	used := make(map[string]bool, 2*len(f.Labels))
	mark := func(from *Function, stmts []Statement) {
		for _, st := range stmts {
			EachLocal(st.Args, func(name string) {
				used[name] = true
				from.relate(f.Labels[name])
			})
		}
	}
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			mark(fn, s.Statements)
		}
	}
	for _, b := range f.Order {
		mark(nil, b.Items)
	}
	for _, l := range f.Loose {
		mark(nil, []Statement{l.Statement})
	}
	for _, a := range f.Alias {
		used[a.Target] = true
	}
	return used
}

// relate notes that one of two functions uses a label of the other.
func (f *Function) relate(other *Function) {
	if f == nil || other == nil || f == other || slices.Contains(f.Kin, other) {
		return
	}
	f.Kin, other.Kin = append(f.Kin, other), append(other.Kin, f)
}

// EachLocal calls yield for each local label among the tokens of s.
func EachLocal(s string, yield func(string)) {
	if !strings.Contains(s, ".L") {
		return
	}
	t := Tokens{Text: s}
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind == TokenSymbol && IsLocal(tok.Text) {
			yield(tok.Text)
		}
	}
}

// giveTables finds the data that mentions labels inside code.
func (f *File) giveTables() {
	for _, b := range f.Order {
		for _, st := range b.Items {
			EachLocal(st.Args, func(name string) { f.give(b, name, st) })
		}
	}
}

func (f *File) give(b *Block, name string, st Statement) {
	owner := f.Labels[name]
	if owner == nil || owner == b.Owner {
		return
	}
	if b.Owner == nil {
		b.Owner = owner
		owner.Tables = append(owner.Tables, b)
		return
	}
	what := fmt.Sprintf("the table %q holds labels of both %q and %q", b.Name, b.Owner.Name, owner.Name)
	for _, fn := range []*Function{b.Owner, owner} {
		fn.Problems = append(fn.Problems, Problem{Code: fault.LabelTable, What: what, At: st})
	}
}

// giveLoose marks the functions that unlabelled data points into, such as tables of profiled functions.
func (f *File) giveLoose() {
	for _, l := range f.Loose {
		if l.Section.Class == Executable || l.Section.IsCtor() || l.Section.IsDtor() {
			continue
		}
		owner := l.Function
		EachLocal(l.Statement.Args, func(name string) {
			if fn := f.Labels[name]; fn != nil {
				owner = fn
			}
		})
		if owner != nil {
			owner.Problems = append(owner.Problems, Problem{
				Code: fault.EntryTable, At: l.Statement,
				What: fmt.Sprintf("section %s records an address inside the function", l.Section.Name),
			})
		}
	}
	if f.hasBlockIn(".eh_frame") {
		f.Problems = append(f.Problems, Problem{
			Code: fault.AsmDirective, What: "the unit writes its unwind tables out instead of using .cfi directives",
			Hint: "build both versions without -fno-dwarf2-cfi-asm, and restart what runs the old one",
		})
	}
}

func (f *File) hasBlockIn(section string) bool {
	for _, b := range f.Order {
		if b.Section.Name == section {
			return true
		}
	}
	return false
}
