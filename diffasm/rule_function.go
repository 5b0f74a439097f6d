package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// functions refuses chosen functions that no patch can hold, or that could not take the place of the original: those the parser had to
// give up on, and labels whose addresses outlive a call. Those taken for identity were looked at before.
func (c *decider) functions() {
	for i, pair := range c.s.chosen {
		c.bad[pair.p] = c.problems(pair)
		if c.s.Functions[i].Status == Changed {
			c.bad[pair.p] = append(c.bad[pair.p], c.d.recounted(pair)...)
		}
		for _, p := range c.bad[pair.p] {
			c.refuse(p, c.d.patched, c.s.Functions[i].Name)
		}
	}
}

// problems lists what keeps a function out of a patch.
func (c *decider) problems(pair fnPair) []asm.Problem {
	f := c.d.patched
	list := append(append([]asm.Problem(nil), f.Problems...), pair.p.Problems...)
	if c.d.ownThunk(pair) {
		list = slices.DeleteFunc(list, func(p asm.Problem) bool { return p.Code == fault.AsmFunction })
	}
	if pair.o != nil {
		for _, p := range pair.o.Problems {
			if p.Code == fault.EntryTable || p.Code == fault.AsmFunction {
				list = append(list, p)
			}
		}
	}
	if f.Intel {
		list = append(list, asm.Problem{Code: fault.IntelSyntax, What: "the unit is compiled with -masm=intel"})
	}
	if c.d.m.Patched.TooDeep(pair.p) {
		list = append(list, asm.Problem{Code: fault.AliasCycle, What: "it uses an alias or a table that is circular or nested too deeply"})
	}
	if p := labelEscapes(f.File, pair.p); p != nil {
		list = append(list, *p)
	} else if pair.o != nil {
		if p := labelEscapes(c.d.orig.File, pair.o); p != nil {
			p.At = first(pair.p)
			list = append(list, *p)
		}
	}
	list = append(list, asksForNext(f.File, pair.p)...)
	return firstOfEach(append(list, stray(pair.p)...))
}

// ownThunk reports whether a function is a thunk that the original unit does not have: the patch gets one of its own, which does what any
// other of its name does, and whose address is not asked for.
func (d *Delta) ownThunk(pair fnPair) bool {
	return pair.o == nil && machine.Of(d.patched.File).Thunk(pair.p.Name) && d.patched.Grouped(pair.p.Name)
}

// stray finds numeric labels that do not belong to the function.
func stray(p *asm.Function) []asm.Problem {
	last := map[string]int{}
	var all []asm.Statement
	for _, s := range p.Streams {
		for _, st := range s.Statements {
			if st.Kind == asm.Label && asm.IsNumeric(st.Op) {
				last[st.Op] = len(all)
			}
			all = append(all, st)
		}
	}
	seen := map[string]bool{}
	for i, st := range all {
		if st.Kind == asm.Label && asm.IsNumeric(st.Op) {
			seen[st.Op] = true
			continue
		}
		t := asm.Tokens{Text: st.Args}
		for tok, ok := t.Next(); ok; tok, ok = t.Next() {
			if tok.Kind != asm.TokenNumber || len(tok.Text) < 2 {
				continue
			}
			n, dir := tok.Text[:len(tok.Text)-1], tok.Text[len(tok.Text)-1]
			at, defined := last[n]
			if !asm.AllDigits(n) || dir == 'b' && seen[n] || dir == 'f' && defined && at > i || dir != 'b' && dir != 'f' {
				continue
			}
			return []asm.Problem{{Code: fault.AsmLabel, What: fmt.Sprintf("%s is no label of this function", tok.Text), At: st}}
		}
	}
	return nil
}

// obstacles lists what keeps a function, or one that it shares labels with, out of a patch.
func (c *decider) obstacles(pair fnPair) (list []asm.Problem) {
	for _, p := range family(pair.p) {
		for _, q := range c.d.fns {
			if q.p == p {
				list = append(append(list, c.problems(q)...), c.probe(p)...)
			}
		}
	}
	return list
}

// probe returns what an unchanged function would need and cannot have.
func (c *decider) probe(p *asm.Function) []asm.Problem {
	clo := &closure{d: c.d, seen: map[string]bool{}}
	clo.function(p)
	var list []asm.Problem
	for _, p := range clo.problems {
		list = append(list, p.Problem)
	}
	return list
}

// firstOfEach drops problems with a code that came before.
func firstOfEach(list []asm.Problem) (out []asm.Problem) {
	seen := map[string]bool{}
	for _, p := range list {
		if !seen[string(p.Code)] {
			seen[string(p.Code)] = true
			out = append(out, p)
		}
	}
	return out
}
