package correlate

import (
	"slices"
	"strings"

	"gocare/diffasm/debuginfo"
	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

// assignments are what a source does with a variable.
type assignments struct {
	writes []write
	values []value // what it gets from these may come from
	// conditions are those of the functions that write it, and of what calls these where they are private, one string for each function.
	conditions []string
	initial    string   // its initial value in the declaration; "" without one
	read       bool     // it is used for more than to be written
	constant   bool     // it is declared const: nothing may be assigned to it
	array      bool     // its name alone is its address
	pointer    bool     // what is subscripted is not it, but what it points to
	through    []string // functions and macros whose callers choose what it is assigned
}

// write is what a variable is assigned, or a statement that may assign to it, with one blank for white space.
type write struct {
	text string
	line int    // from 1, that names the variable, or what writes it
	in   string // the function around it, "" where it is none
}

// value is an expression on a line, from 1.
type value struct {
	text string
	line int
}

func (a *assignments) texts() (list []string) {
	for _, w := range a.writes {
		list = append(list, w.text)
	}
	return list
}

// inOrderOf reports whether no function assigns one value behind another that did not do so before: what is assigned behind another
// value in one function may be all that the compiler knows of.
func (a *assignments) inOrderOf(before *assignments) bool {
	was, is := before.pairs(), a.pairs()
	return !slices.ContainsFunc(is, func(p [2]string) bool {
		return !slices.Contains(was, p) || slices.Contains(was, [2]string{p[1], p[0]}) // in both orders: the last is not known
	}) || slices.Equal(was, is)
}

// pairs lists what is assigned in one function, and what else is behind it.
func (a *assignments) pairs() (list [][2]string) {
	for i, w := range a.writes {
		for _, later := range a.writes[i+1:] {
			if w.in != "" && w.in == later.in && w.text != later.text {
				list = append(list, [2]string{w.text, later.text})
			}
		}
	}
	return list
}

// zeros are what else the initial value of a variable without one is called.
var zeros = map[string]bool{"0": true, "NULL": true, "false": true, "nullptr": true, "0.0": true, "'\\0'": true}

// onlyInitial reports whether nothing is assigned but the value that the variable has anyway.
func (a *assignments) onlyInitial() bool {
	return a.constant || !slices.ContainsFunc(a.writes, func(w write) bool {
		value, plain := strings.CutPrefix(w.text, "= ")
		return !plain || value != a.initial && !(zeros[value] && (a.initial == "" || zeros[a.initial]))
	})
}

// readSource is a source as assignments are looked for in it.
type readSource struct {
	lines  []string
	t      *sourceText
	text   string            // its lines, without comments
	macros map[string]string // what it defines -> the definition
}

func newReadSource(lines []string) *readSource {
	t := newSourceText(lines)
	return &readSource{lines, t, strings.Join(t.code, "\n"), t.macros()}
}

// read is newReadSource, once for a source.
func (m *values) read(lines []string) *readSource {
	s := m.sourcesRead[&lines[0]]
	if s == nil {
		s = newReadSource(lines)
		m.sourcesRead[&lines[0]] = s
	}
	return s
}

// writesOf tells what a source does with a variable, in its block.
func (s *readSource) writesOf(ds *debuginfo.Declarations, d *debuginfo.Declaration) assignments {
	r := s.reader(d.Name)
	r.declared(s.t, d)
	return r.all(s, ds, d)
}

func (s *readSource) reader(name string) *assignmentReader {
	return &assignmentReader{text: s.text, name: name, macros: s.macros}
}

// topLevel returns the function that a place of a text is in, its name, and the words of the text that stand outside of braces and
// parentheses.
func topLevel(text string, at int) (item, name string, words map[string]bool) {
	depth, start, words := 0, 0, map[string]bool{}
	for i := 0; i < len(text); i++ {
		from := i
		for depth == 0 && i < len(text) && csource.IsWordByte(text[i]) {
			i++
		}
		if i > from {
			words[text[from:i]] = true
			if i == len(text) {
				break
			}
		}
		switch c := text[i]; {
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth = max(0, depth-1)
		}
		if depth == 0 && (text[i] == ';' || text[i] == '}') {
			if start <= at && at <= i {
				item = text[start : i+1]
			}
			start = i + 1
		}
	}
	head, _, _ := strings.Cut(item[strings.LastIndex(item[:ends(item, "{")], "#")+1:], "(")
	if fields := strings.Fields(strings.ReplaceAll(head, "*", " ")); len(fields) > 0 {
		name = fields[len(fields)-1]
	}
	return spaced(item), name, words
}

// macros returns the definitions of a source by name.
func (t *sourceText) macros() map[string]string {
	by := map[string]string{}
	for i := 0; i < len(t.code); i++ {
		words := definition.FindStringSubmatch(t.code[i])
		if words == nil {
			continue
		}
		first := i
		for i+1 < len(t.code) && csource.Continued(t.code[i]) {
			i++
		}
		by[words[1]] += spaced(strings.Join(t.code[first:i+1], " "))
	}
	return by
}

var definition = lazyregexp.New(`^\s*#\s*define\s+(\w+)`)

// offset returns where a line begins in the text.
func (t *sourceText) offset(line int) (at int) {
	for _, l := range t.code[:line-1] {
		at += len(l) + 1
	}
	return at
}

// isConstant reports whether a declaration that is read up to its name is that of a constant. What a const pointer leads to is not asked.
func isConstant(text string) bool {
	if t := strings.TrimRight(text, " \t\n"); strings.HasSuffix(t, "}") { // the members of a structure that is declared with it
		text = t[:max(0, openBrace(t[:len(t)-1]))]
	}
	head := text[strings.LastIndexAny(text, ";{}*")+1:]
	return !strings.ContainsAny(head, "(,") && slices.Contains(strings.Fields(head), "const") // else it may be a parameter that is
}

var pointerTo = lazyregexp.New(`\*\s*((const|volatile|restrict)\s+)*$`)

// mentionsBehindStatic returns which place is the first behind the word static, 0 if there is none.
func mentionsBehindStatic(line string, places []int) int {
	static := wordsAt(line, "static")
	return max(0, slices.IndexFunc(places, func(at int) bool { return len(static) > 0 && at > static[0] }))
}

// isAddress reports whether a text ends with the operator that takes an address.
func isAddress(before string) bool {
	head, ok := strings.CutSuffix(before, "&")
	head = strings.TrimRight(head, " \t\n")
	if !ok || strings.HasSuffix(head, "&") || head == "" {
		return false
	}
	last := head[len(head)-1]
	return !csource.IsWordByte(last) && last != ')' && last != ']' || strings.HasSuffix(head, "return") || strings.HasSuffix(head, "case")
}

// isStatement reports whether what stands between two texts, and begins the second with its operator, is a statement: nobody reads its value.
func isStatement(before, after string) bool {
	return (before == "" || strings.ContainsAny(before[len(before)-1:], ";{})")) && strings.HasPrefix(after[ends(after, ";,"):], ";")
}

// ends returns where an expression ends: at one of some bytes outside brackets, or where a bracket closes that opened before.
func ends(text, at string) int {
	depth := 0
	for i := range len(text) {
		switch c := text[i]; {
		case depth == 0 && strings.IndexByte(at, c) >= 0:
			return i
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(text)
}

// wordsAt lists the columns, from 0, at which a line has a word.
func wordsAt(line, word string) (list []int) {
	for i := 0; i < len(line); {
		start := i
		for i < len(line) && csource.IsWordByte(line[i]) {
			i++
		}
		if line[start:i] == word && word != "" {
			list = append(list, start)
		}
		if i == start {
			i++
		}
	}
	return list
}
