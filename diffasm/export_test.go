package diffasm

import "slices"

// Odd reports whether the unit has something that is never taken for unchanged, for the fuzz target.
func (d *Delta) Odd() bool {
	seen := map[string]bool{}
	for _, fn := range d.patched.funcs {
		if seen[fn.name] || d.m.p.tooDeep(fn) {
			return true
		}
		seen[fn.name] = true
	}
	return slices.ContainsFunc(d.patched.vars, func(b *block) bool { return len(d.m.candidates(b.name)) > 0 })
}
