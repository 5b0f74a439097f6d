package patcher

import (
	"slices"

	"gocare/internal/fault"
)

// linkRefusal is a refusal that is about one of several links.
type linkRefusal struct {
	*fault.Error
	link int
}

// acrossLinks says what no link of several knows by itself: a program and its libraries are one process. A library without a change of
// code may have a variable of another type, and what a patch takes away in one may be what the patch of another has anew.
func acrossLinks(links []*link) (refusals []linkRefusal) {
	for i, l := range links {
		var says ruling
		if others := l.patchedBeside(links); len(others) > 0 {
			if !l.replacesCode() {
				l.retypedAll(&says)
			}
			says.refusals = append(says.refusals, l.stateFrom(others)...)
		}
		for _, r := range says.refusals {
			refusals = append(refusals, linkRefusal{r.Error, i})
		}
	}
	return refusals
}

// patchedBeside lists the other links with a patch that may be in one process with a link: unless both are programs.
func (l *link) patchedBeside(links []*link) []*link {
	return slices.DeleteFunc(slices.Clone(links), func(o *link) bool {
		return o == l || !o.replacesCode() || !l.target.Library && !o.target.Library
	})
}

// stateFrom refuses what the patch of a link has anew and may be what that of another takes away.
func (l *link) stateFrom(others []*link) []refusal {
	var says ruling
	if !l.replacesCode() {
		return nil
	}
	for _, o := range others {
		if gone := o.goneState(); len(gone) > 0 {
			l.refuseNew(&says, gone)
		}
	}
	return says.refusals
}
