package diffasm

import (
	"strconv"
	"strings"
)

// stmtKind tells labels, directives and instructions apart.
type stmtKind uint8

const (
	insn stmtKind = iota
	directive
	label
)

// stmt is one statement of the assembly, its comments dropped.
type stmt struct {
	op   string // mnemonic, directive with its dot, or the label's name
	args string // the rest
	line int32  // line in the assembly, from 1
	src  srcPos // place of the nearest .loc before it
	kind stmtKind
	asm  bool // between #APP and #NO_APP
}

// srcPos is a place in a source file as .loc gives it.
type srcPos struct{ file, line int32 }

// lexer splits assembly text into statements.
type lexer struct {
	src     string
	pos     int    // start of the next line
	rest    string // unread part of the current line
	line    int32
	asm     bool // inside #APP
	comment bool // inside a comment that began on an earlier line
	event   lexEvent
}

// lexEvent is what the last line meant besides statements.
type lexEvent uint8

const (
	noEvent lexEvent = iota
	appBegin
	appEnd
)

// special marks the bytes that need a closer look while splitting a line.
var special = [256]bool{'#': true, ';': true, '"': true, '/': true, '\'': true}

// next returns the text of the next statement, trimmed and never empty. An event stands alone, with empty text.
func (lx *lexer) next() (text string, ok bool) {
	lx.event = noEvent
	for {
		for lx.rest != "" {
			var s string
			s, lx.rest = lx.cut(lx.rest)
			if s = trim(s); s != "" {
				return s, true
			}
		}
		if lx.pos >= len(lx.src) {
			return "", false
		}
		if lx.readLine(); lx.event != noEvent {
			return "", true
		}
	}
}

// readLine makes the next line current, without comments that begin it.
func (lx *lexer) readLine() {
	line := lx.src[lx.pos:]
	if n := strings.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	lx.pos = min(lx.pos+len(line)+1, len(lx.src))
	lx.line++
	if lx.comment {
		n := strings.Index(line, "*/")
		if n < 0 {
			return
		}
		lx.comment, line = false, line[n+2:]
	}
	line = trim(line)
	switch {
	case line == "":
	case line[0] == '#':
		lx.marker(line)
	case line[0] == '/' && !strings.HasPrefix(line, "/*"):
		// A slash begins a comment at the start of a line only.
	default:
		lx.rest = line
	}
}

func (lx *lexer) marker(line string) {
	switch {
	case strings.HasPrefix(line, "#APP"):
		lx.asm, lx.event = true, appBegin
	case strings.HasPrefix(line, "#NO_APP"):
		lx.asm, lx.event = false, appEnd
	}
}

// cut returns the first statement of s and what follows its separator.
func (lx *lexer) cut(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if !special[s[i]] {
			continue
		}
		switch s[i] {
		case '#':
			return s[:i], ""
		case ';':
			return s[:i], s[i+1:]
		case '"':
			i = endOfString(s, i) - 1
		case '\'':
			i = endOfChar(s, i) - 1
		case '/':
			if strings.HasPrefix(s[i:], "/*") {
				return lx.skipComment(s, i)
			}
		}
	}
	return s, ""
}

// skipComment cuts s around the comment that begins at i.
func (lx *lexer) skipComment(s string, i int) (first, rest string) {
	n := strings.Index(s[i+2:], "*/")
	if n < 0 {
		lx.comment = true
		return s[:i], ""
	}
	return lx.cut(s[:i] + " " + s[i+2+n+2:])
}

// endOfString returns the index behind the string that begins at i.
func endOfString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// endOfChar returns the index behind the character constant that begins at i ('a, '\n or 'a').
func endOfChar(s string, i int) int {
	i++
	if i < len(s) && s[i] == '\\' {
		i++
	}
	if i++; i < len(s) && s[i] == '\'' {
		i++
	}
	return min(i, len(s))
}

func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' }

// symByte marks the bytes of symbol names; '$' counts inside one only.
var symByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '_' || c == '.' || c >= 0x80
	}
	return t
}()

// tokKind is the kind of a token of an operand list.
type tokKind uint8

const (
	tokSym   tokKind = iota // symbol, label or the dot
	tokReg                  // %rax
	tokNum                  // number, also 1b and 1f
	tokStr                  // "..." with its quotes
	tokMod                  // @PLT
	tokPunct                // one byte
)

type token struct {
	kind  tokKind
	text  string
	start int  // index in the operands
	space bool // white space before it
}

// tokens walks the tokens of an operand list.
type tokens struct {
	s string
	i int
}

func (t *tokens) next() (tok token, ok bool) {
	from := t.i
	for t.i < len(t.s) && isSpace(t.s[t.i]) {
		t.i++
	}
	if t.i >= len(t.s) {
		return tok, false
	}
	tok = token{start: t.i, space: t.i > from}
	tok.kind = t.scan()
	tok.text = t.s[tok.start:t.i]
	return tok, true
}

// scan moves behind the token at t.i and returns its kind.
func (t *tokens) scan() tokKind {
	switch c := t.s[t.i]; {
	case c == '"':
		t.i = endOfString(t.s, t.i)
		return tokStr
	case c == '\'':
		t.i = endOfChar(t.s, t.i)
		return tokNum
	case c == '%' && t.i+1 < len(t.s) && symByte[t.s[t.i+1]]:
		t.word()
		return tokReg
	case c == '@' && t.i+1 < len(t.s) && (symByte[t.s[t.i+1]] || t.s[t.i+1] == '@'):
		t.word()
		return tokMod
	case c >= '0' && c <= '9':
		t.word()
		return tokNum
	case symByte[c]:
		t.word()
		return tokSym
	}
	t.i++
	return tokPunct
}

// word skips one byte and the symbol bytes behind it.
func (t *tokens) word() {
	for t.i++; t.i < len(t.s) && (symByte[t.s[t.i]] || t.s[t.i] == '$'); t.i++ {
	}
}

// isLocal reports whether name is a label that the assembler keeps out of the symbol table.
func isLocal(name string) bool { return strings.HasPrefix(name, ".L") }

// isNumeric reports whether name is a label such as 1, used as 1b or 1f.
func isNumeric(name string) bool { return name != "" && name[0] >= '0' && name[0] <= '9' }

// number reads a signed or unsigned number of up to 64 bits.
func number(s string) (uint64, bool) {
	if v, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(v), true
	}
	v, err := strconv.ParseUint(s, 0, 64)
	return v, err == nil
}
