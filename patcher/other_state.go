package patcher

import (
	"slices"
	"strings"
	"unicode"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/layout"
)

// heldState is a variable that only one version has.
type heldState struct {
	diffasm.State
	types buildtree.Digest // object with its type, "" if there is none
}

// plainlyOther reports whether a new variable is not one that is gone, by another name: it cannot hold what that held in whatever way, nor
// do their names have to do with one another. A type alone tells nothing: a counter becomes a member of a structure, a buffer a pointer to one.
func (l *link) plainlyOther(gone, s heldState) bool {
	if gone.types == "" || s.types == "" || !gone.isWhole() || !s.isWhole() || alikeNames(gone.Name, s.Name) {
		return false
	}
	before, err := l.layouts(gone.types)
	if err != nil {
		return false
	}
	after, err := l.layouts(s.types)
	return err == nil && !layout.ShareContent(before, gone.Name, after, s.Name)
}

// isWhole reports whether a symbol stands for all of a variable, by the name that it has in the source: gcc adds a number, clang the
// function.
func (s *heldState) isWhole() bool {
	return s.Symbol == s.Name || strings.HasPrefix(s.Symbol, s.Name+".") || strings.HasSuffix(s.Symbol, "."+s.Name)
}

// alikeNames reports whether two names share a word, or the beginning of one.
func alikeNames(a, b string) bool {
	return slices.ContainsFunc(wordsOf(a), func(w string) bool {
		return slices.ContainsFunc(wordsOf(b), func(v string) bool {
			return w == v || min(len(w), len(v)) >= 3 && (strings.HasPrefix(w, v) || strings.HasPrefix(v, w))
		})
	})
}

// wordsOf splits a name at underscores and where capitals begin.
func wordsOf(name string) []string {
	var split strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && !unicode.IsUpper(rune(name[i-1])) {
			split.WriteByte('_')
		}
		split.WriteRune(unicode.ToLower(c))
	}
	return strings.FieldsFunc(split.String(), func(c rune) bool { return c == '_' })
}
