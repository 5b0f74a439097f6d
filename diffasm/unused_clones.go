package diffasm

// prune drops new clones that nothing in the patch refers to: their callers differ in line numbers only.
func (c *decider) prune() {
	need := map[*fn]bool{}
	for i, pair := range c.s.chosen {
		if c.s.Functions[i].Status != New || !isNumbered(pair.p.name) {
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
func (c *decider) reach(from *fn, need map[*fn]bool) {
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
		if g := f.fnByName[name]; g != nil {
			c.reach(g, need)
		} else if b := f.blocks[name]; b != nil {
			f.walkData(b, visit)
		}
	}
	f.walk(from, visit)
}
