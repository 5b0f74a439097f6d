package patcher

import (
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/cxxname"
	"gocare/internal/layout"
)

// heldState is a variable that only one version has.
type heldState struct {
	diffasm.State
	types buildtree.Digest // object with its type, "" if there is none
}

// plainlyOther reports whether a new variable is not one that is gone, by another name: nothing writes it, or it cannot hold what
// that held in whatever way, nor do their names have to do with one another. A type alone tells nothing: a counter becomes a member of a structure, a buffer a pointer to one.
func (l *link) plainlyOther(gone, s heldState) bool {
	if s.BecomesConstant(gone.State) {
		return true
	}
	if gone.types == "" || s.types == "" || !gone.isWhole() || !s.isWhole() || gone.NamedAlike(s.State) {
		return false
	}
	before, err := l.layouts(gone.types)
	if err != nil {
		return false
	}
	after, err := l.layouts(s.types)
	return err == nil && !layout.ShareContent(before, gone.Name, after, s.Name)
}

// isNamed reports whether it has the name of another variable, of whatever unit.
func (s *heldState) isNamed(other diffasm.State) bool {
	return s.Name == other.Name || cxxname.Shown(s.Symbol) == other.Symbol
}

// isWhole reports whether a symbol stands for all of a variable, by the name that it has in the source: gcc adds a number, clang the
// function.
func (s *heldState) isWhole() bool {
	return s.Symbol == s.Name || strings.HasPrefix(s.Symbol, s.Name+".") || strings.HasSuffix(s.Symbol, "."+s.Name)
}
