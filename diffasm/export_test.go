package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
)

// Odd reports whether the unit has something that is never taken for unchanged, for the fuzz target.
func (d *Delta) Odd() bool {
	seen := map[string]bool{}
	for _, fn := range d.patched.Functions {
		if seen[fn.Name] || d.m.Patched.TooDeep(fn) {
			return true
		}
		seen[fn.Name] = true
	}
	return slices.ContainsFunc(d.patched.Variables, func(b *asm.Block) bool { return len(d.m.Candidates(b.Name)) > 0 })
}

// Match is Matching.Match with nothing known besides.
func Match(orig, patched, restored *debuginfo.Unit) (*Delta, error) {
	return Matching{}.Match(orig, patched, restored)
}

// MatchLines is Match with what is known about lines that moved, for what the restored file does not show.
func MatchLines(orig, patched, restored *debuginfo.Unit, moved func(correlate.LineChange) bool) (*Delta, error) {
	return Matching{LinesMoved: moved}.Match(orig, patched, restored)
}

// NewVars names the new variables that go into the patch.
func (s *Selection) NewVars() []string {
	if s.clo == nil {
		return nil
	}
	return s.clo.newVars
}
