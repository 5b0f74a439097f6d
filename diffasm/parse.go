package diffasm

import (
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/fault"
)

// parser holds the state between statements.
type parser struct {
	f     *File
	lx    lexer
	cur   *section
	prev  *section
	stack [][2]*section
	open  *fn
	last  *fn // the function closed last
	data  map[*section]*block
	align map[*section][]stmt // alignment directives waiting for a label
	app   *section            // section at #APP
	src   srcPos
	macro int    // depth of macro definitions being skipped
	room  []stmt // where the statements of the open function's first stream grow
}

// bytesPerLabel is how much assembly there is for a local label in code, roughly: maps that start with the right size need not
// be copied while they grow.
const bytesPerLabel = 256

// parseText reads the assembly of one unit. The name is for messages.
func parseText(name string, src []byte) (*File, error) {
	if strings.IndexByte(string(src[:min(len(src), 1<<16)]), 0) >= 0 {
		return nil, fault.Refuse("not-assembly", name, "not assembly text: contains a zero byte")
	}
	f := &File{
		Name: name, arch: elf.EM_X86_64, src: string(src), sections: map[string]*section{}, symbols: map[string]*symbol{},
		fnByName: map[string]*fn{}, blocks: map[string]*block{}, alias: map[string]*alias{},
		labels: make(map[string]*fn, len(src)/bytesPerLabel), files: map[int32]string{}, macros: map[string]bool{},
		debug: map[string][][2]int{},
	}
	p := &parser{f: f, lx: lexer{src: f.src}, data: map[*section]*block{}, align: map[*section][]stmt{}}
	if strings.HasPrefix(f.src, "; ModuleID") { // LLVM's language, from clang -flto -S
		f.lto = append(f.lto, "LLVM IR")
		return f, nil
	}
	p.cur = p.section(".text", "")
	p.prev = p.cur
	for {
		text, ok := p.lx.next()
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
	if p.open != nil && p.open.asm {
		p.problem("asm-function", fmt.Sprintf("function %q has no .size", p.open.name), stmt{line: p.lx.line})
		p.close()
	}
	if p.open != nil && p.app != nil && p.app != p.cur {
		p.problem("asm-section", "inline assembly leaves another section active", stmt{line: p.lx.line, src: p.src})
		p.cur = p.app
	}
}

func (p *parser) problem(code, what string, at stmt) {
	p.open.problems = append(p.open.problems, problem{code: code, what: what, at: at})
}

// text takes one statement with the labels before it.
func (p *parser) text(s string) {
	if p.macro > 0 {
		switch firstWord(s) {
		case ".macro":
			p.macro++
		case ".endm":
			p.macro--
		}
		return
	}
	if p.cur.class == classDrop && s[0] != '.' && !p.lx.asm {
		return
	}
	for {
		name, rest, ok := cutLabel(s)
		if !ok {
			break
		}
		p.stmt(stmt{op: name, kind: label, line: p.lx.line, asm: p.lx.asm, src: p.src})
		if s = rest; s == "" {
			return
		}
	}
	st := stmt{op: s, line: p.lx.line, asm: p.lx.asm, src: p.src}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		st.op, st.args = s[:i], trim(s[i:])
	}
	if strings.HasPrefix(st.args, "=") && symByte[st.op[0]] { // name = expression
		st.op, st.args = ".set", st.op+","+trim(st.args[1:])
	} else if i := strings.IndexByte(st.op, '='); i > 0 && symByte[st.op[0]] {
		st.op, st.args = ".set", st.op[:i]+","+trim(st.op[i+1:]+st.args)
	}
	if st.op[0] == '.' {
		st.kind = directive
	}
	p.stmt(st)
}

// cutLabel splits "name: rest".
func cutLabel(s string) (name, rest string, ok bool) {
	if !symByte[s[0]] {
		return "", "", false
	}
	i := 1
	for i < len(s) && (symByte[s[i]] || s[i] == '$') {
		i++
	}
	if i < len(s) && s[i] == ':' {
		return s[:i], trim(s[i+1:]), true
	}
	return "", "", false
}

func (p *parser) stmt(st stmt) {
	if p.open != nil && st.asm && !p.open.asm {
		p.asmStmt(st)
		return
	}
	if st.kind == directive {
		if p.switchSection(st) {
			return
		}
		if p.cur.class == classDrop && !aboutSymbols[st.op] || p.directive(st) {
			return
		}
	}
	switch {
	case p.cur.class == classDrop:
	case p.cur.class == classExec:
		p.code(st)
	case st.kind == label:
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
func (p *parser) section(name, attrs string) *section {
	name = strings.Trim(name, `"`)
	s := p.f.sections[name]
	if s == nil {
		s = newSection(name, attrs)
		p.f.sections[name] = s
		if isLTO(name) {
			p.f.lto = append(p.f.lto, name)
		}
	}
	return s
}

// switchSection follows the directives that choose the current section.
func (p *parser) switchSection(st stmt) bool {
	var to *section
	switch st.op {
	case ".text", ".data", ".bss":
		to = p.section(st.op, "")
	case ".section", ".pushsection":
		name, attrs, _ := strings.Cut(st.args, ",")
		if st.op == ".pushsection" {
			p.stack = append(p.stack, [2]*section{p.cur, p.prev})
		}
		to = p.section(trim(name), attrs)
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

// enter makes a section current and notes where the text of debug sections begins and ends.
func (p *parser) enter(to *section) {
	if list := p.f.debug[p.cur.name]; p.cur.class == classDrop && len(list) > 0 {
		list[len(list)-1][1] = p.lx.pos
	}
	if to.class == classDrop && strings.HasPrefix(to.name, ".debug_") {
		p.f.debug[to.name] = append(p.f.debug[to.name], [2]int{p.lx.pos, len(p.f.src)})
	}
	p.prev, p.cur = p.cur, to
}

// asmStmt takes a statement of inline assembly: all of them stay with the open function, in order.
func (p *parser) asmStmt(st stmt) {
	if st.op == ".loc" { // of the compiler: it writes the next place before #NO_APP
		p.loc(st.args)
		return
	}
	at := p.app
	if at == nil || at.class != classExec {
		at = p.cur
	}
	p.append(at, st)
	switch {
	case st.kind == label:
		p.asmLabel(st)
	case p.f.macros[st.op]:
		p.problem("asm-macro", fmt.Sprintf("inline assembly uses the macro %q", st.op), st)
	case st.kind != directive:
	case p.switchSection(st) || st.op == ".subsection":
		p.problem("asm-section", "inline assembly switches sections", st)
	case asmOdd[st.op]:
		p.problem("asm-directive", fmt.Sprintf("inline assembly uses %s", st.op), st)
	case st.op == ".set" || st.op == ".equ":
		name, _, _ := strings.Cut(st.args, ",")
		p.asmLabel(stmt{op: trim(name), line: st.line, src: st.src})
	}
}

func (p *parser) asmLabel(st stmt) {
	switch {
	case isNumeric(st.op):
	case isLocal(st.op):
		p.f.labels[st.op] = p.open
	default:
		p.problem("asm-label", fmt.Sprintf("inline assembly defines the symbol %q", st.op), st)
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
func (p *parser) code(st stmt) {
	switch {
	case p.open == nil && st.kind == label && !isLocal(st.op) && p.isFunction(st.op):
		p.openFunc(st)
	case p.open == nil && isAlign(st.op):
		p.align[p.cur] = append(p.align[p.cur], st)
	case p.open == nil && st.op == ".cfi_endproc" && p.last != nil:
		p.appendTo(p.last, p.cur, st)
	case p.open == nil:
		if st.kind != label || !isLocal(st.op) {
			p.f.loose = append(p.f.loose, loose{sec: p.cur, stmt: st})
		}
	case st.kind == label && !isLocal(st.op) && !isNumeric(st.op):
		p.symbolInside(st)
	default:
		if st.kind == label && isLocal(st.op) {
			p.f.labels[st.op] = p.open
		}
		p.append(p.cur, st)
	}
}

// symbolInside takes a symbol that appears while a function is open: its cold part, the next function, or something odd.
func (p *parser) symbolInside(st stmt) {
	switch {
	case isPart(p.open.name, st.op):
		p.open.parts = append(p.open.parts, st.op)
		p.append(p.cur, st)
	case p.isFunction(st.op):
		p.problem("asm-function", fmt.Sprintf("function %q has no .size before %q begins", p.open.name, st.op), st)
		p.close()
		p.openFunc(st)
	default:
		p.problem("asm-label", fmt.Sprintf("the symbol %q is defined inside the function", st.op), st)
		p.append(p.cur, st)
	}
}

func (p *parser) isFunction(name string) bool {
	s := p.f.symbols[name]
	return s != nil && (s.typ == "function" || s.typ == "gnu_indirect_function")
}

func (p *parser) openFunc(st stmt) {
	p.open = &fn{name: st.op, index: len(p.f.funcs), line: st.line, align: p.align[p.cur], asm: st.asm}
	delete(p.align, p.cur)
	if p.cur.comdt {
		p.problem("comdat", "the function is in a section group of which the linker keeps one copy", st)
	}
	if st.asm {
		p.problem("asm-function", "the function is written in assembly", st)
	}
	if p.f.fnByName[st.op] != nil {
		p.problem("asm-function", "the function is defined twice", st)
	}
	p.f.funcs = append(p.f.funcs, p.open)
	p.f.fnByName[st.op] = p.open
	p.append(p.cur, st)
}

func (p *parser) close() {
	if len(p.open.streams) > 0 {
		s := p.open.streams[0]
		p.room, s.stmts = s.stmts[:0], slices.Clone(s.stmts)
	}
	p.open.closed = true
	p.last, p.open = p.open, nil
}

func (p *parser) append(sec *section, st stmt) { p.appendTo(p.open, sec, st) }

func (p *parser) appendTo(f *fn, sec *section, st stmt) {
	for _, s := range f.streams {
		if s.sec == sec {
			s.stmts = append(s.stmts, st)
			return
		}
	}
	var room []stmt
	if len(f.streams) == 0 {
		room, p.room = p.room, nil
	}
	f.streams = append(f.streams, &stream{sec: sec, stmts: append(room, st)})
}

// dataLabel begins a block.
func (p *parser) dataLabel(st stmt) {
	// Constants of one size follow each other without an alignment of their own.
	b := &block{name: st.op, sec: p.cur, align: max(1, p.cur.entry&-p.cur.entry), line: st.line}
	for _, a := range p.align[p.cur] {
		b.align = max(b.align, alignment(a))
	}
	if old := p.data[p.cur]; old != nil && len(old.items) == 0 && len(p.align[p.cur]) == 0 && old.next == nil {
		old.next, b.align = b, old.align
	}
	delete(p.align, p.cur)
	p.data[p.cur] = b
	p.f.blocks[st.op] = b
	p.f.order = append(p.f.order, b)
	if !isLocal(st.op) {
		p.f.vars = append(p.f.vars, b)
	}
}

// dataItem adds to the block that is open in the section.
func (p *parser) dataItem(st stmt) {
	if isAlign(st.op) {
		p.align[p.cur] = append(p.align[p.cur], st)
		return
	}
	b := p.data[p.cur]
	if b == nil || p.cur.isCtor() || p.cur.isDtor() {
		p.f.loose = append(p.f.loose, loose{sec: p.cur, stmt: st, open: p.open})
		delete(p.align, p.cur)
		return
	}
	b.items = append(append(b.items, p.align[p.cur]...), st)
	delete(p.align, p.cur)
}

func isAlign(op string) bool {
	return op == ".p2align" || op == ".align" || op == ".balign"
}

// alignment returns the bytes an alignment directive asks for.
func alignment(st stmt) uint64 {
	arg, _, _ := strings.Cut(st.args, ",")
	n, err := strconv.ParseUint(trim(arg), 0, 32)
	if err != nil {
		return 1
	}
	if st.op == ".p2align" {
		return 1 << min(n, 31)
	}
	return max(n, 1)
}
