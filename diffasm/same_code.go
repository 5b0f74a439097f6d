package diffasm

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
)

// sameCode tells which functions two versions of a unit have word for word, labels aside, with all functions of the unit that these name. What
// becomes of an address in one becomes of it in the other, as package flow looks no further.
type sameCode struct {
	orig, patched *asm.File
	compared      map[string]comparedCode
	known         map[string]bool     // with all that they lead to
	named         map[string][]string // functions of either version by what the source calls them
}

// comparedCode is what comparing a function of both versions gave.
type comparedCode struct {
	same  bool
	leads []string // to these functions, if it is the same
}

func newSameCode(orig, patched *asm.File) *sameCode {
	s := &sameCode{orig: orig, patched: patched, compared: map[string]comparedCode{}, known: map[string]bool{}, named: map[string][]string{}}
	for _, f := range []*asm.File{orig, patched} {
		for _, fn := range f.Functions {
			name := asm.SourceName(fn.Name)
			s.named[name] = append(s.named[name], fn.Name)
		}
	}
	return s
}

// hasAll reports whether both versions have word for word what the source calls by a name, whatever it leads to.
func (s *sameCode) hasAll(name string) bool {
	return !slices.ContainsFunc(s.named[name], func(n string) bool { return !s.compare(n).same })
}

// has reports whether it is so of a function.
func (s *sameCode) has(name string) bool {
	seen := map[string]bool{}
	if !s.visit(name, seen) {
		return false
	}
	for n := range seen {
		s.known[n] = true
	}
	return true
}

// visit goes through all that a function leads to, up to what differs: then so do those on the way there.
func (s *sameCode) visit(name string, seen map[string]bool) bool {
	if is, known := s.known[name]; known {
		return is
	}
	if seen[name] {
		return true
	}
	seen[name] = true
	c := s.compare(name)
	if !c.same || slices.ContainsFunc(c.leads, func(n string) bool { return !s.visit(n, seen) }) {
		s.known[name] = false
		return false
	}
	return true
}

// compare compares a function, and lists those that it leads to.
func (s *sameCode) compare(name string) comparedCode {
	if c, known := s.compared[name]; known {
		return c
	}
	o, p := codeOf(s.orig.FunctionByName[name]), codeOf(s.patched.FunctionByName[name])
	c := codeComparison{sameCode: s, labels: map[string]string{}, back: map[string]string{}}
	if o != nil && slices.EqualFunc(o, p, c.statements) {
		s.compared[name] = comparedCode{true, c.leads}
	} else {
		s.compared[name] = comparedCode{}
	}
	return s.compared[name]
}

// codeOf lists what package flow reads of a function: the code of each section, and its tables; nil without a function.
func codeOf(fn *asm.Function) (code []asm.Statement) {
	if fn == nil {
		return nil
	}
	for _, s := range fn.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Directive {
				code = append(code, st)
			}
		}
		code = append(code, asm.Statement{Kind: asm.Directive})
	}
	for _, b := range fn.Tables {
		code = append(code, asm.Statement{Op: b.Name, Kind: asm.Label})
		code = append(code, b.Items...)
	}
	return code
}

// codeComparison compares two functions statement by statement.
type codeComparison struct {
	*sameCode
	labels, back map[string]string // of the original in the patched version, and the other way
	leads        []string
}

func (c *codeComparison) statements(o, p asm.Statement) bool {
	switch {
	case o.Kind != p.Kind || o.Asm != p.Asm:
		return false
	case o.Kind == asm.Label:
		return c.symbols(o.Op, p.Op)
	}
	return o.Op == p.Op && c.operands(o.Args, p.Args)
}

func (c *codeComparison) operands(o, p string) bool {
	ot, pt := asm.Tokens{Text: o}, asm.Tokens{Text: p}
	for {
		a, more := ot.Next()
		b, moreToo := pt.Next()
		switch {
		case more != moreToo || a.Kind != b.Kind:
			return false
		case !more:
			return true
		case a.Kind == asm.TokenSymbol && !c.symbols(a.Text, b.Text) || a.Kind != asm.TokenSymbol && a.Text != b.Text:
			return false
		}
	}
}

// symbols reports whether two names mean the same: labels where each other one does, too, other names by what they stand for.
func (c *codeComparison) symbols(o, p string) bool {
	if isPlainLabel(c.orig, o) && isPlainLabel(c.patched, p) {
		to, known := c.labels[o]
		from, knownToo := c.back[p]
		c.labels[o], c.back[p] = p, o
		return (!known || to == p) && (!knownToo || from == o) && strings.HasPrefix(o, anchorPrefix) == strings.HasPrefix(p, anchorPrefix)
	}
	target, off, whole := c.orig.Follow(o)
	if t, n, w := c.patched.Follow(p); o != p || t != target || n != off || w != whole || c.orig.Defines(o) != c.patched.Defines(o) {
		return false
	}
	for _, n := range []string{o, target} {
		if c.orig.FunctionByName[n] != nil || c.patched.FunctionByName[n] != nil {
			c.leads = append(c.leads, n)
		}
	}
	return true
}

// isPlainLabel reports whether a name is a label, and neither a function nor another name of something.
func isPlainLabel(f *asm.File, name string) bool {
	return asm.IsLocal(name) && f.FunctionByName[name] == nil && f.Alias[name] == nil
}
