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

// Match is Matching.Match with nothing known besides.
func Match(orig, patched, restored *Unit) (*Delta, error) {
	return Matching{}.Match(orig, patched, restored)
}

// MatchLines is Match with what is known about lines that moved, for what the restored file does not show.
func MatchLines(orig, patched, restored *Unit, moved func(LineChange) bool) (*Delta, error) {
	return Matching{Moved: moved}.Match(orig, patched, restored)
}

// NewVars names the new variables that go into the patch.
func (s *Selection) NewVars() []string {
	if s.clo == nil {
		return nil
	}
	return s.clo.newVars
}
