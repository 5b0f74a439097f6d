package correlate

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/internal/cxxname"
)

// pairShown pairs functions and variables of C++ that other units see in one version alone: their symbols tell that, too, and differ in
// nothing else.
func (m *pairing) pairShown() {
	if m.Exact || m.namesake != nil {
		return
	}
	was, is := byShownName(m.Orig), byShownName(m.Patched)
	for key, p := range is {
		if o := was[key]; o != "" && p != "" && o != p && m.Orig.isAlone(o, p) && m.Patched.isAlone(p, o) {
			m.join(p, o)
		}
	}
}

// shownName is the symbol that a function or a variable has, or would have, as one that other units see.
type shownName struct {
	symbol   string
	function bool
}

// byShownName lists what a unit defines; "" stands for several.
func byShownName(s *Version) map[shownName]string {
	list := map[shownName]string{}
	note := func(symbol string, function bool) {
		key := shownName{cxxname.Shown(symbol), function}
		if _, again := list[key]; again {
			symbol = ""
		}
		list[key] = symbol
	}
	for _, fn := range s.Unit.Functions {
		note(fn.Name, true)
	}
	for _, b := range s.Unit.Variables {
		if b.Owner == nil && !s.Unit.IsLiteral(b) {
			note(b.Name, false)
		}
	}
	return list
}

// isAlone reports whether a unit has a symbol and does not know of the one that it has in the other version. What the linker may
// take from another unit may be that one's, and a variable of threads is reached by way of functions of its own.
func (s *Version) isAlone(symbol, other string) bool {
	b, uses := s.Unit.Blocks[symbol], canon.UsersOf(s.Unit.File, other)
	weak := s.Unit.Symbols[symbol] != nil && s.Unit.Symbols[symbol].Binding == "weak"
	return s.open[symbol] == nil && !weak && !s.Unit.Grouped(symbol) && (b == nil || b.Section.Class != asm.ThreadLocal) &&
		!s.Unit.Defines(other) && len(uses.Functions)+len(uses.Variables) == 0
}
