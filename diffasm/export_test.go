package diffasm

// Odd reports whether the unit has something that is never taken for unchanged, for the fuzz target.
func (d *Delta) Odd() bool {
	seen := map[string]bool{}
	for _, fn := range d.patched.funcs {
		if seen[fn.name] || d.m.p.texts[fn.index].deep {
			return true
		}
		seen[fn.name] = true
	}
	return len(d.m.ambiguous) > 0
}
