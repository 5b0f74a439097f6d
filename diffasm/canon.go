package diffasm

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"strings"

	"gocare/internal/patchname"
)

// canon writes canonical text. Two functions are equal when their canonical texts are.
type canon struct {
	f     *File
	names func(name string) string // canonical token of a symbol
	bare  bool                     // leave out kinds of sections: what a patch keeps of them is checked without
	dir   string                   // directory of the build, which strings that begin with it are written without; "" for none

	out    bytes.Buffer
	marks  []mark // where each statement of the function begins
	fn     *fn    // the function being written, nil for data
	nums   map[string]int
	tables map[string]int // label tables by first use, from 1
	active []string       // literals and tables being written
	deep   bool           // something was too deep or circular
	op     string         // current statement, for names
	pos    int            // token index in it
	memo   map[string]string
	pure   bool // no symbol was written since it was set
}

// mark is the begin of a statement in the canonical text.
type mark struct {
	start int
	st    stmt
}

func newCanon(f *File, names func(string) string) *canon {
	return &canon{f: f, names: names, nums: map[string]int{}, tables: map[string]int{}, memo: map[string]string{}}
}

// maxDepth bounds chains of aliases and literals that mention literals.
const maxDepth = 32

// function returns the canonical text of fn, valid until the next call.
func (c *canon) function(fn *fn) []byte {
	c.begin(fn)
	for _, st := range fn.align {
		c.statement(st)
	}
	for i, s := range fn.streams {
		c.cold(i)
		if !c.bare {
			c.out.WriteString("@" + s.sec.textKind() + "\n")
		}
		for _, st := range s.stmts {
			c.statement(st)
		}
	}
	return c.out.Bytes()
}

// cold begins a further stream of the function.
func (c *canon) cold(stream int) {
	if stream > 0 && !c.bare {
		c.out.WriteString("@cold\n")
	}
}

func (c *canon) begin(fn *fn) {
	c.out.Reset()
	c.marks = c.marks[:0]
	c.active = c.active[:0]
	c.fn, c.deep = fn, false
	c.nums, c.tables = empty(c.nums), empty(c.tables)
}

// alone returns the canonical text of a statement outside functions.
func (c *canon) alone(st stmt) string {
	c.begin(&fn{})
	c.statement(st)
	return c.out.String()
}

// empty returns m without entries, or a new map in place of one that has become too large to clear for every function.
func empty(m map[string]int) map[string]int {
	if len(m) > 256 {
		return map[string]int{}
	}
	clear(m)
	return m
}

// data returns the canonical initialiser of a variable.
func (c *canon) data(b *block) string {
	c.begin(nil)
	c.active = append(c.active, b.name)
	c.items(b)
	return c.out.String()
}

// hash is the signature of the text.
func (c *canon) hash(fn *fn) [sha256.Size]byte { return sha256.Sum256(c.function(fn)) }

func (c *canon) statement(st stmt) {
	c.marks = append(c.marks, mark{c.out.Len(), st})
	c.op = st.op
	if st.kind == label {
		c.label(st)
		return
	}
	c.out.WriteString(st.op)
	c.operands(st)
	c.out.WriteByte('\n')
}

func (c *canon) label(st stmt) {
	switch name := st.op; {
	case name == c.fn.name:
		c.out.WriteString("<self>")
	case isPart(c.fn.name, name):
		c.out.WriteString("<cold>")
	case isLocal(name):
		c.number(name)
	default:
		c.out.WriteString(name)
	}
	c.out.WriteString(":\n")
}

// number writes a label of the function by first use.
func (c *canon) number(name string) {
	n, ok := c.nums[name]
	if !ok {
		n = len(c.nums)
		c.nums[name] = n
	}
	c.out.WriteString("L" + strconv.Itoa(n))
}

// operands writes the operand list of st, each symbol by what it stands for.
func (c *canon) operands(st stmt) {
	t := tokens{s: st.args}
	word := true // the token before ended in a word byte
	c.pos = 0
	for tok, ok := t.next(); ok; tok, ok = t.next() {
		isWord := tok.kind != tokPunct && tok.kind != tokMod
		if c.pos == 0 || isWord && word && tok.space {
			c.out.WriteByte(' ')
		}
		word = isWord
		switch tok.kind {
		case tokSym:
			c.ref(tok.text, st)
		case tokNum:
			c.out.WriteString(normalNumber(tok.text))
		case tokStr:
			c.str(tok.text)
		default:
			c.out.WriteString(tok.text)
		}
		c.pos++
	}
}

// str writes a quoted string; where it is the path of a source (__FILE__), without the directory of the build.
func (c *canon) str(text string) {
	if rest, ok := strings.CutPrefix(text, `"`+c.dir+"/"); ok && c.dir != "" {
		c.out.WriteString(`"<dir>/` + rest)
		return
	}
	c.out.WriteString(text)
}

// ref writes what name stands for.
func (c *canon) ref(name string, st stmt) {
	f := c.f
	n, known := c.nums[name]
	switch {
	case name == ".":
		c.out.WriteByte('.')
	case known: // without a look into the larger map
		c.out.WriteString("L" + strconv.Itoa(n))
	case c.fn != nil && (name == c.fn.name || isPart(c.fn.name, name)):
		c.out.WriteString("<self>")
	case c.fn != nil && isLocal(name) && f.labels[name] == c.fn:
		c.number(name)
	case f.alias[name] != nil && !isLocal(name):
		c.namedAlias(f.alias[name], st)
	default:
		target, off, ok := f.follow(name)
		if !ok {
			c.deep = true
		}
		c.target(target, off, st)
	}
}

// namedAlias writes an alias with a symbol's name: the symbol behind it, unless calls through the name may end elsewhere.
func (c *canon) namedAlias(a *alias, st stmt) {
	switch {
	case a.weak:
		c.out.WriteString("weakref " + a.target)
	case a.target == "" || c.f.interposed(a.name):
		c.symbol(a.name)
	default:
		target, off, ok := c.f.follow(a.name)
		if !ok {
			c.deep = true
		}
		if c.fn != nil && target == c.fn.name {
			c.out.WriteString("<self>")
			c.offset(off)
			return
		}
		c.target(target, off, st)
	}
}

// target writes a literal, a table, or a symbol with an offset.
func (c *canon) target(name string, off int64, st stmt) {
	b := c.f.blocks[name]
	for n := 0; b != nil && b.next != nil && len(b.items) == 0 && n < maxDepth; n++ {
		b = b.next
	}
	switch {
	case b != nil && b.owner != nil:
		c.table(b, off)
	case b != nil && c.f.isLiteral(b):
		c.literal(b, off, st)
	case isLocal(name) && c.f.alias[name] != nil:
		c.out.WriteString("<" + c.f.alias[name].expr + ">")
		c.offset(off)
	case isLocal(name): // also writable data with a local name: it has no identity to go by
		c.foreign(name)
		c.offset(off)
	default:
		c.symbol(name)
		c.offset(off)
	}
}

// foreign writes a label that belongs to another function by its place there, and one that belongs to nobody by its name.
func (c *canon) foreign(name string) {
	if owner := c.f.labels[name]; owner != nil {
		c.out.WriteString("<label " + strconv.Itoa(owner.labelIndex(name)) + " of ")
		c.symbol(strings.TrimSuffix(owner.name, patchname.ReplacingSuffix))
		c.out.WriteByte('>')
		return
	}
	c.out.WriteString("<unknown " + name + ">")
}

// labelIndex counts the labels of the function before name.
func (f *fn) labelIndex(name string) int {
	n := 0
	for _, s := range f.streams {
		for _, st := range s.stmts {
			if st.kind == label && st.op == name {
				return n
			}
			if st.kind == label {
				n++
			}
		}
	}
	return -1
}

func (c *canon) symbol(name string) {
	c.pure = false
	c.out.WriteString(c.names(name))
	if s := c.f.symbols[name]; s != nil && s.symver != "" && !c.f.defines(name) {
		c.out.WriteString(" " + s.symver)
	}
}

func (c *canon) offset(off int64) {
	if off != 0 {
		c.out.WriteString("+" + strconv.FormatInt(off, 10))
	}
}

// table writes data that holds labels of a function's code.
func (c *canon) table(b *block, off int64) {
	switch {
	case c.within(b.name):
		c.out.WriteString("<self table>")
	case c.tables[b.name] > 0: // written out where it is first used
		c.out.WriteString("TAB" + strconv.Itoa(c.tables[b.name]))
	default:
		c.tables[b.name] = len(c.tables) + 1
		c.out.WriteString("TAB(")
		c.out.WriteString(strconv.FormatUint(b.align, 10) + ";")
		c.nested(b)
		c.out.WriteByte(')')
	}
	c.offset(off)
}

// literal writes a constant by its content.
func (c *canon) literal(b *block, off int64, st stmt) {
	if c.within(b.name) {
		c.out.WriteString("<self literal>")
		c.offset(off)
		return
	}
	if text, ok := c.part(b, off, st); ok {
		c.out.WriteString(text)
		return
	}
	if text, ok := c.memo[b.name]; ok {
		c.out.WriteString(text)
		c.offset(off)
		return
	}
	start, wasPure := c.out.Len(), c.pure
	c.pure = true
	c.out.WriteString("LIT(" + c.litKind(b) + strconv.FormatUint(b.align, 10) + ";")
	c.nested(b)
	c.out.WriteByte(')')
	// A text with symbols in it changes once more of them are settled, and one inside others may be cut short at a cycle.
	if c.pure && len(c.active) <= 1 {
		c.memo[b.name] = string(c.out.Bytes()[start:])
	}
	c.pure = c.pure && wasPure
	c.offset(off)
}

func (c *canon) litKind(b *block) string {
	switch {
	case c.bare:
		return ""
	case b.sec.str:
		return "str "
	case b.sec.merge:
		return "cst "
	case b.sec.class == classRO:
		return "ro "
	}
	return b.sec.class.String() + " "
}

func (c *canon) within(name string) bool {
	for _, a := range c.active {
		if a == name {
			return true
		}
	}
	return false
}

// nested writes the items of a block that is mentioned by another.
func (c *canon) nested(b *block) {
	if len(c.active) >= maxDepth || c.out.Len() > c.limit() {
		c.deep = true
		return
	}
	op, pos := c.op, c.pos
	c.active = append(c.active, b.name)
	c.items(b)
	c.active = c.active[:len(c.active)-1]
	c.op, c.pos = op, pos
}

// limit bounds the text: literals that mention others more than once would grow it without end.
func (c *canon) limit() int { return 1<<20 + 8*len(c.f.src) }

func (c *canon) items(b *block) {
	for _, st := range b.items {
		c.op = st.op
		c.out.WriteString(st.op)
		c.operands(st)
		c.out.WriteByte(';')
	}
}

// part writes the bytes an instruction reads of a mergeable constant, so that sharing of constants makes no difference.
func (c *canon) part(b *block, off int64, st stmt) (string, bool) {
	if c.bare || !b.sec.merge || b.sec.str || st.kind != insn || st.asm {
		return "", false
	}
	size := machineOf(c.f).Decode(st).AccessSize
	raw, ok := constBytes(b)
	if size == 0 || !ok || off < 0 || off+size > int64(len(raw)) {
		return "", false
	}
	return "CST(" + strconv.Quote(string(raw[off:off+size])) + ")", true
}
