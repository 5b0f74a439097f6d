package asm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/fault"
)

// parser holds the state between statements.
type parser struct {
	f     *File
	lx    Lexer
	cur   *Section
	prev  *Section
	stack [][2]*Section
	open  *Function
	last  *Function // the function closed last
	data  map[*Section]*Block
	align map[*Section][]Statement // alignment directives waiting for a label
	app   *Section                 // section at #APP
	src   Position
	macro int         // depth of macro definitions being skipped
	modes []Statement // which instructions are there, the last of each directive
	notes notes       // in inline assembly
	room  []Statement // where the statements of the open function's first stream grow

	tables exceptionTables
}

// bytesPerLabel is how much assembly there is for a local label in code, roughly: maps that start with the right size need not
// be copied while they grow.
const bytesPerLabel = 256

// hasZero reports whether a statement holds a zero byte. Comments may: clang writes the bytes of a constant there as they are
// (DW_OP_implicit_value).
func hasZero(text string, syntax *Syntax) bool {
	lx := syntax.lexer(text)
	for {
		switch statement, ok := lx.Next(); {
		case !ok:
			return false
		case strings.IndexByte(statement, 0) >= 0:
			return true
		}
	}
}

// Parse reads the assembly of one unit. The name is for messages.
func Parse(syntax *Syntax, name string, src []byte) (*File, error) {
	if bytes.IndexByte(src, 0) >= 0 && hasZero(string(src), syntax) {
		return nil, fault.Refuse(fault.NotAssembly, name, "not assembly text: contains a zero byte")
	}
	f := &File{
		Name: name, Syntax: syntax, Text: string(src), Sections: map[string]*Section{}, Symbols: map[string]*Symbol{},
		FunctionByName: map[string]*Function{}, Blocks: map[string]*Block{}, Alias: map[string]*Alias{},
		Labels: make(map[string]*Function, len(src)/bytesPerLabel), Files: map[int32]string{}, Macros: map[string]bool{},
		Debug: map[string][][2]int{}, Inside: map[string]*Block{},
	}
	p := &parser{f: f, lx: syntax.lexer(f.Text), data: map[*Section]*Block{}, align: map[*Section][]Statement{}}
	p.tables = exceptionTables{owner: map[string]*Function{}, parts: map[string]*Stream{}, lead: map[*Section][]string{}}
	if strings.HasPrefix(f.Text, "; ModuleID") { // LLVM's language, from clang -flto -S
		f.LTO = append(f.LTO, "LLVM IR")
		return f, nil
	}
	p.cur = p.section(".text", "")
	p.prev = p.cur
	for {
		text, ok := p.lx.Next()
		if !ok {
			break
		}
		if p.lx.event != noEvent {
			p.marker()
			continue
		}
		p.text(text)
	}
	p.finish()
	return f, nil
}

// marker follows #APP and #NO_APP. An asm statement has to leave the section as it found it.
func (p *parser) marker() {
	if p.lx.event == appBegin {
		p.app = p.cur
		return
	}
	if p.open != nil {
		p.endNotes(Statement{Line: p.lx.line, Place: p.src})
	}
	if p.open != nil && p.open.asm {
		p.problem(fault.AsmFunction, fmt.Sprintf("function %q has no .size", p.open.Name), Statement{Line: p.lx.line})
		p.close()
	}
	if p.open != nil && p.app != nil && p.app != p.cur {
		p.problem(fault.AsmSection, "inline assembly leaves another section active", Statement{Line: p.lx.line, Place: p.src})
		p.cur = p.app
	}
}

func (p *parser) problem(code fault.Code, what string, at Statement) {
	p.open.Problems = append(p.open.Problems, Problem{Code: code, What: what, At: at})
}

// text takes one statement with the labels before it.
func (p *parser) text(s string) {
	if p.macro > 0 {
		switch FirstWord(s) {
		case ".macro":
			p.macro++
		case ".endm":
			p.macro--
		}
		return
	}
	if p.cur.Class == Dropped && s[0] != '.' && !p.lx.asm {
		return
	}
	for {
		name, rest, ok := CutLabel(s)
		if !ok {
			break
		}
		p.stmt(Statement{Op: name, Kind: Label, Line: p.lx.line, Asm: p.lx.asm, Place: p.src})
		if s = rest; s == "" {
			return
		}
	}
	st := Statement{Op: s, Line: p.lx.line, Asm: p.lx.asm, Place: p.src}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		st.Op, st.Args = s[:i], Trim(s[i:])
	}
	if strings.HasPrefix(st.Args, "=") && symByte[st.Op[0]] { // name = expression
		st.Op, st.Args = ".set", st.Op+","+Trim(st.Args[1:])
	} else if i := strings.IndexByte(st.Op, '='); i > 0 && symByte[st.Op[0]] {
		st.Op, st.Args = ".set", st.Op[:i]+","+Trim(st.Op[i+1:]+st.Args)
	}
	if st.Op[0] == '.' {
		st.Kind = Directive
	}
	p.stmt(p.f.Syntax.plain(st))
}

// CutLabel splits "name: rest".
func CutLabel(s string) (name, rest string, ok bool) {
	if !symByte[s[0]] {
		return "", "", false
	}
	i := 1
	for i < len(s) && (symByte[s[i]] || s[i] == '$') {
		i++
	}
	if i < len(s) && s[i] == ':' {
		return s[:i], Trim(s[i+1:]), true
	}
	return "", "", false
}

func (p *parser) stmt(st Statement) {
	if p.open != nil && st.Asm && !p.open.asm {
		p.asmStmt(st)
		return
	}
	if st.Kind == Directive {
		if p.switchSection(st) {
			return
		}
		if p.cur.Class == Dropped && !aboutSymbols[st.Op] || p.directive(st) {
			return
		}
	}
	switch {
	case p.cur.Class == Dropped:
	case p.cur.Class == Executable:
		p.code(st)
	case st.Kind == Label && p.inTable(st):
	case st.Kind == Label:
		p.dataLabel(st)
	default:
		p.dataItem(st)
	}
}

// aboutSymbols are directives that mean the same in every section: clang writes aliases behind the debug sections.
var aboutSymbols = map[string]bool{
	".globl": true, ".global": true, ".weak": true, ".local": true, ".hidden": true, ".protected": true, ".internal": true,
	".type": true, ".set": true, ".equ": true, ".weakref": true, ".symver": true, ".comm": true, ".lcomm": true,
	".ident": true, ".addrsig": true,
}

// section returns the section of that name; attributes count at its first mention.
func (p *parser) section(name, attrs string) *Section {
	name = strings.Trim(name, `"`)
	s := p.f.Sections[name]
	if s == nil {
		s = newSection(name, attrs)
		p.f.Sections[name] = s
		if isLTO(name) {
			p.f.LTO = append(p.f.LTO, name)
		}
	}
	return s
}

// switchSection follows the directives that choose the current section.
func (p *parser) switchSection(st Statement) bool {
	var to *Section
	switch st.Op {
	case ".text", ".data", ".bss":
		to = p.section(st.Op, "")
	case ".section", ".pushsection":
		name, attrs, _ := strings.Cut(st.Args, ",")
		if st.Op == ".pushsection" {
			p.stack = append(p.stack, [2]*Section{p.cur, p.prev})
		}
		to = p.section(Trim(name), attrs)
	case ".previous":
		to = p.prev
	case ".popsection":
		if len(p.stack) > 0 {
			top := p.stack[len(p.stack)-1]
			p.stack = p.stack[:len(p.stack)-1]
			p.cur, p.prev = top[0], top[1]
		}
		return true
	default:
		return false
	}
	p.enter(to)
	return true
}

// enter makes a section current and notes where the text of debug sections begins and ends. A function of a section group that has no
// .size ends where code outside of groups goes on.
func (p *parser) enter(to *Section) {
	if p.open != nil && len(p.open.Streams) > 0 && p.open.Streams[0].Section.comdat && to.Class == Executable && !to.comdat {
		p.problem(fault.AsmFunction, fmt.Sprintf("function %q has no .size", p.open.Name), Statement{Line: p.open.Line})
		p.close()
	}
	if list := p.f.Debug[p.cur.Name]; p.cur.Class == Dropped && len(list) > 0 {
		list[len(list)-1][1] = p.lx.pos
	}
	if to.Class == Dropped && strings.HasPrefix(to.Name, ".debug_") {
		p.f.Debug[to.Name] = append(p.f.Debug[to.Name], [2]int{p.lx.pos, len(p.f.Text)})
	}
	p.prev, p.cur = p.cur, to
}

// asmStmt takes a statement of inline assembly: all of them stay with the open function, in order.
func (p *parser) asmStmt(st Statement) {
	if st.Op == ".loc" { // of the compiler: it writes the next place before #NO_APP
		p.loc(st.Args)
		return
	}
	if p.note(st) {
		return
	}
	at := p.app
	if at == nil || at.Class != Executable {
		at = p.cur
	}
	p.append(at, st)
	switch {
	case st.Kind == Label:
		p.asmLabel(st)
	case p.f.Macros[st.Op]:
		p.problem(fault.AsmMacro, fmt.Sprintf("inline assembly uses the macro %q", st.Op), st)
	case FirstWord(st.Args) == ".req": // NAME .req REGISTER: other text may mean the register by that name then
		p.problem(fault.AsmDirective, fmt.Sprintf("inline assembly gives a register the name %q (.req)", st.Op), st)
	case st.Kind != Directive:
	case p.switchSection(st) || st.Op == ".subsection":
		p.problem(fault.AsmSection, "inline assembly switches sections: "+strings.TrimSpace(st.Op+" "+st.Args), st)
	case asmOdd[st.Op]:
		p.problem(fault.AsmDirective, fmt.Sprintf("inline assembly uses %s", st.Op), st)
	case st.Op == ".set" || st.Op == ".equ":
		name, _, _ := strings.Cut(st.Args, ",")
		p.asmLabel(Statement{Op: Trim(name), Line: st.Line, Place: st.Place})
	}
}

func (p *parser) asmLabel(st Statement) {
	switch {
	case IsNumeric(st.Op):
	case IsLocal(st.Op):
		p.f.Labels[st.Op] = p.open
	default:
		p.problem(fault.AsmLabel, fmt.Sprintf("inline assembly defines the symbol %q", st.Op), st)
	}
}

// asmOdd are directives in inline assembly whose meaning depends on more than the function.
var asmOdd = map[string]bool{
	".macro": true, ".endm": true, ".purgem": true, ".altmacro": true, ".include": true, ".incbin": true, ".org": true,
	".if": true, ".ifdef": true, ".ifndef": true, ".else": true, ".elseif": true, ".endif": true, ".reloc": true,
	".intel_syntax": true, ".att_syntax": true, ".globl": true, ".global": true, ".weak": true, ".type": true, ".size": true,
	".symver": true, ".comm": true, ".lcomm": true, ".code32": true, ".code64": true, ".code16": true, ".arch": true,
}

// code takes a statement in a code section.
func (p *parser) code(st Statement) {
	switch {
	case p.open == nil && st.Kind == Label && !IsLocal(st.Op) && p.isFunction(st.Op):
		p.openFunc(st)
	case p.open == nil && isAlign(st.Op):
		p.align[p.cur] = append(p.align[p.cur], st)
	case p.open == nil && st.Op == ".cfi_endproc" && p.last != nil:
		p.appendTo(p.last, p.cur, st)
	case p.open == nil:
		if partName.MatchString(st.Op) {
			p.tables.lead[p.cur] = append(p.tables.lead[p.cur], st.Op)
		} else if st.Kind != Label || !IsLocal(st.Op) {
			p.f.Loose = append(p.f.Loose, Loose{Section: p.cur, Statement: st})
		}
	case st.Kind == Label && !IsLocal(st.Op) && !IsNumeric(st.Op):
		p.symbolInside(st)
	default:
		if st.Kind == Label && IsLocal(st.Op) {
			p.f.Labels[st.Op] = p.open
		}
		p.append(p.cur, st)
		p.noteTable(st)
	}
}

// symbolInside takes a symbol that appears while a function is open: its cold part, the next function, or something odd.
func (p *parser) symbolInside(st Statement) {
	switch {
	case IsPart(p.open.Name, st.Op):
		p.open.Parts = append(p.open.Parts, st.Op)
		p.append(p.cur, st)
	case p.isFunction(st.Op):
		p.problem(fault.AsmFunction, fmt.Sprintf("function %q has no .size before %q begins", p.open.Name, st.Op), st)
		p.close()
		p.openFunc(st)
	default:
		p.problem(fault.AsmLabel, fmt.Sprintf("the symbol %q is defined inside the function", st.Op), st)
		p.append(p.cur, st)
	}
}

func (p *parser) isFunction(name string) bool {
	s := p.f.Symbols[name]
	return s != nil && (s.Type == "function" || s.Type == "gnu_indirect_function")
}

func (p *parser) openFunc(st Statement) {
	p.open = &Function{Name: st.Op, Index: len(p.f.Functions), Line: st.Line, Align: p.align[p.cur], Modes: p.modes, asm: st.Asm}
	delete(p.align, p.cur)
	if st.Asm {
		p.problem(fault.AsmFunction, "the function is written in assembly", st)
	}
	if p.f.FunctionByName[st.Op] != nil {
		p.problem(fault.AsmFunction, "the function is defined twice", st)
	}
	p.f.Functions = append(p.f.Functions, p.open)
	p.f.FunctionByName[st.Op] = p.open
	p.append(p.cur, st)
}

func (p *parser) close() {
	if len(p.open.Streams) > 0 {
		s := p.open.Streams[0]
		p.room, s.Statements = s.Statements[:0], slices.Clone(s.Statements)
	}
	p.open.closed = true
	p.last, p.open = p.open, nil
}

func (p *parser) append(sec *Section, st Statement) { p.appendTo(p.open, sec, st) }

func (p *parser) appendTo(f *Function, sec *Section, st Statement) {
	for _, s := range f.Streams {
		if s.Section == sec {
			s.Statements = append(s.Statements, st)
			return
		}
	}
	var room []Statement
	if len(f.Streams) == 0 {
		room, p.room = p.room, nil
	}
	s := &Stream{Section: sec, Statements: append(room, st)}
	f.Streams = append(f.Streams, s)
	p.notePart(sec, s)
}
