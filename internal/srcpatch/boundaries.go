package srcpatch

import (
	"strings"

	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

// boundaries tells for each line of a C source whether a declaration at the top level may start on it: no comment,
// string, directive or macro call reaches into the line, and no brace is open.
func boundaries(lines []string) []bool {
	var s scanner
	out := make([]bool, len(lines))
	for i, line := range lines {
		out[i] = s.boundary(line)
		s.line(line)
	}
	return out
}

// scanner is the lexical state between two lines of C.
type scanner struct {
	lexer     csource.Lexer
	continued bool     // the line before ends in a backslash
	directive bool     // inside a preprocessor directive that a backslash or a comment continues
	nesting            // braces and parentheses of the code
	branches  []branch // one per open #if

	code *strings.Builder // takes what is read without its comments; may be nil
}

// write hands on a character of code.
func (s *scanner) write(c byte) {
	if s.code != nil {
		s.code.WriteByte(c)
	}
}

// nesting is what code leaves open.
type nesting struct {
	braces, parens int
	last           byte // last character of code that is no blank, 0 before the first
}

// branch remembers the nesting around the branches of one #if: each starts as the first did, and what the first left
// open is open after the #endif.
type branch struct {
	start, end nesting
	closed     bool // end is set
}

// boundary tells whether a top-level declaration may start on the line, judged by what comes before it.
func (s *scanner) boundary(line string) bool {
	if s.inside() || s.braces > 0 || s.parens > 0 {
		return false
	}
	switch s.last {
	case 0, ';', '}':
		return true
	case ')': // a macro call that needs no semicolon
		return line != "" && (csource.IsWordByte(line[0]) || line[0] == '#')
	}
	return false
}

// line takes one line with its line end.
func (s *scanner) line(raw string) {
	text := strings.TrimRight(raw, "\r\n")
	if !s.inside() && strings.HasPrefix(strings.TrimLeft(text, " \t\f\v"), "#") {
		s.directive = true
		s.conditional(text)
	}
	if !s.inside() && strings.HasPrefix(text, "}") {
		s.braces, s.parens = 1, 0 // whatever macros did to the count: a brace in column 0 ends a declaration
	}
	for c, literal := range s.lexer.Code(text) {
		s.write(c)
		if !literal {
			s.char(c)
		}
	}
	s.continued = csource.Continued(text)
	s.lexer.EndLine(s.continued)
	if !s.continued {
		s.directive = s.directive && s.lexer.InComment()
	}
}

// inside tells whether the line that comes next goes on with something of the one before.
func (s *scanner) inside() bool {
	return s.lexer.Inside() || s.continued || s.directive
}

// char takes one character outside comments and literals.
func (s *scanner) char(c byte) {
	if s.directive || c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\\' {
		return
	}
	switch c {
	case '{':
		if s.last == '"' { // extern "C": what is inside is still at the top level
			c = ';'
			break
		}
		s.braces++
	case '}':
		s.braces = max(s.braces-1, 0)
	case '(':
		s.parens++
	case ')':
		s.parens = max(s.parens-1, 0)
	}
	s.last = c
}

var condition = lazyregexp.New(`^\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)\b`)

// conditional keeps the nesting of code under #if, #else and #endif.
func (s *scanner) conditional(text string) {
	m := condition.FindStringSubmatch(text)
	if m == nil {
		return
	}
	top := len(s.branches) - 1
	switch {
	case strings.HasPrefix(m[1], "if"):
		s.branches = append(s.branches, branch{start: s.nesting})
	case top < 0:
	case m[1] == "endif":
		if b := s.branches[top]; b.closed {
			s.nesting = b.end
		}
		s.branches = s.branches[:top]
	default:
		if b := &s.branches[top]; !b.closed {
			b.end, b.closed = s.nesting, true
		}
		s.nesting = s.branches[top].start
	}
}
