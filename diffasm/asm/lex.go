package asm

import (
	"strconv"
	"strings"
)

// StatementKind tells labels, directives and instructions apart.
type StatementKind uint8

const (
	Instruction StatementKind = iota
	Directive
	Label
)

// Statement is one statement of the assembly, its comments dropped.
type Statement struct {
	Op    string   // mnemonic, directive with its dot, or the label's name
	Args  string   // the rest
	Line  int32    // line in the assembly, from 1
	Place Position // place of the nearest .loc before it
	Kind  StatementKind
	Asm   bool // between #APP and #NO_APP
}

// Position is a place in a source file as .loc gives it.
type Position struct{ File, Line int32 }

// Lexer splits assembly text into statements.
type Lexer struct {
	Src     string
	Slashes bool   // see Syntax
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

// Next returns the text of the next statement, trimmed and never empty. An event stands alone, with empty text.
func (lx *Lexer) Next() (text string, ok bool) {
	lx.event = noEvent
	for {
		for lx.rest != "" {
			var s string
			s, lx.rest = lx.cut(lx.rest)
			if s = Trim(s); s != "" {
				return s, true
			}
		}
		if lx.pos >= len(lx.Src) {
			return "", false
		}
		if lx.readLine(); lx.event != noEvent {
			return "", true
		}
	}
}

// readLine makes the next line current, without comments that begin it.
func (lx *Lexer) readLine() {
	line := lx.Src[lx.pos:]
	if n := strings.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	lx.pos = min(lx.pos+len(line)+1, len(lx.Src))
	lx.line++
	if lx.comment {
		n := strings.Index(line, "*/")
		if n < 0 {
			return
		}
		lx.comment, line = false, line[n+2:]
	}
	line = Trim(line)
	switch {
	case line == "":
	case line[0] == '#':
		lx.marker(line)
	case line[0] == '/' && !strings.HasPrefix(line, "/*"):
		// A slash begins a comment at the start of a line, everywhere.
		if lx.Slashes {
			lx.marker(line[1:])
		}
	default:
		lx.rest = line
	}
}

func (lx *Lexer) marker(line string) {
	switch line = line[1:]; {
	case strings.HasPrefix(line, "APP"):
		lx.asm, lx.event = true, appBegin
	case strings.HasPrefix(line, "NO_APP"):
		lx.asm, lx.event = false, appEnd
	}
}

// cut returns the first statement of s and what follows its separator.
func (lx *Lexer) cut(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if !special[s[i]] {
			continue
		}
		switch s[i] {
		case '#':
			if !lx.Slashes {
				return s[:i], ""
			}
		case ';':
			return s[:i], s[i+1:]
		case '"':
			i = endOfString(s, i) - 1
		case '\'':
			i = endOfChar(s, i) - 1
		case '/':
			switch {
			case strings.HasPrefix(s[i:], "/*"):
				return lx.skipComment(s, i)
			case lx.Slashes && strings.HasPrefix(s[i:], "//"):
				return s[:i], ""
			}
		}
	}
	return s, ""
}

// skipComment cuts s around the comment that begins at i.
func (lx *Lexer) skipComment(s string, i int) (first, rest string) {
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

// Trim returns a text without the white space around it.
func Trim(s string) string {
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

// TokenKind is the kind of a token of an operand list.
type TokenKind uint8

const (
	TokenSymbol   TokenKind = iota // symbol, label or the dot
	TokenRegister                  // %rax
	TokenNumber                    // number, also 1b and 1f
	TokenString                    // "..." with its quotes
	TokenModifier                  // @PLT, :lo12:
	TokenPunct                     // one byte
)

// Token is one token of an operand list.
type Token struct {
	Kind  TokenKind
	Text  string
	Start int  // index in the operands
	Space bool // white space before it
}

// Tokens walks the tokens of an operand list.
type Tokens struct {
	Text string
	At   int
}

// Next returns the next token; ok is false at the end.
func (t *Tokens) Next() (tok Token, ok bool) {
	from := t.At
	for t.At < len(t.Text) && isSpace(t.Text[t.At]) {
		t.At++
	}
	if t.At >= len(t.Text) {
		return tok, false
	}
	tok = Token{Start: t.At, Space: t.At > from}
	tok.Kind = t.scan()
	tok.Text = t.Text[tok.Start:t.At]
	return tok, true
}

// scan moves behind the token at t.At and returns its kind.
func (t *Tokens) scan() TokenKind {
	switch c := t.Text[t.At]; {
	case c == '"':
		t.At = endOfString(t.Text, t.At)
		return TokenString
	case c == '\'':
		t.At = endOfChar(t.Text, t.At)
		return TokenNumber
	case c == '%' && t.At+1 < len(t.Text) && symByte[t.Text[t.At+1]]:
		t.word()
		return TokenRegister
	case c == '@' && t.At+1 < len(t.Text) && (symByte[t.Text[t.At+1]] || t.Text[t.At+1] == '@'):
		t.word()
		return TokenModifier
	case c == ':' && t.modifier():
		return TokenModifier
	case c >= '0' && c <= '9':
		t.word()
		return TokenNumber
	case symByte[c]:
		t.word()
		return TokenSymbol
	}
	t.At++
	return TokenPunct
}

// modifier skips a word between colons, if there is one.
func (t *Tokens) modifier() bool {
	end := t.At + 1
	for end < len(t.Text) && symByte[t.Text[end]] {
		end++
	}
	if end == t.At+1 || end == len(t.Text) || t.Text[end] != ':' {
		return false
	}
	t.At = end + 1
	return true
}

// word skips one byte and the symbol bytes behind it.
func (t *Tokens) word() {
	for t.At++; t.At < len(t.Text) && (symByte[t.Text[t.At]] || t.Text[t.At] == '$'); t.At++ {
	}
}

// IsLocal reports whether name is a label that the assembler keeps out of the symbol table.
func IsLocal(name string) bool { return strings.HasPrefix(name, ".L") }

// IsNumeric reports whether name is a label such as 1, used as 1b or 1f.
func IsNumeric(name string) bool { return name != "" && name[0] >= '0' && name[0] <= '9' }

// Number reads a signed or unsigned number of up to 64 bits.
func Number(s string) (uint64, bool) {
	if v, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(v), true
	}
	v, err := strconv.ParseUint(s, 0, 64)
	return v, err == nil
}
