package correlate

import (
	"maps"
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

// all reads what a source does with the variable besides its declaration.
func (r *assignmentReader) all(s *readSource, ds *debuginfo.Declarations, d *debuginfo.Declaration) assignments {
	t := s.t
	lines, _ := t.uses(ds, d, s.lines)
	for _, n := range lines {
		r.line(t, n, 0)
	}
	slices.SortStableFunc(r.found.writes, func(a, b write) int { return a.line - b.line })
	for _, name := range slices.Sorted(maps.Keys(r.macros)) {
		if len(wordsAt(r.macros[name], d.Name)) > 0 {
			r.mentioned(t, name)
			r.found.through = append(r.found.through, name)
		}
	}
	r.found.conditions = conditionsOf(r.text, r.found.writes)
	r.found.array, r.found.pointer = r.array, r.pointer
	return r.found
}

// assign notes a value that is assigned. One that names parameters or local variables may come from any caller of the function around it:
// that one, and what else names it, counts.
func (r *assignmentReader) assign(t *sourceText, at int, target, value string) {
	item, name, top := topLevel(r.text, at)
	r.write(target + value)
	r.value(value)
	if r.namesLocals(value, top) {
		r.in = ""
		r.write(item)
		r.mentioned(t, name)
		r.found.through = append(r.found.through, name)
	}
}

// address notes a statement that takes the variable's address. What a local variable gets may be used anywhere in the function: that one counts.
func (r *assignmentReader) address(at int) {
	statement := r.statement(at)
	r.write(statement)
	r.value(statement)
	if item, name, top := topLevel(r.text, at); r.in != "" && r.namesLocals(noNames.ReplaceAllString(statement, "("), top) {
		r.in = ""
		r.write(item)
		r.found.through = append(r.found.through, name)
	}
}

// noNames are strings, and what is called.
var noNames = lazyregexp.New(`"[^"]*"|\w+\s*\(`)

// namesLocals reports whether an expression names what stands nowhere at the top of the source.
func (r *assignmentReader) namesLocals(expression string, top map[string]bool) bool {
	words := strings.FieldsFunc(expression, func(c rune) bool { return c < 0x80 && !csource.IsWordByte(byte(c)) })
	return slices.ContainsFunc(words, func(w string) bool {
		return !top[w] && r.macros[w] == "" && w != r.name && !strings.ContainsAny(w[:1], "0123456789") && w != strings.ToUpper(w)
	})
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

// mentioned adds the lines that have a name, and the arguments behind it.
func (r *assignmentReader) mentioned(t *sourceText, name string) {
	r.in = ""
	for _, n := range t.mentions(name) {
		r.at = n
		r.write(t.line(n))
		for _, at := range wordsAt(t.line(n), name) {
			if rest := strings.TrimLeft(r.text[t.offset(n)+at+len(name):], " \t\n"); strings.HasPrefix(rest, "(") {
				r.value(rest[1:][:ends(rest[1:], "")])
			}
		}
	}
}

func (r *assignmentReader) value(text string) {
	r.found.values = append(r.found.values, value{text, r.at})
}

// assignmentReader looks at the places of a source that name a variable.
type assignmentReader struct {
	text    string // lines, without comments
	name    string
	macros  map[string]string // what the source defines -> the definition
	array   bool              // its name alone is its address
	pointer bool              // what is subscripted is not it, but what it points to
	own     [2]int            // where its declaration begins in text, behind its name, and ends: what names it there, as an empty list does, neither reads nor writes it
	at      int               // line, from 1, that is looked at
	in      string            // function that it is in, "" where that does not matter
	found   assignments
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

// declared reads the declaration, and what else its line does.
func (r *assignmentReader) declared(t *sourceText, d *debuginfo.Declaration) {
	places := wordsAt(t.line(d.Line), d.Name)
	if len(places) == 0 {
		return
	}
	from := max(0, mentionsBehindStatic(t.line(d.Line), places))
	end := t.offset(d.Line) + places[from] + len(d.Name)
	rest := strings.TrimLeft(r.text[end:], " \t\n)")
	r.array = strings.HasPrefix(rest, "[")
	r.pointer = !r.array && pointerTo.MatchString(r.text[:end-len(d.Name)])
	head := rest[:ends(rest, ",;")]
	r.own = [2]int{end, len(r.text) - len(rest) + len(head)}
	r.found.constant = isConstant(r.text[:end-len(d.Name)])
	if _, value, ok := strings.Cut(head, "="); ok {
		r.found.initial = r.expanded(spaced(value))
		r.at = d.Line
		r.value(value)
	}
	r.line(t, d.Line, places[from]+len(d.Name))
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

// line reads the places on a line, from a column on.
func (r *assignmentReader) line(t *sourceText, n, from int) {
	start := t.offset(n)
	for _, at := range wordsAt(t.line(n), r.name) {
		if at >= from {
			r.at = n
			r.place(t, start+at, start+at+len(r.name))
		}
	}
}

// place reads one place, of which the name ends at end.
func (r *assignmentReader) place(t *sourceText, at, end int) {
	if r.own[0] <= at && at < r.own[1] {
		return
	}
	before := strings.TrimRight(r.text[:at], " \t\n")
	after, inside := r.behind(end)
	op := assignment.FindString(after)
	_, r.in, _ = topLevel(r.text, at)
	switch {
	case op == "=" && strings.HasSuffix(before, "*") && inside == "": // what it points to
		r.found.read = true
	case op != "" && op != "++" && op != "--":
		r.assign(t, at, inside+op+" ", after[len(op):][:ends(after[len(op):], ",;")])
		r.found.read = r.found.read || op != "=" && !isStatement(before, after)
	case op != "":
		r.write(inside + op)
		r.found.read = r.found.read || !isStatement(before, after)
	case strings.HasSuffix(before, "++"), strings.HasSuffix(before, "--"):
		r.write(inside + before[len(before)-2:])
		r.found.read = r.found.read || !isStatement(strings.TrimRight(before[:len(before)-2], " \t\n"), after)
	default:
		r.found.read = true
		if isAddress(before) || r.array && inside == "" && !strings.HasSuffix(before, "sizeof(") || r.inMacro(at) {
			r.address(at)
		}
	}
}

var assignment = lazyregexp.New(`^(\+\+|--|(<<|>>|[-+*/%&|^])?=)`)

// behind returns the text from the end of a name on, behind subscripts and members, and these.
func (r *assignmentReader) behind(end int) (after, inside string) {
	for {
		after = strings.TrimLeft(r.text[end:], " \t\n")
		end = len(r.text) - len(after)
		n := 0
		switch {
		case strings.HasPrefix(after, "[") && !r.pointer:
			n = 1 + ends(after[1:], "") + 1
		case strings.HasPrefix(after, "."):
			n = 1
			for n < len(after) && csource.IsWordByte(after[n]) {
				n++
			}
		}
		if n == 0 || n > len(after) {
			return strings.TrimPrefix(after, "=="), inside
		}
		inside += spaced(after[:n])
		end += n
	}
}

func (r *assignmentReader) write(what string) {
	r.found.writes = append(r.found.writes, write{r.expanded(spaced(what)), r.at, r.in})
}

// expanded adds the definitions of the macros that a text names.
func (r *assignmentReader) expanded(text string) string {
	seen := map[string]bool{}
	for i := 0; i < len(text); i++ {
		start := i
		for i < len(text) && csource.IsWordByte(text[i]) {
			i++
		}
		if word := text[start:i]; r.macros[word] != "" && !seen[word] {
			seen[word] = true
			text += " " + r.macros[word]
		}
	}
	return text
}

// statement returns the statement around a place.
func (r *assignmentReader) statement(at int) string {
	start := strings.LastIndexAny(r.text[:at], ";{}") + 1
	return r.text[start : at+max(0, strings.IndexAny(r.text[at:], ";{}"))]
}

// inMacro reports whether a place is an argument of what may be a macro, or of inline assembly.
func (r *assignmentReader) inMacro(at int) bool {
	depth := 0
	for i := at - 1; i >= 0; i-- {
		switch r.text[i] {
		case ')':
			depth++
		case ';', '{', '}':
			return false
		case '(':
			if depth--; depth >= 0 {
				continue
			}
			head := strings.TrimRight(r.text[:i], " \t\n")
			word := head[len(strings.TrimRightFunc(head, func(c rune) bool { return c < 0x80 && csource.IsWordByte(byte(c)) })):]
			if strings.HasSuffix(head, `"`) || r.macros[word] != "" || word != "" && word == strings.ToUpper(word) && word != strings.ToLower(word) {
				return true
			}
			depth = 0
		}
	}
	return false
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
