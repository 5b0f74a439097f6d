package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
)

// choose takes the changed and new functions and those that are asked for.
func (c *decider) choose() {
	for i, f := range c.d.Functions {
		pair := c.d.fns[i]
		if (f.Status == Same || f.Status == LineOnly) && c.o.Also != nil && c.o.Also(f.Name) != "" {
			f.Status, f.Reason = Changed, c.o.Also(f.Name)
		}
		switch {
		case f.Status == Gone:
		case f.Status == Changed && c.o.Keep != nil && !c.keep(f):
			c.s.LeftOut = append(c.s.LeftOut, f)
		case f.Status == Changed || f.Status == New:
			if m, moved := c.s.moves.Functions[f.Name]; moved && f.Status == New {
				f.Reason = "moved here from " + m.Source
			}
			c.take(f, pair)
		case c.o.Identity != nil && c.o.Identity(f.Name):
			if ps := c.obstacles(pair); len(ps) > 0 {
				f.Reason = ps[0].What
				c.s.Skipped = append(c.s.Skipped, f)
				continue
			}
			f.Reason = "asked for"
			c.take(f, pair)
		}
	}
}

// keep asks the filter for a function by its own and its source name.
func (c *decider) keep(f Function) bool { return c.o.Keep(f.Name) || c.o.Keep(asm.SourceName(f.Name)) }

func (c *decider) take(f Function, pair fnPair) {
	c.s.Functions = append(c.s.Functions, f)
	c.s.chosen = append(c.s.chosen, pair)
	c.in[pair.p] = true
	if pair.o != nil {
		c.in[pair.o] = true
	}
}

// sort brings the chosen functions into file order.
func (c *decider) sort() {
	have := map[*asm.Function]Function{}
	for i, pair := range c.s.chosen {
		have[pair.p] = c.s.Functions[i]
	}
	c.s.Functions, c.s.chosen = nil, nil
	for _, pair := range c.d.fns {
		if f, ok := have[pair.p]; ok && pair.p != nil {
			c.s.Functions = append(c.s.Functions, f)
			c.s.chosen = append(c.s.chosen, pair)
		}
	}
}

// dropUnusedClones drops new clones that nothing in the patch refers to: their callers differ in line numbers only.
func (c *decider) dropUnusedClones() {
	need := map[*asm.Function]bool{}
	for i, pair := range c.s.chosen {
		if c.s.Functions[i].Status != New || !asm.IsNumbered(pair.p.Name) {
			c.reach(pair.p, need)
		}
	}
	functions, chosen := c.s.Functions, c.s.chosen
	c.s.Functions, c.s.chosen = nil, nil
	for i, pair := range chosen {
		if !need[pair.p] {
			delete(c.in, pair.p)
			continue
		}
		c.s.Functions = append(c.s.Functions, functions[i])
		c.s.chosen = append(c.s.chosen, pair)
	}
}

// reach marks a function and the chosen ones that its code refers to, also through data and other functions.
func (c *decider) reach(from *asm.Function, need map[*asm.Function]bool) {
	if need[from] || !c.in[from] {
		return
	}
	need[from] = true
	f := c.d.patched
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if g := f.FunctionByName[name]; g != nil {
			c.reach(g, need)
		} else if b := f.Blocks[name]; b != nil {
			canon.WalkData(f.File, b, visit)
		}
	}
	canon.Walk(f.File, from, visit)
}
