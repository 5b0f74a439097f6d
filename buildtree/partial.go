package buildtree

import (
	"slices"

	"gocare/internal/fault"
)

// Part is a partial link (ld -r) whose inputs stand in a link in the place of its output.
type Part struct {
	Link         *Link
	Path, Member string // of its output, as the link that took it in spells it
}

// flatten puts the inputs of partial links in the place of their outputs, wherever a link took one in as it was written: what was linked
// in two steps is then patched as if it had been in one. Their paths are absolute.
func (r *Record) flatten() {
	partial := partialLinks{}
	for i := range r.Links {
		if l := &r.Links[i]; l.Partial && l.OutputID != "" && r.transparent(l) {
			partial[l.OutputID] = append(partial[l.OutputID], l)
		}
	}
	if len(partial) == 0 {
		return
	}
	for i := range r.Links {
		if l := &r.Links[i]; !l.Partial {
			l.Inputs, l.Parts = flatInputs(l, partial, 0)
		}
	}
}

// partialLinks are those that may be seen through, by what they wrote.
type partialLinks map[Digest][]*Link

// of returns the one that wrote an input of l, nil if there is none: of several that wrote the same, the one that wrote this very file, as
// each has units of its own; else the latest.
func (p partialLinks) of(l *Link, in Input) *Link {
	same := p[in.ObjectID]
	for _, partial := range same {
		if in.Member == "" && partial.Output == l.abs(in.Path) {
			return partial
		}
	}
	if len(same) == 0 {
		return nil
	}
	return same[len(same)-1]
}

// transparent reports whether a partial link does no more than put sections of objects together: it makes no code, reads nothing
// besides, and binds no name to another.
func (r *Record) transparent(l *Link) bool {
	made := func(in Input) bool {
		u := r.UnitFor(l, in)
		return in.ObjectID == "" || u != nil && (u.Lang == "lto" || r.IsLate(l, u))
	}
	wraps := func(a linkerArg) bool { return a.name == "wrap" || a.name == "defsym" }
	return len(l.Inputs) > 0 && len(l.Files) == 0 && !slices.ContainsFunc(l.Inputs, made) && !slices.ContainsFunc(parseLinker(l.Argv), wraps)
}

func flatInputs(l *Link, partial partialLinks, depth int) (inputs []Input, parts []Part) {
	for _, in := range l.Inputs {
		p := partial.of(l, in)
		if p == nil || depth == maxPartialDepth {
			inputs = append(inputs, in)
			continue
		}
		inner := *p
		inner.Inputs, inner.Parts = flatInputs(p, partial, depth+1)
		for k := range inner.Inputs {
			inner.Inputs[k].Path = inner.abs(inner.Inputs[k].Path)
		}
		inputs = append(inputs, inner.Inputs...)
		parts = append(parts, Part{&inner, in.Path, in.Member})
	}
	return inputs, parts
}

// sameParts refuses links of which one has the inputs of a partial link and the other its output: they cannot be lined up.
func sameParts(o, p *Link) error {
	for _, ls := range [][2]*Link{{o, p}, {p, o}} {
		for _, part := range ls[0].Parts {
			path := ls[0].abs(part.Path)
			whole := func(in Input) bool { return ls[1].abs(in.Path) == path && in.Member == part.Member }
			if slices.ContainsFunc(ls[1].Inputs, whole) {
				return fault.Refuse(fault.PartialLink, path, "what went into it is recorded for one of the two builds alone")
			}
		}
	}
	return nil
}
