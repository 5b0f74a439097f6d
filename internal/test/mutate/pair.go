package mutate

import (
	"maps"
	"math/rand"
	"slices"
)

// Pair is a program in two versions, each its sources by name.
type Pair struct {
	Before, After map[string]string
	Edits         []string // what was done, in words
}

// Make makes a pair of a program of csmith's.
func Make(source string, seed int64) (*Pair, error) {
	p, err := parse(source)
	if err != nil {
		return nil, err
	}
	e := &editor{r: rand.New(rand.NewSource(seed)), program: p}
	e.enrich()
	pair := &Pair{Before: e.render()}
	e.program = e.clone()
	pair.After = pair.Before
	for tries := 1 + e.r.Intn(4); tries > 0; {
		edit := e.pick()
		if !edit.do(e) {
			continue
		}
		if text := e.render(); !maps.Equal(text, pair.After) {
			pair.After, pair.Edits = text, append(pair.Edits, edit.name)
			tries--
		}
	}
	return pair, nil
}

// enrich makes the original of csmith's program.
func (e *editor) enrich() {
	if e.chance(40) {
		e.units = 2
	}
	if e.units == 2 || e.chance(30) {
		e.share()
	}
	for range 3 {
		e.accumulator()
	}
	for range 4 + e.r.Intn(8) {
		e.insertPiece()
	}
	for range e.r.Intn(4) {
		e.pick().do(e)
	}
}

// share makes everything visible to both units, and spreads it over them.
func (e *editor) share() {
	for _, g := range e.globals {
		g.static, g.unit = false, e.r.Intn(e.units)
	}
	for _, f := range e.funcs {
		f.static, f.unit = false, e.r.Intn(e.units)
	}
	e.main().unit = 0
}

// Sources are the names of what is compiled.
func (p *Pair) Sources() (names []string) {
	for name := range p.Before {
		if name != "prog.h" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
