package correlate

import (
	"strings"

	"gocare/diffasm/debuginfo"
	"gocare/internal/csource"
)

// SourceFile says how a source file changed from the original unit to the patched one.
type SourceFile struct {
	Unchanged bool     // it did not; the rest is empty
	Origin    []int    // for each line of the patched file the line of the original that it is, from 1; 0 for one the patch wrote
	Before    []string // the lines of the original
	After     []string // the lines of the patched file
}

// old returns the line of the original that a line of the patched file is, 0 if the patch wrote it.
func (s *SourceFile) old(line int) int {
	switch {
	case s.Unchanged:
		return line
	case line < 1 || line > len(s.Origin):
		return 0
	}
	return s.Origin[line-1]
}

// kept reports whether a line of the original is still there.
func (s *SourceFile) kept(old int) bool { return s.Unchanged || s.keptUpTo(old) == old }

// keptUpTo returns the last line of the original, up to old, that is still there, 0 for none.
func (s *SourceFile) keptUpTo(old int) (last int) {
	for _, o := range s.Origin {
		if o <= old {
			last = max(last, o)
		}
	}
	return last
}

// sameEdit reports whether a line of the original, taken away, and one of the patched file, written, stand between the same
// unchanged lines.
func (s *SourceFile) sameEdit(old, line int) bool {
	if s.Unchanged || s.kept(old) || s.old(line) > 0 {
		return false
	}
	last := 0 // origin of the line before; functions may have changed places
	for _, o := range s.Origin[:min(line, len(s.Origin))] {
		if o > 0 {
			last = o
		}
	}
	return s.keptUpTo(old) == last
}

// mentions counts how often a line has a word. What has no name is never mentioned.
func mentions(text, word string) (n int) {
	for word != "" { // clang's debug information has nameless variables
		i := strings.Index(text, word)
		if i < 0 {
			return n
		}
		end := i + len(word)
		if (i == 0 || !csource.IsWordByte(text[i-1])) && (end == len(text) || !csource.IsWordByte(text[end])) {
			n++
		}
		text = text[end:]
	}
	return n
}

func lineOf(text []string, line int) string {
	if line < 1 || line > len(text) {
		return ""
	}
	return text[line-1]
}

// scopeEnd returns the line on which the block ends that a declaration stands in. What is written in #if and #else counts
// as if all of it were compiled.
func scopeEnd(text []string, line, column int) int {
	var lexer csource.Lexer
	depth := 0
	for n := line; n <= len(text); n++ {
		s := text[n-1]
		if n == line {
			s = s[min(max(column-1, 0), len(s)):]
		}
		for c, literal := range lexer.Code(s) {
			switch {
			case literal:
			case c == '{':
				depth++
			case c == '}':
				if depth--; depth < 0 {
					return n
				}
			}
		}
		lexer.EndLine(csource.Continued(text[n-1]))
	}
	return len(text)
}

// starts returns the columns at which a declaration of a name may begin on a line, for debug information without columns: its mentions
// behind the word static if there are any, else all; the ends of the line where a macro has it.
func starts(s, name string) (static, all []int) {
	for i := 0; i < len(s); {
		n := strings.Index(s[i:], name)
		if n < 0 || name == "" {
			break
		}
		at := i + n
		if i = at + len(name); mentions(s[at:i]+s[i:min(i+1, len(s))], name) == 0 || at > 0 && csource.IsWordByte(s[at-1]) {
			continue
		}
		all = append(all, at+1)
		if mentions(s[strings.LastIndexAny(s[:at], ";{}")+1:at], "static") > 0 {
			static = append(static, at+1)
		}
	}
	if len(all) == 0 {
		all = []int{1, len(s) + 1}
	}
	return static, all
}

// blockText returns the text of a block from a declaration on, without indentation; "" if it does not use the variable.
func blockText(d *debuginfo.Declaration, text []string) string {
	var b strings.Builder
	for _, line := range scopeOf(d, text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	if mentions(b.String(), d.Name) < 2 {
		return ""
	}
	return b.String()
}

// scopeOf returns the lines of a block from a declaration on; none for what compilers declare, as __func__, which is on no line.
func scopeOf(d *debuginfo.Declaration, text []string) []string {
	if d.Line < 1 || d.Line > len(text) {
		return nil
	}
	end, _ := endOfScope(d, text)
	return text[d.Line-1 : end]
}

// endOfScope returns the line on which the block ends that a declaration stands in. Where there is no column it may be that of a block
// around it; it is sure if only one can be meant.
func endOfScope(d *debuginfo.Declaration, text []string) (line int, sure bool) {
	if d.Column > 0 {
		return scopeEnd(text, d.Line, d.Column), true
	}
	static, columns := starts(lineOf(text, d.Line), d.Name)
	if len(static) > 0 {
		columns = static
	}
	first := scopeEnd(text, d.Line, columns[0])
	line = first
	for _, c := range columns[1:] {
		line = max(line, scopeEnd(text, d.Line, c))
		sure = sure || scopeEnd(text, d.Line, c) != first
	}
	return line, !sure
}
