package correlate

import (
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/debuginfo"
	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

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

// declared reads the declaration, and what else its line does.
func (r *assignmentReader) declared(t *sourceText, d *debuginfo.Declaration) {
	end, ok := t.nameEnd(d)
	if !ok {
		return
	}
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
	r.line(t, d.Line, end-t.offset(d.Line))
}

// nameEnd returns where the name of a variable ends that is declared, or the line of that begins if it does not say the name.
func (t *sourceText) nameEnd(d *debuginfo.Declaration) (at int, ok bool) {
	places := wordsAt(t.line(d.Line), d.Name)
	if len(places) == 0 {
		return t.offset(d.Line), false
	}
	from := max(0, mentionsBehindStatic(t.line(d.Line), places))
	return t.offset(d.Line) + places[from] + len(d.Name), true
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
