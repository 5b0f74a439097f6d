package patcher

import (
	"context"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/ld"
)

// movedLiterals finds the literals that functions took along to another unit, where no linker merges them: what is new in one unit, and gone
// in another, is the same. Of several it is that of a function by the name of one that uses it.
func movedLiterals(l *link) (ruling, error) {
	var says ruling
	for i := range l.units {
		if l.units[i].selection == nil {
			continue
		}
		for _, n := range l.units[i].selection.NewLiterals() {
			switch from := l.literalsLike(i, n); len(from) {
			case 0:
			case 1:
				says.wantLiteral(l, i, n.Text, from[0])
			default:
				says.refuse(i, fault.Refuse(fault.LiteralUnplaced, n.At, "several other units had a constant like %s, which is new here, and it cannot be told which one this is", n.Excerpt))
			}
		}
	}
	for i := range l.added {
		e, err := l.literalsTaken(&l.added[i])
		if err != nil {
			return says, err
		}
		says.refuse(noUnit, e)
	}
	return says, nil
}

// literalsTaken refuses an addition that has a literal which a unit loses: it is carried whole, and would have one of its own.
func (l *link) literalsTaken(a *addition) (*fault.Error, error) {
	f, err := a.parsed()
	if f == nil || err != nil {
		return nil, err
	}
	for _, n := range diffasm.TakenLiterals(f) {
		if from := l.literalsLike(noUnit, n); len(from) > 0 {
			return fault.Refuse(fault.LiteralUnplaced, a.Name, "it takes a constant like %s along from %s, whose address the program may know, and would have another one",
				n.Excerpt, l.units[from[0].Unit].unit.Source).
				WithHint("move the function to a source that the original has; --allow literal-unplaced if the address is neither kept, compared nor freed"), nil
		}
	}
	return nil, nil
}

// literalsLike lists the literals that other units than i lose, and that a new one may be.
func (l *link) literalsLike(i int, n diffasm.LoneLiteral) []diffasm.MovedLiteral {
	var all, ofUsers []diffasm.MovedLiteral
	for k := range l.units {
		if k == i {
			continue
		}
		for _, g := range l.units[k].delta.GoneLiterals() {
			if g.Text != n.Text {
				continue
			}
			all = append(all, diffasm.MovedLiteral{Unit: k, Label: g.Label})
			if slices.ContainsFunc(g.Users, func(fn string) bool { return slices.Contains(n.Users, fn) }) {
				ofUsers = append(ofUsers, all[len(all)-1])
			}
		}
	}
	if len(all) > 1 && len(ofUsers) > 0 {
		return ofUsers
	}
	return all
}

// literalsOf returns what finds the literals of other units that unit i of a link has in the patch.
func (m *maker) literalsOf(ctx context.Context, l *link, i int, program *facts) (map[int]*ld.LabelledBy, error) {
	labels := map[int][]string{}
	for _, e := range l.units[i].emitted.Literals {
		if e.Moved == nil {
			continue
		}
		list := labels[e.Moved.Unit]
		if strings.HasPrefix(e.Orig, kpname.LiteralPrefix) { // others have symbols
			list = append(list, e.Orig)
		}
		labels[e.Moved.Unit] = list
	}
	by := map[int]*ld.LabelledBy{}
	for k, list := range labels {
		u := l.units[k].unit
		f, err := m.labelsOf(ctx, u, list)
		if err != nil {
			return nil, err
		}
		by[k] = &ld.LabelledBy{Input: program.inputOf(u), Labels: f, ByContent: u.Linked != ""}
	}
	return by, nil
}
