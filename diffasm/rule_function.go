package diffasm

import "fmt"

// functions refuses chosen functions that no patch can hold, or that could not take the place of the original: those the parser had to
// give up on, one copy of several that the linker keeps, exception tables, labels whose addresses outlive a call, and literals known
// by their address. Those taken for identity were looked at before.
func (c *decider) functions() {
	for i, pair := range c.s.chosen {
		c.bad[pair.p] = c.problems(pair)
		for _, p := range c.bad[pair.p] {
			c.refuse(p, c.d.patched, c.s.Functions[i].Name)
		}
	}
}

// problems lists what keeps a function out of a patch.
func (c *decider) problems(pair fnPair) []problem {
	f := c.d.patched
	list := append(append([]problem(nil), f.problems...), pair.p.problems...)
	if pair.o != nil {
		for _, p := range pair.o.problems {
			if p.code == "comdat" || p.code == "entry-table" || p.code == "asm-function" {
				list = append(list, p)
			}
		}
	}
	if f.intel {
		list = append(list, problem{code: "intel-syntax", what: "the unit is compiled with -masm=intel", hint: "build without -masm=intel"})
	}
	if c.d.m.p.tooDeep(pair.p) {
		list = append(list, problem{code: "alias-cycle", what: "it uses an alias or a table that is circular or nested too deeply"})
	}
	if p := f.labelEscapes(pair.p); p != nil {
		list = append(list, *p)
	} else if pair.o != nil {
		if p := c.d.orig.labelEscapes(pair.o); p != nil {
			p.at = pair.p.first()
			list = append(list, *p)
		}
	}
	if p := c.knownLiteral(pair.p); p != nil {
		list = append(list, *p)
	}
	list = append(list, lsda(pair.p)...)
	return firstOfEach(append(list, stray(pair.p)...))
}

// lsda finds exception tables.
func lsda(p *fn) []problem {
	for _, s := range p.streams {
		for _, st := range s.stmts {
			if st.op == ".cfi_lsda" || st.op == ".cfi_personality" {
				return []problem{{
					code: "cxx-lsda", what: "it has an exception table, which a running process cannot be given", at: st,
					hint: "leave the function out with the filter, or change a function without clean-ups",
				}}
			}
		}
	}
	return nil
}

// stray finds numeric labels that do not belong to the function.
func stray(p *fn) []problem {
	last := map[string]int{}
	var all []stmt
	for _, s := range p.streams {
		for _, st := range s.stmts {
			if st.kind == label && isNumeric(st.op) {
				last[st.op] = len(all)
			}
			all = append(all, st)
		}
	}
	seen := map[string]bool{}
	for i, st := range all {
		if st.kind == label && isNumeric(st.op) {
			seen[st.op] = true
			continue
		}
		t := tokens{s: st.args}
		for tok, ok := t.next(); ok; tok, ok = t.next() {
			if tok.kind != tokNum || len(tok.text) < 2 {
				continue
			}
			n, dir := tok.text[:len(tok.text)-1], tok.text[len(tok.text)-1]
			at, defined := last[n]
			if !allDigits(n) || dir == 'b' && seen[n] || dir == 'f' && defined && at > i || dir != 'b' && dir != 'f' {
				continue
			}
			return []problem{{code: "asm-label", what: fmt.Sprintf("%s is no label of this function", tok.text), at: st}}
		}
	}
	return nil
}

// obstacles lists what keeps a function, or one that it shares labels with, out of a patch.
func (c *decider) obstacles(pair fnPair) (list []problem) {
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
func (c *decider) probe(p *fn) []problem {
	clo := &closure{d: c.d, seen: map[string]bool{}}
	clo.function(p)
	return clo.problems
}

// firstOfEach drops problems with a code that came before.
func firstOfEach(list []problem) (out []problem) {
	seen := map[string]bool{}
	for _, p := range list {
		if !seen[p.code] {
			seen[p.code] = true
			out = append(out, p)
		}
	}
	return out
}
