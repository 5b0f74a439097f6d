package ld

import (
	"bytes"
	"slices"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// newLiteral is a literal that new code refers to.
type newLiteral struct {
	piece
	old uint64 // its link address in the original, 0 if the patch has to carry it
}

// isLiteral reports whether a section of the unit holds literals and nothing else: the joined patch has of them what it needs.
func (r *Resolved) isLiteral(section int) bool {
	s := &r.Unit.Object.Sections[section]
	return mergeable(s) || r.oldLiteral(s) != nil
}

// oldLiteral returns what says where the literal in a section of its own is in the original, nil if it is not there.
func (r *Resolved) oldLiteral(s *elfSection) *OldLiteral {
	for i := range r.Unit.Literals {
		if r.Unit.Literals[i].Section == s.Name {
			return &r.Unit.Literals[i]
		}
	}
	return nil
}

// bindLiteral finds the literal that a reference of new code leads to, if it leads to one.
func (o *Original) bindLiteral(r *Resolved, ref *reference) error {
	sec := &r.Unit.Object.Sections[ref.sym.Section]
	if r.sections[sec.Index] == "" || !r.isLiteral(sec.Index) {
		return nil
	}
	at, ok := r.pieceOf(sec, ref)
	if !ok {
		return fault.New(fault.Bug, "", "section %s has no literal at 0x%x", sec.Name, meant(ref.sym, ref.rela))
	}
	ref.rela.Addend += int64(ref.sym.Value) - int64(at.start)
	key := inputSection{at.section, int(at.start)}
	if ref.literal = r.literals[key]; ref.literal != nil {
		return nil
	}
	old, err := o.findLiteral(r, sec, at.literal)
	if err != nil && !r.Unit.Copies {
		return err
	}
	if err != nil {
		r.Copied = append(r.Copied, r.blame(ref, err))
	}
	ref.literal = &newLiteral{at, old}
	r.literals[key] = ref.literal
	return nil
}

// pieceOf returns the literal that a reference into a section of literals means.
func (r *Resolved) pieceOf(sec *elfSection, ref *reference) (piece, bool) {
	if old := r.oldLiteral(sec); old != nil {
		content := literal{align: max(sec.Align, 1), text: string(sec.Data), lone: r.Unit.Name + "\x00" + old.Orig}
		return piece{content, sec.Index, 0, sec.Size}, true
	}
	return pieceAt(sec, meant(ref.sym, ref.rela))
}

// findLiteral returns the link address of a literal in the original, 0 if it is not there.
func (o *Original) findLiteral(r *Resolved, sec *elfSection, l literal) (uint64, error) {
	if old := r.oldLiteral(sec); old != nil {
		of := old.Of
		if of == nil {
			of = &LabelledBy{r.Unit.Input, r.Unit.Labels, r.Unit.ByContent}
		}
		return o.literals.labelled(of, old.Orig, l.text)
	}
	return o.literals.old(r.Unit.Input, l)
}

// labelled returns the link address of a literal of a unit's original that linkers leave alone, 0 if its section was left out.
func (x *literalIndex) labelled(u *LabelledBy, label, text string) (uint64, error) {
	section, value, ok := x.labelPlace(u, label, text)
	if !ok {
		return 0, literalUnplaced(text)
	}
	p := x.places[u.Input][section]
	base, ok := p.addr, p.state == placed
	if p.state == discarded {
		return 0, nil
	}
	if !ok {
		base, ok = x.placeByUse(u.Input, section)
	}
	if !ok || !x.bin.holds(base+value, text) {
		return 0, literalUnplaced(text)
	}
	return base + value, nil
}

// labelPlace returns the section of the unit's original object that the label of a literal is in, and where.
func (x *literalIndex) labelPlace(u *LabelledBy, label, text string) (section int, value uint64, ok bool) {
	if !strings.HasPrefix(label, kpname.LiteralPrefix) {
		list := x.privates.of(u.Input)[label]
		if len(list) != 1 || !list[0].Defined() {
			return 0, 0, false
		}
		return list[0].Section, list[0].Value, true
	}
	if u.Labels == nil {
		return 0, 0, false
	}
	wanted := func(s *elfobj.Symbol) bool { return s.Name == kpname.Label(label) }
	if u.ByContent {
		wanted = func(s *elfobj.Symbol) bool { return labelHolds(u.Labels, s, text) }
	}
	var found *elfobj.Symbol
	for i := range u.Labels.Symbols {
		if s := &u.Labels.Symbols[i]; s.Defined() && wanted(s) {
			if found != nil {
				return 0, 0, false
			}
			found = s
		}
	}
	if found == nil {
		return 0, 0, false
	}
	section, ok = counterpart(u.Labels, found.Section, x.objects[u.Input].File)
	return section, found.Value, ok
}

// labelHolds reports whether what a label made by kpname.Label stands for has a text, and nothing behind it but zeros to the next symbol:
// padding, where the next is a variable.
func labelHolds(f *elfobj.File, s *elfobj.Symbol, text string) bool {
	sec := &f.Sections[s.Section]
	if !strings.HasPrefix(s.Name, kpname.Label(kpname.LiteralPrefix)) {
		return false
	}
	end := min(nextSymbol(f, s), uint64(len(sec.Data)))
	return s.Value <= end && string(bytes.TrimRight(sec.Data[s.Value:end], "\x00")) == strings.TrimRight(text, "\x00") && end-s.Value >= uint64(len(text))
}

// counterpart returns the section of another object that is the same: of its name and content, the nth of these.
func counterpart(f *elfobj.File, section int, other *elfobj.File) (int, bool) {
	s := &f.Sections[section]
	same := func(t elfSection) bool {
		return t.Name == s.Name && t.Flags == s.Flags && t.Size == s.Size && slices.Equal(t.Data, s.Data)
	}
	n := 0
	for i := range f.Sections[:section] {
		if same(f.Sections[i]) {
			n++
		}
	}
	for i := range other.Sections {
		if same(other.Sections[i]) {
			if n == 0 {
				return i, true
			}
			n--
		}
	}
	return 0, false
}

// placeByUse finds a section that the map does not place by what refers to it.
func (x *literalIndex) placeByUse(input, section int) (addr uint64, ok bool) {
	f := x.objects[input].File
	relas, err := f.AllRelas()
	if err != nil {
		return 0, false
	}
	for user, p := range x.places[input] {
		for _, r := range relas[user] {
			sym := &f.Symbols[r.Symbol]
			if p.state != placed || sym.Section != section || !sym.Defined() {
				continue
			}
			if value, ok := x.linkedAddress(p.addr, relas[user], r); ok {
				return value - uint64(r.Addend) - sym.Value, true
			}
		}
	}
	return 0, false
}

// reduceLiteral points a field at a literal: that of the original, else the copy of the patch.
func (r *reducer) reduceLiteral(p *spot) error {
	l := p.ref.literal
	if l.old != 0 {
		target, _ := r.bin.locate(l.old)
		return r.reduce(p, dest{known: true, target: target})
	}
	at, found := r.literals[l.literal]
	if !found {
		at = r.carryLiteral(l.literal)
	}
	return r.reduce(p, dest{known: true, target: Target{InPatch, outRodata, at}})
}
