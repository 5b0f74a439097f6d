package correlate

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/internal/fault"
)

// Equal reports whether two functions are the same in all that counts.
func (m *pairing) Equal(p, o *asm.Function) bool {
	pt, ot := &m.Patched.texts[p.Index], &m.Orig.texts[o.Index]
	return pt.hash == ot.hash && !pt.deep && !ot.deep && m.Patched.Unit.Linkage(p.Name) == m.Orig.Unit.Linkage(o.Name)
}

// Proves reports whether the function of p's name is the original's o, without a guess which static local is which.
func (m *pairing) Proves(p, o *asm.Function) bool {
	name := o.Name // a macro may have made another one of the line that p is on
	if asm.IsNumbered(p.Name) {
		name = p.Name
	}
	fn := m.Patched.Unit.FunctionByName[name]
	return fn != nil && m.OrigFunction(fn) == o && m.Equal(fn, o) && !m.Open(fn)
}

// Guesses reports whether a function uses a nameless variable that keeps state and of which nothing shows which one it is.
func (m *pairing) Guesses(fn *asm.Function) (found bool) {
	if len(m.guessed) > 0 {
		canon.Walk(m.Patched.Unit.File, fn, func(n string) { found = found || m.guessed[n] })
	}
	return found
}

// Open reports whether a function uses a static local that is paired by likeness or not at all.
func (m *pairing) Open(fn *asm.Function) (found bool) {
	canon.Walk(m.Patched.Unit.File, fn, func(n string) {
		_, doubt := m.doubts[n]
		found = found || doubt || len(m.ambiguous[n]) > 0 || slices.Contains(m.Unproved, n)
	})
	return found
}

// SameSets reports whether the sections that the program collects when it is linked hold the same variables in both units.
// Macros name such variables by the line they stand on.
func (m *pairing) SameSets() bool {
	same := func(p *asm.Block) bool {
		o := m.OrigVariable(p)
		if o == nil || o.Section.Name != p.Section.Name {
			return false
		}
		code, _ := m.CompareVariable(p, o)
		return code == ""
	}
	return len(setVars(m.Patched.Unit.File)) == len(setVars(m.Orig.Unit.File)) && !slices.ContainsFunc(setVars(m.Patched.Unit.File), func(p *asm.Block) bool { return !same(p) })
}

// CompareVariable returns the refusal code for a changed variable and why, "" if it is the same.
func (m *pairing) CompareVariable(p, o *asm.Block) (code fault.Code, why string) {
	return CompareVariables(m.Patched, p, m.Orig, o)
}

// CompareVariables is the same for variables of any two units.
func CompareVariables(patched *Version, p *asm.Block, orig *Version, o *asm.Block) (code fault.Code, why string) {
	ps, os := patched.Unit.Size(p), orig.Unit.Size(o)
	switch {
	case patched.inits[p].deep || orig.inits[o].deep:
		return fault.DataChanged, "initial value is circular or nested too deeply to compare"
	case ps != os:
		return fault.DataSize, "size changed from " + os + " to " + ps + " bytes"
	case p.Align > o.Align:
		return fault.DataSize, "alignment changed"
	case p.Section.Class != o.Section.Class:
		return fault.DataChanged, "moved from " + o.Section.Class.String() + " to " + p.Section.Class.String() + " data"
	case patched.inits[p].hash != orig.inits[o].hash && !asm.SameBytes(p, o):
		return fault.DataChanged, "initial value changed"
	}
	return "", ""
}

func setVars(f *asm.File) (list []*asm.Block) {
	for _, b := range f.Variables {
		if b.Section.IsSet() {
			list = append(list, b)
		}
	}
	return list
}

// Meaning is what a name stands for, in names of the original.
func (s *Version) Meaning(n string) string {
	target, off, _ := s.Unit.Follow(n)
	if off != 0 {
		return fmt.Sprintf("%s%+d", s.Token(target), off)
	}
	return s.Token(target)
}

// SameRestored reports whether the variable is unchanged once the original line numbers are restored.
func SameRestored(r *Matcher, p, o *asm.Block) bool {
	if r == nil {
		return false
	}
	b := r.Patched.Unit.Blocks[p.Name]
	if b == nil || r.OrigVariable(b) != o {
		return false
	}
	code, _ := r.CompareVariable(b, o)
	return code == ""
}
