package correlate

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/internal/csource"
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
			for i < len(line) && csource.IsWordByte(line[i]) {
				i++
			}
			if i > start && !asm.IsDigit(line[start]) {
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
		if !asm.IsDigit(name[i]) {
			b.WriteByte(name[i])
			continue
		}
		end := i
		for end < len(name) && asm.IsDigit(name[end]) {
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
		for j := end; j <= len(name) && !asm.IsDigit(name[i]); j++ {
			if w[name[i:j]] {
				return true
			}
		}
	}
	return false
}

// stem notes which names macros made, in files of which it is known how they changed.
func (m *declarations) stem(ds *debuginfo.Declarations, text func(*SourceFile) []string) {
	for _, d := range slices.Concat(ds.All, ds.Code) {
		s := m.source(d)
		if s == nil || s.Unchanged || !strings.ContainsAny(d.Name, "0123456789") {
			continue
		}
		if stem := wordsOf(call(text(s), d.Line)).stem(d.Name); stem != "" {
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
func (m *declarations) id(d *debuginfo.Declaration) string {
	if stem := m.stems[d]; stem != "" {
		return stem
	}
	return d.Name
}

// hasMacroName reports whether a macro made the name of a variable of the patched unit, or of the function it is in.
func (m *declarations) hasMacroName(sym string) bool {
	if m.pd == nil || m.pd.BySymbol[sym] == nil {
		return false
	}
	d := m.pd.BySymbol[sym]
	fn := m.renamed[d.Function]
	return m.stems[d] != "" || fn != "" && fn != d.Function
}

// pairMacroNames pairs variables and functions at file level with names that macros made, by the line that declares them.
func (m *sourceMatcher) pairMacroNames() {
	if m.od == nil || m.Exact {
		return
	}
	// taken has the symbols of the original that are something's already: what only shares its name with one of them is new.
	taken := map[string]bool{}
	for p, o := range m.macroFunctions() {
		if m.Patched.Unit.FunctionByName[p] != nil && m.Orig.Unit.FunctionByName[o] != nil && m.Patched.open[p] == nil && m.Orig.open[o] == nil {
			m.join(p, o)
			taken[o] = true
		}
	}
	var rest []*debuginfo.Declaration
	for _, p := range m.pd.All {
		if m.stems[p] == "" || !atFileLevel(m.Patched, p) {
			continue
		}
		switch o := m.onLine(p, m.od.All); {
		case o == nil || o.Function != "" || o.Symbol != "" && !atFileLevel(m.Orig, o):
			rest = append(rest, p)
		case o.Symbol == "":
			m.Patched.token[p.Symbol] = "+" + p.Symbol
			// The compiler kept the variable nowhere: what the program would have in it is lost, unless it was a constant.
			if !o.Constant {
				m.doubts[p.Symbol] = lostStorage(p.Name)
			}
		default:
			m.join(p.Symbol, o.Symbol)
			taken[o.Symbol] = true
		}
	}
	for _, p := range rest {
		m.settleMacroName(p, taken)
	}
	// Private functions of which no line tells and that have namesakes: the same number may be another of them.
	for _, p := range m.pd.Code {
		if _, ok := m.pair[p.Symbol]; !ok && m.stems[p] != "" && !m.Patched.Unit.IsGlobal(p.Symbol) && m.count(m.od.Code, p)+m.count(m.pd.Code, p) > 2 &&
			!m.sameOnLine(p, m.od.Code, m.pd.Code) {
			taken[p.Symbol] = true
		}
	}
	m.newNames(taken)
}

// count returns how many functions there are of which a name could be.
func (m *declarations) count(list []*debuginfo.Declaration, of *debuginfo.Declaration) (n int) {
	for _, d := range list {
		if m.id(d) == m.id(of) {
			n++
		}
	}
	return n
}

// newNames takes what only shares its name with something of the original that is another's for new.
func (m *sourceMatcher) newNames(taken map[string]bool) {
	isNew := func(name string) {
		if m.Patched.token[name] == "" && taken[name] && m.Patched.open[name] == nil {
			m.Patched.token[name] = "+" + name
		}
	}
	for _, b := range m.Patched.Unit.Variables {
		isNew(b.Name)
	}
	for _, fn := range m.Patched.Unit.Functions {
		isNew(fn.Name)
	}
}

// macroFunctions returns the name in the original of functions whose names macros made, where the line that declares one
// declared it there.
func (m *sourceMatcher) macroFunctions() map[string]string {
	names := map[string]string{}
	for _, p := range m.pd.Code {
		if m.stems[p] == "" || p.Elsewhere || m.Patched.Unit.IsGlobal(p.Symbol) {
			continue
		}
		if o := m.onLine(p, m.od.Code); o != nil && !o.Elsewhere && !m.Orig.Unit.IsGlobal(o.Symbol) {
			names[p.Name] = o.Name
		}
	}
	return names
}

// atFileLevel reports whether a declaration is that of a private variable at file level, with storage of its own name.
func atFileLevel(s *Version, d *debuginfo.Declaration) bool {
	return d.Function == "" && s.Unit.Blocks[d.Symbol] != nil && s.open[d.Symbol] == nil && !s.Unit.IsGlobal(d.Symbol)
}

// settleMacroName decides about a variable that no line of the original declares. It is new if all that it could be are others; one
// of its name is the same where no other could be meant, or where one line declares several, and with the same names.
func (m *sourceMatcher) settleMacroName(p *debuginfo.Declaration, taken map[string]bool) {
	var open []string
	for _, o := range m.like(m.od, m.id(p), "") {
		if o.Symbol != "" && !taken[o.Symbol] {
			open = append(open, o.Symbol)
		}
	}
	o := m.od.BySymbol[p.Symbol]
	switch {
	case len(open) == 0:
	case o != nil && m.sameOnLine(p, m.od.All, m.pd.All):
	case o != nil && len(m.like(m.od, m.id(p), "")) == 1 && len(m.like(m.pd, m.id(p), "")) == 1:
	default:
		m.Patched.token[p.Symbol] = "??" + p.Symbol
		m.ambiguous[p.Symbol] = open
	}
}

// sameOnLine reports whether the line that declares something declares the same names as it did, and each for the same.
func (m *declarations) sameOnLine(p *debuginfo.Declaration, before, after []*debuginfo.Declaration) bool {
	s := m.source(p)
	names := m.namesOn(after, p, p.Line)
	return s.old(p.Line) > 0 && slices.Equal(m.namesOn(before, p, s.old(p.Line)), names) && !(len(names) > 1 && s.recounts())
}

// namesOn lists the names like that of d which a line of its file declares.
func (m *declarations) namesOn(list []*debuginfo.Declaration, d *debuginfo.Declaration, line int) (names []string) {
	for _, e := range list {
		if m.id(e) == m.id(d) && e.File == d.File && e.Line == line && e.Function == "" && !e.Elsewhere {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// recounts reports whether macros of the file that changed may take the numbers of __COUNTER__ in another order.
func (s *SourceFile) recounts() bool {
	return (wordsOf(s.Before)["__COUNTER__"] || wordsOf(s.After)["__COUNTER__"]) && !slices.Equal(definingLines(s.Before), definingLines(s.After))
}

// definingLines are the lines of a text that define macros.
func definingLines(text []string) (lines []string) {
	for i, line := range text {
		directive, is := strings.CutPrefix(strings.TrimSpace(line), "#")
		if is && strings.HasPrefix(strings.TrimSpace(directive), "define") || i > 0 && csource.Continued(text[i-1]) {
			lines = append(lines, line)
		}
	}
	return lines
}
