package csource

import "strings"

// NamedInside reports whether a name stands within braces: in the body of a function, or what a variable begins with. Macros do not count.
func NamedInside(text, name string) bool {
	var l Lexer
	var word strings.Builder
	depth, directive := 0, false
	for line := range strings.Lines(text) {
		directive = directive || !l.Inside() && strings.HasPrefix(strings.TrimLeft(line, " \t"), "#")
		for c, literal := range l.Code(strings.TrimRight(line, "\r\n") + " ") {
			if !literal && IsWordByte(c) {
				word.WriteByte(c)
				continue
			}
			if depth > 0 && word.String() == name {
				return true
			}
			word.Reset()
			switch {
			case literal || directive:
			case c == '{':
				depth++
			case c == '}':
				depth--
			}
		}
		l.EndLine(Continued(line))
		directive = directive && Continued(line)
	}
	return false
}
