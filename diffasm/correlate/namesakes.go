package correlate

import (
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/debuginfo"
)

// namesakes are the variables of one name in one function, those without storage and those on the stack included.
type namesakes struct {
	m    *declarations
	o, p []*debuginfo.Declaration
	gone []*debuginfo.Declaration                          // of the original, may be paired with none: see leaveMoved
	of   map[*debuginfo.Declaration]*debuginfo.Declaration // patched -> original
	back map[*debuginfo.Declaration]*debuginfo.Declaration
	ends map[*debuginfo.Declaration]int // last line of the block each is declared in

	vague bool // that is not known of all
}

// namesakes lists what has the name and the function of a declaration of the patched unit.
func (m *declarations) namesakes(d *debuginfo.Declaration) *namesakes {
	n := &namesakes{m: m, of: map[*debuginfo.Declaration]*debuginfo.Declaration{}, back: map[*debuginfo.Declaration]*debuginfo.Declaration{}, ends: map[*debuginfo.Declaration]int{}}
	n.o, n.p = m.like(m.od, m.id(d), m.oldName(d.Function)), m.like(m.pd, m.id(d), d.Function)
	n.measure(n.o, func(s *SourceFile) []string { return s.Before })
	n.measure(n.p, func(s *SourceFile) []string { return s.After })
	return n
}

// measure finds where the blocks of declarations end.
func (n *namesakes) measure(list []*debuginfo.Declaration, lines func(*SourceFile) []string) {
	for _, d := range list {
		if s := n.m.source(d); s != nil && !s.Unchanged {
			end, sure := endOfScope(d, lines(s))
			n.ends[d], n.vague = end, n.vague || !sure
		}
	}
}

func (n *namesakes) join(p, o *debuginfo.Declaration) { n.of[p], n.back[o] = o, p }

// all pairs what the source pairs, strongest first.
func (n *namesakes) all() {
	n.leaveMoved()
	// Where there are several, a line that declares one may be left alone while the variable means another: the block around it moved.
	// What uses it says more. A single one needs no such look, unless its line was written anew.
	if len(n.o) > 1 || len(n.p) > 1 {
		n.pairUses()
	}
	n.pairLines()
	if len(n.o) == 1 && len(n.p) == 1 && len(n.of) == 0 {
		n.pairUses()
	}
	n.pairMoved()
	n.pairLast()
}

// mayBeLost reports whether a variable may be one of the original's that is no other's and that was kept nowhere.
func (n *namesakes) mayBeLost(p *debuginfo.Declaration) bool {
	return slices.ContainsFunc(n.o, func(o *debuginfo.Declaration) bool { return n.back[o] == nil && n.m.isLost(p, o) })
}

// rest returns the originals that are no other's.
func (n *namesakes) rest(p *debuginfo.Declaration) (list []*debuginfo.Declaration) {
	for _, o := range slices.Concat(n.o, n.gone) {
		if n.back[o] == nil && o.Symbol != "" {
			list = append(list, o)
		}
	}
	return list
}

// pairUses pairs by the uses on lines that the patch left alone, where no other of the namesakes has a line like that: what
// stands there goes on using what it used.
func (n *namesakes) pairUses() {
	if n.vague {
		return
	}
	users := n.lineUsers()
	// Each line that is left alone and has one user in each version pairs these two. Pairs that contradict each other come to nothing.
	forP, forO := map[*debuginfo.Declaration]map[*debuginfo.Declaration]bool{}, map[*debuginfo.Declaration]map[*debuginfo.Declaration]bool{}
	note := func(by map[*debuginfo.Declaration]map[*debuginfo.Declaration]bool, a, b *debuginfo.Declaration) {
		if by[a] == nil {
			by[a] = map[*debuginfo.Declaration]bool{}
		}
		by[a][b] = true
	}
	for _, p := range n.p {
		s := n.m.source(p)
		if s == nil || s.Unchanged {
			continue
		}
		for line := p.Line; line <= n.ends[p]; line++ {
			o := n.owner(n.o, s.Before, p.File, s.old(line))
			text := strings.TrimSpace(lineOf(s.After, line))
			if o != nil && n.owner(n.p, s.After, p.File, line) == p && len(users.p[text]) == 1 && len(users.o[text]) == 1 {
				note(forP, p, o)
				note(forO, o, p)
			}
		}
	}
	for _, p := range n.p {
		for o := range forP[p] {
			if len(forP[p]) == 1 && len(forO[o]) == 1 {
				n.join(p, o)
			}
		}
	}
}

// lineUsers says which namesakes use the name on lines of a text, in both units.
type lineUsers struct {
	o, p map[string]map[*debuginfo.Declaration]bool
}

func (n *namesakes) lineUsers() lineUsers {
	u := lineUsers{map[string]map[*debuginfo.Declaration]bool{}, map[string]map[*debuginfo.Declaration]bool{}}
	fill := func(by map[string]map[*debuginfo.Declaration]bool, list []*debuginfo.Declaration, lines func(*SourceFile) []string) {
		for _, d := range list {
			s := n.m.source(d)
			if s == nil || s.Unchanged {
				continue
			}
			for line := d.Line; line <= n.ends[d]; line++ {
				if n.owner(list, lines(s), d.File, line) != d {
					continue
				}
				text := strings.TrimSpace(lineOf(lines(s), line))
				if by[text] == nil {
					by[text] = map[*debuginfo.Declaration]bool{}
				}
				by[text][d] = true
			}
		}
	}
	fill(u.o, n.o, func(s *SourceFile) []string { return s.Before })
	fill(u.p, n.p, func(s *SourceFile) []string { return s.After })
	return u
}

// owner returns which of the namesakes a line uses: the one declared last of those whose block it is in. The line of a
// declaration has to have the name once more.
func (n *namesakes) owner(list []*debuginfo.Declaration, text []string, file string, line int) (found *debuginfo.Declaration) {
	if line == 0 {
		return nil
	}
	need := 1
	for _, d := range list {
		if d.File != file || line < d.Line || line > n.ends[d] {
			continue
		}
		if d.Line == line {
			need++
		}
		if found == nil || d.Line >= found.Line {
			found = d
		}
	}
	if found == nil || mentions(lineOf(text, line), found.Name) < need || need > 2 {
		return nil
	}
	return found
}

// pairLines pairs declarations on lines that the patch left alone, where no other could be meant: there is none, or the
// whole block is as it was, or the line is a macro call, uses and all.
func (n *namesakes) pairLines() {
	for _, p := range n.p {
		o := n.m.onLine(p, n.o)
		if n.of[p] != nil || o == nil || n.back[o] != nil {
			continue
		}
		s := n.m.source(p)
		if s.Unchanged || len(n.o) == 1 && len(n.p) == 1 || mentions(lineOf(s.After, p.Line), p.Name) == 0 ||
			len(n.o) == len(n.p) && n.sameBlock(s, o, p) {
			n.join(p, o)
		}
	}
}

// sameBlock reports whether the patch left the blocks of two declarations alone, from the declaration on.
func (n *namesakes) sameBlock(s *SourceFile, o, p *debuginfo.Declaration) bool {
	if n.ends[o]-o.Line != n.ends[p]-p.Line {
		return false
	}
	for line := p.Line; line <= n.ends[p]; line++ {
		if s.old(line) != o.Line+line-p.Line {
			return false
		}
	}
	return true
}

// pairMoved pairs blocks that stand elsewhere now, word for word, where no namesake has one like it.
func (n *namesakes) pairMoved() {
	blocks := func(list []*debuginfo.Declaration, lines func(*SourceFile) []string) map[string][]*debuginfo.Declaration {
		by := map[string][]*debuginfo.Declaration{}
		for _, d := range list {
			s := n.m.source(d)
			if s == nil || s.Unchanged {
				continue
			}
			if text := blockText(d, lines(s)); text != "" {
				by[text] = append(by[text], d)
			}
		}
		return by
	}
	before := blocks(n.o, func(s *SourceFile) []string { return s.Before })
	after := blocks(n.p, func(s *SourceFile) []string { return s.After })
	for text, p := range after {
		o := before[text]
		if len(p) == 1 && len(o) == 1 && n.of[p[0]] == nil && n.back[o[0]] == nil {
			n.join(p[0], o[0])
		}
	}
}

// pairLast pairs the last namesakes when all others are paired, on a line that the patch left alone, and those that it
// changed in place, if that tells of each of the original's what became of it.
func (n *namesakes) pairLast() {
	o, p := open(n.o, n.back), open(n.p, n.of)
	if len(o) == 1 && len(p) == 1 && n.m.onLine(p[0], n.o) == o[0] {
		n.join(p[0], o[0])
		return
	}
	place := map[*debuginfo.Declaration]*debuginfo.Declaration{}
	for _, q := range p {
		s := n.m.source(q)
		for _, r := range o {
			if r.File != q.File || !s.sameEdit(r.Line, q.Line) {
				continue
			}
			// Two written between the same lines: which of them took the place cannot be told.
			if place[r] != nil || slices.Contains(slices.Collect(maps.Values(place)), q) {
				return
			}
			place[r] = q
		}
	}
	// One that is gone besides could be any of those that are paired here.
	if len(place) == len(o) {
		for r, q := range place {
			n.join(q, r)
		}
	}
}

// leaveMoved takes out the declarations whose blocks came from another function, or went to one, word for word: whether
// the variable did not change, or moved, cannot be told.
func (n *namesakes) leaveMoved() {
	if len(n.p) == 0 || len(n.o) == 0 {
		return
	}
	name, fn := n.o[0].Name, n.o[0].Function
	before, after := n.m.texts(name)
	swapped := func(text string, here, there map[string]map[string]bool) bool {
		// Its own function still has such a block: nothing moved.
		if text == "" || there[fn][text] {
			return false
		}
		for h := range there {
			if h != fn && there[h][text] && !here[h][text] {
				return true
			}
		}
		return false
	}
	stays := n.stays()
	n.o = slices.DeleteFunc(n.o, func(o *debuginfo.Declaration) bool {
		moved := !stays && swapped(n.m.textBefore(o), before, after)
		if moved {
			n.gone = append(n.gone, o)
		}
		return moved
	})
	n.p = slices.DeleteFunc(n.p, func(p *debuginfo.Declaration) bool { return swapped(n.m.textAfter(p), after, before) })
}

// stays reports whether the function has one variable of the name in both versions, in its outermost block and on a line that the patch
// left alone, while all functions that have its words now are new: they were given a copy of them.
func (n *namesakes) stays() bool {
	if len(n.o) != 1 || len(n.p) != 1 {
		return false
	}
	o, p := n.o[0], n.p[0]
	if n.vague || n.m.onLine(p, n.o) != o || n.m.source(p).Unchanged {
		return false
	}
	s := n.m.source(p)
	outermost := strings.HasPrefix(lineOf(s.Before, n.ends[o]), "}") && strings.HasPrefix(lineOf(s.After, n.ends[p]), "}")
	text := n.m.textBefore(o)
	_, after := n.m.texts(o.Name)
	for h := range after {
		if after[h][text] && n.m.od.Functions[h] {
			return false
		}
	}
	return outermost
}

// open lists those that are not paired.
func open(list []*debuginfo.Declaration, done map[*debuginfo.Declaration]*debuginfo.Declaration) (rest []*debuginfo.Declaration) {
	for _, d := range list {
		if done[d] == nil {
			rest = append(rest, d)
		}
	}
	return rest
}
