package diffasm

import (
	"slices"
	"strings"
)

// This file pairs the variables and functions whose names macros make of numbers that change when the source around them does, of __LINE__
// or __COUNTER__. Such a name says nothing: what has it in one version may be something else in the other.

// words are the identifiers of a text.
type words map[string]bool

func wordsOf(text []string) words {
	w := words{}
	for _, line := range text {
		for i := 0; i < len(line); i++ {
			start := i
			for i < len(line) && isWordByte(line[i]) {
				i++
			}
			if i > start && !isDigit(line[start]) {
				w[line[start:i]] = true
			}
		}
	}
	return w
}

// stem returns a name with # for each number in it that no word of the text brings; "" if there is none.
func (w words) stem(name string) string {
	var b strings.Builder
	made := false
	for i := 0; i < len(name); i++ {
		if !isDigit(name[i]) {
			b.WriteByte(name[i])
			continue
		}
		end := i
		for end < len(name) && isDigit(name[end]) {
			end++
		}
		if w.bring(name, i, end) {
			b.WriteString(name[i:end])
		} else {
			b.WriteByte('#')
			made = true
		}
		i = end - 1
	}
	if !made {
		return ""
	}
	return b.String()
}

// bring reports whether a word is the piece of a name that has the number from start to end in it.
func (w words) bring(name string, start, end int) bool {
	for i := 0; i < start; i++ {
		for j := end; j <= len(name) && !isDigit(name[i]); j++ {
			if w[name[i:j]] {
				return true
			}
		}
	}
	return false
}

// stem notes which names macros made, in files of which it is known how they changed.
func (m *matcher) stem(ds *declarations, text func(*SourceFile) []string) {
	for _, d := range slices.Concat(ds.all, ds.code) {
		s := m.source(d)
		if s == nil || s.Unchanged || !strings.ContainsAny(d.name, "0123456789") {
			continue
		}
		if stem := wordsOf(call(text(s), d.line)).stem(d.name); stem != "" {
			m.stems[d] = stem
		}
	}
}

// call returns the line of a declaration and those after it up to where the parentheses on it close.
func call(text []string, line int) []string {
	const most = 50
	depth := 0
	for n := line; n >= 1 && n <= len(text); n++ {
		if depth += strings.Count(text[n-1], "(") - strings.Count(text[n-1], ")"); depth <= 0 || n-line >= most {
			return text[line-1 : n]
		}
	}
	return nil
}

// id is what the name of a variable says about which one it is.
func (m *matcher) id(d *decl) string {
	if stem := m.stems[d]; stem != "" {
		return stem
	}
	return d.name
}

// isMade reports whether a macro made the name of a variable of the patched unit, or of the function it is in.
func (m *matcher) isMade(sym string) bool {
	if m.pd == nil || m.pd.bySym[sym] == nil {
		return false
	}
	d := m.pd.bySym[sym]
	fn := m.renamed[d.fn]
	return m.stems[d] != "" || fn != "" && fn != d.fn
}

// pairMade pairs variables and functions at file level with names that macros made, by the line that declares them.
func (m *matcher) pairMade() {
	if m.od == nil || m.exact {
		return
	}
	// taken has the symbols of the original that are something's already: what only shares its name with one of them is new.
	taken := map[string]bool{}
	for p, o := range m.madeFunctions() {
		if m.p.f.fnByName[p] != nil && m.o.f.fnByName[o] != nil && m.p.open[p] == nil && m.o.open[o] == nil {
			m.join(p, o)
			taken[o] = true
		}
	}
	var rest []*decl
	for _, p := range m.pd.all {
		if m.stems[p] == "" || !m.atFileLevel(m.p, p) {
			continue
		}
		switch o := m.onLine(p, m.od.all); {
		case o == nil || o.fn != "" || o.sym != "" && !m.atFileLevel(m.o, o):
			rest = append(rest, p)
		case o.sym == "":
			m.p.token[p.sym] = "+" + p.sym
			// The compiler kept the variable nowhere: what the program would have in it is lost, unless it was a constant.
			if !o.constant {
				m.doubts[p.sym] = lostStorage(p.name)
			}
		default:
			m.join(p.sym, o.sym)
			taken[o.sym] = true
		}
	}
	for _, p := range rest {
		m.settleMade(p, taken)
	}
	// Private functions of which no line tells and that have namesakes: the same number may be another of them.
	for _, p := range m.pd.code {
		if _, ok := m.pair[p.sym]; !ok && m.stems[p] != "" && !m.p.f.isGlobal(p.sym) && m.count(m.od.code, p)+m.count(m.pd.code, p) > 2 {
			taken[p.sym] = true
		}
	}
	m.newNames(taken)
}

// count returns how many functions there are of which a name could be.
func (m *matcher) count(list []*decl, of *decl) (n int) {
	for _, d := range list {
		if m.id(d) == m.id(of) {
			n++
		}
	}
	return n
}

// newNames takes what only shares its name with something of the original that is another's for new.
func (m *matcher) newNames(taken map[string]bool) {
	isNew := func(name string) {
		if m.p.token[name] == "" && taken[name] && m.p.open[name] == nil {
			m.p.token[name] = "+" + name
		}
	}
	for _, b := range m.p.f.vars {
		isNew(b.name)
	}
	for _, fn := range m.p.f.funcs {
		isNew(fn.name)
	}
}

// madeFunctions returns the name in the original of functions whose names macros made, where the line that declares one
// declared it there.
func (m *matcher) madeFunctions() map[string]string {
	names := map[string]string{}
	for _, p := range m.pd.code {
		if m.stems[p] == "" || p.elsewhere || m.p.f.isGlobal(p.sym) {
			continue
		}
		if o := m.onLine(p, m.od.code); o != nil && !o.elsewhere && !m.o.f.isGlobal(o.sym) {
			names[p.name] = o.name
		}
	}
	return names
}

// atFileLevel reports whether a declaration is that of a private variable at file level, with storage of its own name.
func (m *matcher) atFileLevel(s *version, d *decl) bool {
	return d.fn == "" && s.f.blocks[d.sym] != nil && s.open[d.sym] == nil && !s.f.isGlobal(d.sym)
}

// settleMade decides about a variable that no line of the original declares. It is new if all that it could be are others; one
// of its name is the same where no other could be meant, or where one line declares several, and with the same names.
func (m *matcher) settleMade(p *decl, taken map[string]bool) {
	var open []string
	for _, o := range m.like(m.od, m.id(p), "") {
		if o.sym != "" && !taken[o.sym] {
			open = append(open, o.sym)
		}
	}
	o := m.od.bySym[p.sym]
	switch {
	case len(open) == 0:
	case o != nil && o.file == p.file && slices.Equal(m.namesOn(m.od, p, m.source(p).old(p.line)), m.namesOn(m.pd, p, p.line)):
	case o != nil && len(m.like(m.od, m.id(p), "")) == 1 && len(m.like(m.pd, m.id(p), "")) == 1:
	default:
		m.p.token[p.sym] = "??" + p.sym
		m.ambiguous[p.sym] = open
	}
}

// namesOn lists the variables like d that a line of its file declares.
func (m *matcher) namesOn(ds *declarations, d *decl, line int) (names []string) {
	for _, e := range m.like(ds, m.id(d), "") {
		if e.file == d.file && e.line == line {
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	return names
}
