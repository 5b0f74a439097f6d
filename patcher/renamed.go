package patcher

import (
	"slices"
	"strings"

	"gocare/internal/csource"
	"gocare/internal/layout"
	"gocare/internal/lazyregexp"
	"gocare/internal/srcpatch"
)

// renamed reports whether the source patch shows that a member of another name is the same one: wherever it takes a use of the old name
// out, it puts one of the new name in, between the same words. A member that takes the place of another one is used otherwise.
func (s *sources) renamed(r layout.Rename) bool {
	used, fresh := 0, 0
	for _, c := range s.changes {
		before, after := c.TouchedOld(), c.TouchedNew()
		for i := range before {
			old, is := usesOf(r.Old, stretch(c.Before, before[i])), usesOf(r.New, stretch(c.After, after[i]))
			if !csource.HasAll(is, old) {
				return false
			}
			used, fresh = used+accesses(old), fresh+accesses(is)
		}
	}
	return used > 0 || fresh == 0
}

// stretch is lines of a text.
func stretch(text []byte, r srcpatch.Range) []string {
	all := lines(text)
	first, end := min(r.Start-1, len(all)), min(r.End-1, len(all))
	return all[first:max(first, end)]
}

var token = lazyregexp.New(`[A-Za-z_]\w*|\d[\w.]*|->|\S`)

// itself stands in a use for the name.
const itself = "<it>"

// usesOf returns what stands around each use of a name: what it is a member of, and the word behind it.
func usesOf(name string, lines []string) (uses []string) {
	words := append([]string{"", ""}, tokens(lines)...)
	words = append(words, "")
	for i := 2; i < len(words)-1; i++ {
		if words[i] != name {
			continue
		}
		var before []string // of a declaration: its type is compared where the layout is
		if isAccess(words[i-1]) {
			before = words[i-2 : i]
		}
		uses = append(uses, strings.Join(slices.Concat(before, []string{itself}, words[i+1:i+2]), " "))
	}
	return uses
}

func isAccess(word string) bool { return word == "." || word == "->" }

// accesses counts uses that reach for a member, and do not declare it.
func accesses(uses []string) (n int) {
	for _, u := range uses {
		before, _, _ := strings.Cut(u, " "+itself)
		if strings.HasSuffix(before, ".") || strings.HasSuffix(before, "->") {
			n++
		}
	}
	return n
}

// tokens are the words of lines, without comments and literals.
func tokens(lines []string) []string { return token.FindAllString(csource.Text(lines), -1) }
