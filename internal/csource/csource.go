// Package csource tells what of a C source is code, and what stands in comments and in literals.
//
// Input: the text of a source, line by line. Output: its bytes without comments, each with whether it belongs to a literal.
// It refuses nothing: what is no C gets some answer. Trigraphs and raw strings are not known. ISO C11, 5.1.1.2, 6.4.
package csource

import (
	"iter"
	"strings"
)

// Lexer is the lexical state between two pieces of a source. The zero value stands before the first one.
type Lexer struct {
	comment bool // inside /* */
	slashes bool // behind //
	quote   byte // of the literal that is open, 0 outside
}

// Code yields the bytes of a piece of one line, without its line end, that are not in comments; for a comment that opens
// with a slash and a star a blank. literal is true inside a string or character constant, and for the quote that closes it.
func (l *Lexer) Code(text string) iter.Seq2[byte, bool] {
	return func(yield func(c byte, literal bool) bool) {
		for i := 0; i < len(text) && !l.slashes; {
			out, literal, n := l.next(text[i:])
			for _, c := range []byte(out) {
				if !yield(c, literal) {
					return
				}
			}
			i += n
		}
	}
}

// next takes the first token of a text, of n bytes, and returns what there is of it in the code.
func (l *Lexer) next(text string) (out string, literal bool, n int) {
	two := text[:min(2, len(text))]
	switch {
	case l.comment && two == "*/":
		l.comment = false
		return "", false, 2
	case l.comment:
		return "", false, 1
	case l.quote != 0 && text[0] == '\\':
		return two, true, len(two)
	case l.quote != 0:
		if text[0] == l.quote {
			l.quote = 0
		}
		return text[:1], true, 1
	case two == "/*":
		l.comment = true
		return " ", false, 2
	case two == "//":
		l.slashes = true
		return "", false, 2
	case text[0] == '"' || text[0] == '\'':
		l.quote = text[0]
	}
	return text[:1], false, 1
}

// EndLine ends a line. A literal and a // comment go on in the next one only if a backslash continues the line.
func (l *Lexer) EndLine(continued bool) {
	if !continued {
		l.slashes, l.quote = false, 0
	}
}

// Continued reports whether a backslash continues a line in the next one; gcc lets blanks follow it.
func Continued(line string) bool {
	return strings.HasSuffix(strings.TrimRight(strings.TrimRight(line, "\r\n"), " \t"), `\`)
}

// Text returns what lines have beside comments and literals, of which the opening quotes stay, with a newline behind each.
func Text(lines []string) string {
	var code strings.Builder
	var lexer Lexer
	for _, line := range lines {
		for c, literal := range lexer.Code(line) {
			if !literal {
				code.WriteByte(c)
			}
		}
		lexer.EndLine(Continued(line))
		code.WriteByte('\n')
	}
	return code.String()
}

// Inside reports whether a comment or a literal is open.
func (l *Lexer) Inside() bool { return l.comment || l.slashes || l.quote != 0 }

// InComment reports whether a comment is open that ends with a star and a slash.
func (l *Lexer) InComment() bool { return l.comment }

// IsWordByte reports whether a byte may stand in an identifier or a number.
func IsWordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}
