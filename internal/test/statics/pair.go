package statics

import (
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Pair is a program in two versions.
type Pair struct {
	Seed  int64
	Edits []string // what was done, in words
	Flags []string // of the compiler

	tag           string
	orig, patched *unit
	before, after source
}

// Make makes the pair of a seed. Names that other units can see begin with the tag.
func Make(seed int64, tag string) *Pair {
	g := &generator{r: rand.New(rand.NewSource(seed))}
	for {
		p := &Pair{Seed: seed, tag: tag}
		p.orig = g.unit()
		if !p.orig.valid() || !quick(p.orig) || !g.edit(p) {
			continue
		}
		p.Flags = g.flags()
		p.before, p.after = render(p.orig, tag), render(p.patched, tag)
		if p.before.files != p.after.files {
			return p
		}
	}
}

// quick reports whether the program ends soon.
func quick(u *unit) bool {
	m := NewMachine()
	for i := range uint32(Calls) {
		if _, err := m.run(u, i, i); err != nil {
			return false
		}
	}
	return true
}

// edit makes the patched version.
func (g *generator) edit(p *Pair) bool {
	u := p.orig.clone()
	p.Edits = nil
	for range 1 + g.r.Intn(3) {
		e := oneOf(g, edits)
		next := u.clone()
		if e.do(g, next) && next.valid() && quick(next) {
			u = next
			p.Edits = append(p.Edits, e.name)
		}
	}
	p.patched = u
	return len(p.Edits) > 0
}

func (g *generator) flags() []string {
	flags := []string{oneOf(g, []string{"-O0", "-O1", "-O2", "-O2", "-O3", "-Os"})}
	if g.chance(50) {
		flags = append(flags, "-g")
	}
	return flags
}

// Files is the number of source files.
func (p *Pair) Files() int {
	if p.orig.hasSide() || p.patched.hasSide() {
		return 2
	}
	return 1
}

// Source returns the text of a file in both versions.
func (p *Pair) Source(file int) (before, after string) {
	return p.before.files[file], p.after.files[file]
}

// Entry is the function to call.
func (p *Pair) Entry() string { return p.tag + entry }

// Settle tells the pair how the source patch leads from lines of the patched source to lines of the original one. A
// variable that was removed and one of the same name that was added to the same function are one variable where the patch
// leaves the line of the declaration as it is, or changes it in place: nobody could tell them apart. So is one that came from
// another function, and stands on a line which the patch leaves as it is, with the one that was declared there.
func (p *Pair) Settle(old func(line int) (int, bool), region func(line int, patched bool) int) {
	removed, added := p.gone(p.orig, p.patched), p.gone(p.patched, p.orig)
	same := map[int]int{}
	for key, a := range added {
		r := removed[key]
		for _, v := range a {
			line := p.after.lines[v]
			o, kept := old(line)
			var fits []int
			for _, w := range r {
				was := p.before.lines[w]
				if kept && o == was || !kept && region(line, true) >= 0 && region(line, true) == region(was, false) {
					fits = append(fits, w)
				}
			}
			if len(fits) == 1 {
				same[v] = fits[0]
			}
		}
	}
	taken := map[int]int{}
	for _, w := range same {
		taken[w]++
	}
	was := homes(p.orig)
	onLine := p.onLine(old)
	replaced := map[int]bool{}
	for _, w := range onLine {
		replaced[w] = true
	}
	for _, f := range p.patched.funcs {
		for _, v := range f.locals() {
			if w, ok := onLine[v.id]; ok {
				v.id = w
			} else if replaced[v.id] {
				v.id += 1 << 20
			} else if w, ok := same[v.id]; ok && taken[w] == 1 {
				v.id = w
			} else if h, ok := was[v.id]; ok && !p.isSame(h, home{f, v}) {
				v.id += 1 << 20
			}
		}
	}
}

// onLine returns, for variables that came from another function, those of the original that were declared on their lines.
func (p *Pair) onLine(old func(line int) (int, bool)) map[int]int {
	was := homes(p.orig)
	at := map[int]int{} // line -> variable of the original
	for id := range was {
		at[p.before.lines[id]] = id
	}
	found := map[int]int{}
	for id, n := range homes(p.patched) {
		h, moved := was[id]
		line, kept := old(p.after.lines[id])
		w, ok := at[line]
		if !moved || !kept || !ok || h.f.name == n.f.name || h.f.name == n.f.was {
			continue
		}
		if o := was[w]; o.v.name == n.v.name && (o.f.name == n.f.name || o.f.name == n.f.was) {
			found[id] = w
		}
	}
	return found
}

// home is a variable and where it is declared.
type home struct {
	f *function
	v *variable
}

func homes(u *unit) map[int]home {
	out := map[int]home{}
	for _, f := range u.funcs {
		for _, v := range f.locals() {
			out[v.id] = home{f, v}
		}
	}
	return out
}

// isSame reports whether a variable that an edit left as it was, moved or renamed is the same one. One that nothing writes is a constant,
// which has its initial value.
func (p *Pair) isSame(o, n home) bool {
	return slices.Equal(o.v.init, n.v.init) || p.orig.writes(o.v) || p.patched.writes(n.v)
}

// Removable reports whether the program must go on as the original's source says when the patch is taken off again. A
// variable that the patched version only writes, or writes before it reads it, may not have been written at all; one that the
// original never writes is a constant to it.
func (p *Pair) Removable() bool {
	read, written := map[int]bool{}, map[int]bool{}
	for _, f := range p.patched.funcs {
		for _, n := range f.nodes() {
			if n.action != use {
				continue
			}
			v := n.vars[0]
			read[v.id], written[v.id] = true, written[v.id] || n.form == 2
			if v.target != nil {
				read[v.target.id] = true
			}
		}
		if f.result != nil {
			read[f.result.id] = true
		}
	}
	was := homes(p.orig)
	for id, h := range homes(p.patched) {
		o, kept := was[id]
		if kept && (!read[id] || written[id] || !p.orig.writes(o.v) && p.patched.writes(h.v)) {
			return false
		}
	}
	return true
}

// gone returns the local variables of u that other has not, by function and name.
func (p *Pair) gone(u, other *unit) map[string][]int {
	have := map[int]bool{}
	for _, v := range other.vars {
		have[v.id] = true
	}
	for _, f := range other.funcs {
		for _, v := range f.locals() {
			have[v.id] = true
		}
	}
	out := map[string][]int{}
	for _, f := range u.funcs {
		for _, v := range f.locals() {
			if !have[v.id] {
				key := f.name + " " + v.name
				out[key] = append(out[key], v.id)
			}
		}
	}
	return out
}

// Calls is how often the entry is called in each phase.
const Calls = 6

// Predict returns what the calls of the three phases return: before the patch, with it, and after its removal.
func (p *Pair) Predict() (phases [3][]uint32) {
	m := NewMachine()
	for phase, u := range []*unit{p.orig, p.patched, p.orig} {
		for i := range uint32(Calls) {
			a, arg := Arguments(uint32(phase)*Calls + i)
			r, err := m.run(u, a, arg)
			if err != nil {
				r = 0 // never: both versions were tried
			}
			phases[phase] = append(phases[phase], r)
		}
	}
	return phases
}

// Arguments are those of the entry's call number i, here and in the program.
func Arguments(i uint32) (a, m uint32) { return i * 2654435761, i % 5 }

// Diff returns the source patch of a file, as diff makes it.
func (p *Pair) Diff(file int, dir, name string) (string, error) {
	for _, f := range []struct{ ext, text string }{{".orig", p.before.files[file]}, {"", p.after.files[file]}} {
		if err := os.WriteFile(filepath.Join(dir, name+f.ext), []byte(f.text), 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.Command("diff", "-u", "--label", "a/"+name, "--label", "b/"+name, name+".orig", name)
	cmd.Dir = dir
	out, err := cmd.Output()
	if e, ok := err.(*exec.ExitError); ok && e.ExitCode() == 1 {
		err = nil
	}
	return strings.TrimSuffix(string(out), ""), err
}
