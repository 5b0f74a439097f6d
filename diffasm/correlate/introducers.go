package correlate

import (
	"slices"
	"strings"

	"gocare/internal/csource"
	"gocare/internal/lazyregexp"
)

// introducer matches where a lambda of C++, or a class, begins in code without comments.
var introducer = lazyregexp.New(`\[[^][]*\]\s*([({]|mutable\b|<\s*(class|typename|auto|int)\b)|\b(struct|class|union|enum)\b[^;{}()]*\{`)

// InPlace reports whether what begins on a line of the original begins on one of the patched file: the patch left the line alone, or wrote it
// anew together with the lines around it, which begin the same lambdas and classes in the same statements as before.
func (s *SourceFile) InPlace(old, line int) bool {
	if s.old(line) == old {
		return true
	}
	if !s.sameEdit(old, line) {
		return false
	}
	was := around(old, len(s.Before), func(n int) bool { return !s.kept(n) })
	is := around(line, len(s.After), func(n int) bool { return s.old(n) == 0 })
	return slices.Equal(introducers(s.Before[was[0]-1:was[1]]), introducers(s.After[is[0]-1:is[1]]))
}

// around returns the first and the last line of those around one, of so many, that are edited.
func around(line, lines int, edited func(int) bool) [2]int {
	first, last := line, line
	for first > 1 && edited(first-1) {
		first--
	}
	for last < lines && edited(last+1) {
		last++
	}
	return [2]int{first, last}
}

// introducers lists the beginnings of lambdas and classes, each with its statement up to there.
func introducers(lines []string) (list []string) {
	text := csource.Text(lines)
	for _, at := range introducer.FindAllIndex([]byte(text), -1) {
		start := strings.LastIndexAny(text[:at[0]], ";{}") + 1
		list = append(list, strings.Join(strings.Fields(text[start:at[1]]), " "))
	}
	return list
}
