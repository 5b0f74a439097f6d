package correlate

import (
	"slices"
	"strings"

	"gocare/diffasm/debuginfo"
	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

// This file gives what the original assigns to a variable the names that the patched version has for its functions: a renamed function is the
// value that it was.

// newCodeNames are the new names of functions, and the words behind which parentheses hold what a text assigns as it is written there.
type newCodeNames struct {
	to    map[string]string
	plain map[string]bool
}

// newNamesOfCode finds the private functions that the source patch renames in a file. They need no code of their own, nor does debug
// information need to know them: all calls may be inlined.
func (m *folding) newNamesOfCode(file string, source *SourceFile) newCodeNames {
	names := newCodeNames{map[string]string{}, map[string]bool{}}
	before, after := newSourceText(source.Before), newSourceText(source.After)
	was, is := before.privateFunctions(file), after.privateFunctions(file)
	for _, d := range slices.Concat(was, is, m.od.Code, m.pd.Code) {
		names.plain[d.Name] = true
	}
	was, is = m.Patched.without(was, m.pd, wordsOf(after.code)), m.Orig.without(is, m.od, wordsOf(before.code))
	for p, o := range m.renamedInPlaces(was, is, m.takesPlace) {
		names.to[o] = p
	}
	for _, word := range []string{"__func__", "__FUNCTION__", "__PRETTY_FUNCTION__"} { // it may be the name of a renamed function: no longer the same
		if len(names.to) > 0 {
			names.to[word] = "renamed " + word
		}
	}
	return names
}

// without returns the functions that a version does not know: its unit has nothing of their names, and its source, of the given words, does
// not say them.
func (s *Version) without(list []*debuginfo.Declaration, declared *debuginfo.Declarations, said words) []*debuginfo.Declaration {
	return slices.DeleteFunc(list, func(d *debuginfo.Declaration) bool {
		return said[d.Name] || s.Unit.Defines(d.Name) || slices.ContainsFunc(declared.Code, func(e *debuginfo.Declaration) bool { return e.Name == d.Name })
	})
}

// privateFunctions lists the functions that a source defines with the word static.
func (t *sourceText) privateFunctions(file string) (list []*debuginfo.Declaration) {
	text := t.bare()
	depth, start, line := 0, 0, 1 // line is that of start
	for i := range len(text) {
		if name, at := definedHere(text[start:i], depth, text[i]); name != "" {
			list = append(list, &debuginfo.Declaration{Name: name, File: file, Line: line + strings.Count(text[start:start+at], "\n")})
		}
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth = max(0, depth-1)
		}
		if depth == 0 && (text[i] == ';' || text[i] == '}') {
			line += strings.Count(text[start:i+1], "\n")
			start = i + 1
		}
	}
	return list
}

// bare returns the text with blanks in place of literals, and empty lines in place of directives.
func (t *sourceText) bare() string {
	var lexer csource.Lexer
	var b strings.Builder
	directive := false
	for _, line := range t.code {
		directive = directive || strings.HasPrefix(strings.TrimSpace(line), "#")
		for c, literal := range lexer.Code(line) {
			switch {
			case directive:
			case literal:
				b.WriteByte(' ')
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('\n')
		directive = directive && csource.Continued(line)
		lexer.EndLine(csource.Continued(line))
	}
	return b.String()
}

// definedHere returns the name, and where it stands, of the private function whose body opens behind a head; "" if nothing does, or
// something else.
func definedHere(head string, depth int, opens byte) (name string, at int) {
	if depth > 0 || opens != '{' || mentions(head, "static") == 0 || strings.Contains(head, "=") {
		return "", 0
	}
	if found := functionHead.FindStringSubmatchIndex(head); found != nil {
		return head[found[2]:found[3]], found[2]
	}
	return "", 0
}

var functionHead = lazyregexp.New(`(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*$`)

// rename gives functions in a text their new names, outside of literals. A macro may make a text of a name: where it does, or where the
// source does not tell, the text stays as it is.
func (n newCodeNames) rename(text string) string {
	if n.makesText(text) {
		return text
	}
	var lexer csource.Lexer
	var b, code strings.Builder
	flush := func() {
		b.WriteString(replaceWords(code.String(), n.to))
		code.Reset()
	}
	for c, literal := range lexer.Code(text) {
		if literal {
			flush()
			b.WriteByte(c)
		} else {
			code.WriteByte(c)
		}
	}
	flush()
	return b.String()
}

// makesText reports whether a text, with the definitions of its macros behind it, has an operator of them, or gives a renamed function to
// what may be a macro of which the definition is not known. What definitions pass on may be such a function.
func (n newCodeNames) makesText(text string) bool {
	known := map[string]bool{}
	for _, words := range definitions.FindAllStringSubmatch(text, -1) {
		known[words[1]] = true
	}
	macro := func(word string) bool { return word != "" && !n.plain[word] && !known[word] && !keywords[word] }
	text = declarator.ReplaceAllString(quoted.ReplaceAllString(text, ""), ";(")
	use := text
	if at := definitions.FindStringIndex(text); at != nil {
		use = text[:at[0]]
	}
	defined := definitions.ReplaceAllString(text[len(use):], ";")
	return strings.Contains(use+defined, "#") || n.givenTo(use, macro) ||
		slices.ContainsFunc(applied.FindAllStringSubmatch(defined, -1), func(words []string) bool { return macro(words[1]) })
}

// givenTo reports whether a renamed function stands in parentheses behind a word of which is holds.
func (n newCodeNames) givenTo(text string, is func(word string) bool) bool {
	var around []bool // for each open parenthesis
	word := ""
	for _, token := range tokens.FindAllString(text, -1) {
		switch {
		case token == "(":
			around = append(around, is(word))
		case token == ")":
			around = around[:max(0, len(around)-1)]
		case n.to[token] != "" && slices.Contains(around, true):
			return true
		}
		if word = ""; csource.IsWordByte(token[0]) {
			word = token
		}
	}
	return false
}

var (
	definitions = lazyregexp.New(`#\s*define\s+(\w+)`)
	applied     = lazyregexp.New(`(\w+)\s*\(`)
	quoted      = lazyregexp.New(`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'`)
	tokens      = lazyregexp.New(`\w+|[^\s\w]`)
	declarator  = lazyregexp.New(`\(\s*\*[\w\s]*\)\s*\(`) // of a pointer to a function, or a call of one
	keywords    = map[string]bool{"if": true, "while": true, "for": true, "switch": true, "return": true, "sizeof": true}
)
