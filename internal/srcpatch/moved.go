package srcpatch

import (
	"slices"
	"strconv"
)

// Place is a line of a source file, spelt as a compiler spelt it.
type Place struct {
	File string
	Line int // from 1
}

// Pair is a number in the original code and what stands there in the patched code.
type Pair struct{ Old, New int }

// OnlyMoved tells whether code that lies on the given places of the two versions, and differs in these numbers only,
// differs because lines moved: each pair is a line of it and that same line in the patched file, and the patches
// change nothing the code stands on. It is strict: where it cannot tell it says no. whole also takes numbers that are a
// line of the declaration around a place, not only of the stretch the places cover.
func (e *Edits) OnlyMoved(old, fresh []Place, pairs []Pair, whole bool) bool {
	if len(pairs) == 0 || !e.harmless(pairs) {
		return false
	}
	was, ok := e.stretches(old, before, whole)
	if !ok {
		return false
	}
	is, ok := e.stretches(fresh, after, whole)
	if !ok || e.standsOnEdit(is) {
		return false
	}
	for _, p := range pairs {
		if !slices.ContainsFunc(was, func(s stretch) bool { return s.moved(p, is) }) {
			return false
		}
	}
	return true
}

// harmless tells whether nothing was edited but functions and their prototypes, and these do not say one of the numbers:
// a macro, a type or a variable may be used anywhere, and change a number by as much as the lines moved.
func (e *Edits) harmless(pairs []Pair) bool {
	return !slices.ContainsFunc(e.All(), func(ed *Edit) bool {
		return !ed.isWhole() && ed.Kind != PrototypeItem || slices.ContainsFunc(pairs, func(p Pair) bool {
			return slices.Contains(ed.words, strconv.Itoa(p.Old)) || slices.Contains(ed.words, strconv.Itoa(p.New))
		})
	})
}

// stretch is what places cover of one item of a changed file.
type stretch struct {
	file        *editedFile
	item        Item
	first, last int
}

// moved tells whether p is a line of the stretch that became a line of one in the patched version of the file.
func (s stretch) moved(p Pair, is []stretch) bool {
	if p.Old < s.first || p.Old > s.last {
		return false
	}
	line, ok := s.file.lines.Old(p.New)
	return ok && line == p.Old && slices.ContainsFunc(is, func(t stretch) bool {
		return t.file == s.file && t.first <= p.New && p.New <= t.last
	})
}

// stretches gathers places by item; ok is false if the patches touched one of these items, be it by a comment. Places in
// files that did not change are left out if nothing was edited, or the file is one of the system's: what others mention
// is not known.
func (e *Edits) stretches(places []Place, side int, whole bool) (list []stretch, ok bool) {
	edited := len(e.All()) > 0
	for _, p := range places {
		f := e.file(p.File)
		if f == nil && (!edited || isSystem(p.File)) {
			continue
		}
		if f == nil {
			return nil, false
		}
		v := f.versions[side]
		i := v.at(p.Line)
		if i < 0 || slices.ContainsFunc(v.items, Item.renumbers) {
			return nil, false
		}
		it := v.items[i]
		if slices.ContainsFunc(v.touched, func(r Range) bool { return r.touches(it.First, it.Last) }) {
			return nil, false
		}
		s := stretch{file: f, item: it, first: p.Line, last: p.Line}
		if whole {
			s.first, s.last = it.First, it.Last
		}
		list = s.join(list)
	}
	return list, true
}

// renumbers tells whether an item may hold a #line directive: a compiler's numbers are not those of the file's lines then.
func (it Item) renumbers() bool {
	for i, w := range it.words[1:] {
		if it.words[i] == "#" && (w == "line" || w[0] >= '0' && w[0] <= '9') {
			return true
		}
	}
	return false
}

// join adds a stretch to those of the same item.
func (s stretch) join(list []stretch) []stretch {
	for i, t := range list {
		if t.file == s.file && t.item.First == s.item.First {
			list[i].first, list[i].last = min(t.first, s.first), max(t.last, s.last)
			return list
		}
	}
	return append(list, s)
}

// standsOnEdit tells whether an item of a stretch mentions an edited function, by way of others too: that may have been
// inlined until a number was all that is left of it.
func (e *Edits) standsOnEdit(list []stretch) bool {
	for _, s := range list {
		if e.reached(nil, s.item) != nil {
			return true
		}
	}
	return false
}
