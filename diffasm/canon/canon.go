package canon

import (
	"bytes"
	"crypto/sha256"
	"strconv"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/kpname"
)

// Writer writes canonical text. Two functions are equal when their canonical texts are.
type Writer struct {
	f     *asm.File
	Names func(name string) string // canonical token of a symbol
	Bare  bool                     // leave out kinds of sections: what a patch keeps of them is checked without
	Code  bool                     // leave out what is said for the unwinder
	Dir   string                   // directory of the build, which strings that begin with it are written without; "" for none

	out    bytes.Buffer
	marks  []Mark        // where each statement of the function begins
	fn     *asm.Function // the function being written, nil for data
	nums   map[string]int
	tables map[string]int // label tables by first use, from 1
	active []string       // literals and tables being written
	Deep   bool           // something was too deep or circular
	Op     string         // current statement, for names
	Pos    int            // token index in it
	memo   map[string]string
	pure   bool // no symbol was written since it was set
}

// Mark is the begin of a statement in the canonical text.
type Mark struct {
	start     int
	Statement asm.Statement
}

// New returns a writer for a file; names gives each symbol its canonical token, and may be called with Op and Pos at its use.
func New(f *asm.File, names func(string) string) *Writer {
	return &Writer{f: f, Names: names, nums: map[string]int{}, tables: map[string]int{}, memo: map[string]string{}}
}

// maxDepth bounds chains of aliases and literals that mention literals.
const maxDepth = 32

// Function returns the canonical text of a function, valid until the next call.
func (c *Writer) Function(fn *asm.Function) []byte {
	c.begin(fn)
	for _, st := range fn.Align {
		c.statement(st)
	}
	for i, s := range fn.Streams {
		if len(s.Statements) == 0 { // of a function without .size, which seems to go on where debug information begins
			continue
		}
		c.cold(i)
		if !c.Bare {
			c.out.WriteString("@" + s.Section.TextKind() + "\n")
		}
		for _, st := range s.Statements {
			c.statement(st)
		}
	}
	return c.out.Bytes()
}

// cold begins a further stream of the function.
func (c *Writer) cold(stream int) {
	if stream > 0 && !c.Bare {
		c.out.WriteString("@cold\n")
	}
}

func (c *Writer) begin(fn *asm.Function) {
	c.out.Reset()
	c.marks = c.marks[:0]
	c.active = c.active[:0]
	c.fn, c.Deep = fn, false
	c.nums, c.tables = empty(c.nums), empty(c.tables)
}

// Alone returns the canonical text of a statement outside functions.
func (c *Writer) Alone(st asm.Statement) string {
	c.begin(&asm.Function{})
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

// Data returns the canonical initialiser of a variable.
func (c *Writer) Data(b *asm.Block) string {
	c.begin(nil)
	c.active = append(c.active, b.Name)
	c.items(b)
	return c.out.String()
}

// Hash is the signature of the text.
func (c *Writer) Hash(fn *asm.Function) [sha256.Size]byte { return sha256.Sum256(c.Function(fn)) }

func (c *Writer) statement(st asm.Statement) {
	if c.Code && strings.HasPrefix(st.Op, ".cfi_") {
		return
	}
	c.marks = append(c.marks, Mark{c.out.Len(), st})
	c.Op = st.Op
	if st.Kind == asm.Label {
		c.label(st)
		return
	}
	c.out.WriteString(st.Op)
	c.operands(st)
	c.out.WriteByte('\n')
}

func (c *Writer) label(st asm.Statement) {
	switch name := st.Op; {
	case name == c.fn.Name:
		c.out.WriteString("<self>")
	case asm.IsPart(c.fn.Name, name):
		c.out.WriteString("<cold>")
	case asm.IsLocal(name):
		c.number(name)
	default:
		c.out.WriteString(name)
	}
	c.out.WriteString(":\n")
}

// number writes a label of the function by first use.
func (c *Writer) number(name string) {
	n, ok := c.nums[name]
	if !ok {
		n = len(c.nums)
		c.nums[name] = n
	}
	c.out.WriteString("L" + strconv.Itoa(n))
}

// operands writes the operand list of st, each symbol by what it stands for.
func (c *Writer) operands(st asm.Statement) {
	t := asm.Tokens{Text: st.Args}
	word := true // the token before ended in a word byte
	c.Pos = 0
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		isWord := tok.Kind != asm.TokenPunct && tok.Kind != asm.TokenModifier
		if c.Pos == 0 || isWord && word && tok.Space {
			c.out.WriteByte(' ')
		}
		word = isWord
		switch tok.Kind {
		case asm.TokenSymbol:
			c.ref(tok.Text, st)
		case asm.TokenNumber:
			c.out.WriteString(asm.NormalNumber(tok.Text))
		case asm.TokenString:
			c.str(tok.Text)
		default:
			c.out.WriteString(tok.Text)
		}
		c.Pos++
	}
}

// str writes a quoted string; where it is the path of a source (__FILE__), without the directory of the build.
func (c *Writer) str(text string) {
	if rest, ok := strings.CutPrefix(text, `"`+c.Dir+"/"); ok && c.Dir != "" {
		c.out.WriteString(`"<dir>/` + rest)
		return
	}
	c.out.WriteString(text)
}

// ref writes what name stands for.
func (c *Writer) ref(name string, st asm.Statement) {
	f := c.f
	n, known := c.nums[name]
	switch {
	case name == ".":
		c.out.WriteByte('.')
	case known: // without a look into the larger map
		c.out.WriteString("L" + strconv.Itoa(n))
	case c.fn != nil && (name == c.fn.Name || asm.IsPart(c.fn.Name, name)):
		c.out.WriteString("<self>")
	case c.fn != nil && asm.IsLocal(name) && f.Labels[name] == c.fn:
		c.number(name)
	case f.Inside[name] != nil && c.within(f.Inside[name].Name):
		c.number(name)
	case f.Alias[name] != nil && !asm.IsLocal(name):
		c.namedAlias(f.Alias[name], st)
	default:
		target, off, ok := f.Follow(name)
		if !ok {
			c.Deep = true
		}
		c.target(target, off, st)
	}
}

// namedAlias writes an alias with a symbol's name: the symbol behind it, unless calls through the name may end elsewhere.
func (c *Writer) namedAlias(a *asm.Alias, st asm.Statement) {
	switch {
	case a.Weak:
		c.out.WriteString("weakref " + a.Target)
	case a.Target == "" || c.f.AliasDiffers(a.Name):
		c.symbol(a.Name)
	default:
		target, off, ok := c.f.Follow(a.Name)
		if !ok {
			c.Deep = true
		}
		if c.fn != nil && target == c.fn.Name {
			c.out.WriteString("<self>")
			c.offset(off)
			return
		}
		c.target(target, off, st)
	}
}

// target writes a literal, a table, or a symbol with an offset.
func (c *Writer) target(name string, off int64, st asm.Statement) {
	b := c.f.Blocks[name]
	// An empty block is another name of what stands behind it.
	for n := 0; b != nil && b.Next != nil && len(b.Items) == 0 && n < maxDepth; n++ {
		b = b.Next
	}
	switch {
	case b != nil && b.Owner != nil:
		c.table(b, off)
	case b != nil && c.f.IsLiteral(b):
		c.literal(b, off, st)
	case asm.IsLocal(name) && c.f.Alias[name] != nil:
		c.out.WriteString("<" + c.f.Alias[name].Expression + ">")
		c.offset(off)
	case asm.IsCounter(name):
		c.symbol(name)
		c.offset(off)
	case asm.IsLocal(name): // also writable data with a local name: it has no identity to go by
		c.foreign(name)
		c.offset(off)
	default:
		c.symbol(name)
		c.offset(off)
	}
}

// foreign writes a label that belongs to another function by its place there, and one that belongs to nobody by its name.
func (c *Writer) foreign(name string) {
	if owner := c.f.Labels[name]; owner != nil {
		c.out.WriteString("<label " + strconv.Itoa(labelIndex(owner, name)) + " of ")
		// A patch that is read back has its functions under names of its own.
		c.symbol(strings.TrimSuffix(owner.Name, kpname.Replacing))
		c.out.WriteByte('>')
		return
	}
	c.out.WriteString("<unknown " + name + ">")
}

// labelIndex counts the labels of the function before name.
func labelIndex(f *asm.Function, name string) int {
	n := 0
	for _, s := range f.Streams {
		for _, st := range s.Statements {
			if st.Kind == asm.Label && st.Op == name {
				return n
			}
			if st.Kind == asm.Label {
				n++
			}
		}
	}
	return -1
}

func (c *Writer) symbol(name string) {
	c.pure = false
	c.out.WriteString(c.Names(name))
	// Two versions of a library's function are two functions.
	if s := c.f.Symbols[name]; s != nil && s.Version != "" && !c.f.Defines(name) {
		c.out.WriteString(" " + s.Version)
	}
}

func (c *Writer) offset(off int64) {
	if off != 0 {
		c.out.WriteString("+" + strconv.FormatInt(off, 10))
	}
}

// table writes data that holds labels of a function's code.
func (c *Writer) table(b *asm.Block, off int64) {
	switch {
	case c.within(b.Name):
		c.out.WriteString("<self table>")
	case c.tables[b.Name] > 0: // written out where it is first used
		c.out.WriteString("TAB" + strconv.Itoa(c.tables[b.Name]))
	default:
		c.tables[b.Name] = len(c.tables) + 1
		c.out.WriteString("TAB(")
		c.out.WriteString(strconv.FormatUint(b.Align, 10) + ";")
		c.nested(b)
		c.out.WriteByte(')')
	}
	c.offset(off)
}

// literal writes a constant by its content.
func (c *Writer) literal(b *asm.Block, off int64, st asm.Statement) {
	if c.within(b.Name) {
		c.out.WriteString("<self literal>")
		c.offset(off)
		return
	}
	if text, ok := c.part(b, off, st); ok {
		c.out.WriteString(text)
		return
	}
	if text, ok := c.memo[b.Name]; ok {
		c.out.WriteString(text)
		c.offset(off)
		return
	}
	start, wasPure := c.out.Len(), c.pure
	c.pure = true
	c.out.WriteString("LIT(" + c.litKind(b) + strconv.FormatUint(b.Align, 10) + ";")
	c.nested(b)
	c.out.WriteByte(')')
	// A text with symbols in it changes once more of them are settled, and one inside others may be cut short at a cycle.
	if c.pure && len(c.active) <= 1 {
		c.memo[b.Name] = string(c.out.Bytes()[start:])
	}
	c.pure = c.pure && wasPure
	c.offset(off)
}

func (c *Writer) litKind(b *asm.Block) string {
	switch {
	case c.Bare:
		return ""
	case b.Section.Strings:
		return "str "
	case b.Section.Merge:
		return "cst "
	case b.Section.Class == asm.ReadOnly:
		return "ro "
	}
	return b.Section.Class.String() + " "
}

func (c *Writer) within(name string) bool {
	for _, a := range c.active {
		if a == name {
			return true
		}
	}
	return false
}

// nested writes the items of a block that is mentioned by another.
func (c *Writer) nested(b *asm.Block) {
	if len(c.active) >= maxDepth || c.out.Len() > c.limit() {
		c.Deep = true
		return
	}
	op, pos := c.Op, c.Pos
	c.active = append(c.active, b.Name)
	c.items(b)
	c.active = c.active[:len(c.active)-1]
	c.Op, c.Pos = op, pos
}

// limit bounds the text: literals that mention others more than once would grow it without end.
func (c *Writer) limit() int { return 1<<20 + 8*len(c.f.Text) }

func (c *Writer) items(b *asm.Block) {
	for _, st := range b.Items {
		if st.Kind == asm.Label { // inside an exception table
			c.number(st.Op)
			c.out.WriteByte(':')
			continue
		}
		c.Op = st.Op
		c.out.WriteString(st.Op)
		c.operands(st)
		c.out.WriteByte(';')
	}
}

// part writes the bytes an instruction reads of a mergeable constant, so that sharing of constants makes no difference.
func (c *Writer) part(b *asm.Block, off int64, st asm.Statement) (string, bool) {
	if c.Bare || !b.Section.Merge || b.Section.Strings || st.Kind != asm.Instruction || st.Asm {
		return "", false
	}
	size := machine.Of(c.f).Decode(st).AccessSize
	raw, ok := asm.ConstBytes(b)
	if size == 0 || !ok || off < 0 || off+size > int64(len(raw)) {
		return "", false
	}
	return "CST(" + strconv.Quote(string(raw[off:off+size])) + ")", true
}
