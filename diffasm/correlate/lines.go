package correlate

import (
	"slices"
	"strconv"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/machine"
	"gocare/internal/srcpatch"
)

// SameButLines applies the immediate rule to a function: as many statements, which differ in plain numbers only, each of them
// at least once where a call can come behind it or in a string behind the name of the file, and the numbers are lines of the function that moved.
func (m *pairing) SameButLines(p, o *asm.Function) bool {
	if m.linesMoved == nil || m.Patched.Unit.Linkage(p.Name) != m.Orig.Unit.Linkage(o.Name) ||
		m.Patched.texts[p.Index].deep || m.Orig.texts[o.Index].deep {
		return false
	}
	now, was := m.Patched.Written(p), m.Orig.Written(o)
	pm, om := now.Marks, was.Marks
	if len(pm) != len(om) {
		return false
	}
	called := map[srcpatch.Pair]bool{}
	for i := range pm {
		pl, ol := string(now.Line(i)), string(was.Line(i))
		if pl == ol {
			continue
		}
		diff, ok := numberPairs(machine.Of(m.Patched.Unit.File), pl, ol)
		if !ok || pm[i].Statement.Kind != asm.Instruction || pm[i].Statement.Asm || om[i].Statement.Asm {
			return false
		}
		for _, pair := range diff.numbers {
			called[pair] = called[pair] || beforeCall(machine.Of(m.Patched.Unit.File), pm, i)
		}
		for _, pair := range diff.inStrings {
			called[pair] = true
		}
	}
	c := LineChange{Orig: m.Orig.Unit.Places(o), Patched: m.Patched.Unit.Places(p)}
	for pair, ok := range called {
		if !ok {
			return false
		}
		c.Pairs = append(c.Pairs, pair)
	}
	return len(c.Orig) > 0 && len(c.Patched) > 0 && m.linesMoved(c)
}

// SameVariableButLines is the same for the initial value of a variable.
func (m *pairing) SameVariableButLines(p, o *asm.Block) bool {
	if m.linesMoved == nil || p.Section.Class != o.Section.Class || m.Patched.inits[p].deep || m.Orig.inits[o].deep {
		return false
	}
	diff, ok := numberPairs(machine.Of(m.Patched.Unit.File), m.Patched.c.Data(p), m.Orig.c.Data(o))
	if !ok {
		return false
	}
	c := LineChange{Orig: m.Orig.Unit.VariablePlace(o), Patched: m.Patched.Unit.VariablePlace(p), Pairs: append(diff.numbers, diff.inStrings...), Variable: true}
	return len(c.Orig) > 0 && len(c.Patched) > 0 && m.linesMoved(c)
}

// lineNumbers are the numbers in which two canonical texts differ.
type lineNumbers struct {
	numbers   []srcpatch.Pair // immediate operands and items of .long
	inStrings []srcpatch.Pair // behind the name of a file and a colon
}

// numberPairs returns the numbers in which two canonical texts differ, ok only if they differ in nothing else.
func numberPairs(m machine.Machine, p, o string) (diff lineNumbers, ok bool) {
	pt, ot := asm.Tokens{Text: p}, asm.Tokens{Text: o}
	var before asm.Token // the token before
	long := false        // inside .long
	for {
		a, more := pt.Next()
		b, more2 := ot.Next()
		if !more || !more2 {
			return diff, more == more2
		}
		switch {
		case a.Kind == b.Kind && a.Text == b.Text:
		case a.Kind == asm.TokenString && b.Kind == asm.TokenString:
			if !diff.strings(a.Text, b.Text) {
				return diff, false
			}
		default:
			pair, ok := numberPair(a, b)
			if !ok || !m.MarksNumber(p, before.Text) && !(long && (before.Text == ".long" || before.Text == ",")) {
				return diff, false
			}
			addPair(&diff.numbers, pair)
		}
		if a.Kind == asm.TokenSymbol && strings.HasPrefix(a.Text, ".") || a.Text == ";" {
			long = a.Text == ".long"
		}
		before = a
	}
}

func addPair(list *[]srcpatch.Pair, pair srcpatch.Pair) {
	if !slices.Contains(*list, pair) {
		*list = append(*list, pair)
	}
}

// strings notes the numbers in which two strings differ; it is false if they differ in anything else than in what stands behind
// the name of a C file or header, as in "a.c:12".
func (l *lineNumbers) strings(p, o string) bool {
	for {
		n := 0
		for n < len(p) && n < len(o) && p[n] == o[n] {
			n++
		}
		if n == len(p) && n == len(o) {
			return true
		}
		for n > 0 && asm.IsDigit(p[n-1]) {
			n--
		}
		a, b := digits(p[n:]), digits(o[n:])
		pair, ok := numberPair(asm.Token{Kind: asm.TokenNumber, Text: a}, asm.Token{Kind: asm.TokenNumber, Text: b})
		if name := p[:n]; !ok || !strings.HasSuffix(name, ".c:") && !strings.HasSuffix(name, ".h:") {
			return false
		}
		addPair(&l.inStrings, pair)
		p, o = p[n+len(a):], o[n+len(b):]
	}
}

// digits returns the digits that a text begins with.
func digits(s string) string {
	n := 0
	for n < len(s) && asm.IsDigit(s[n]) {
		n++
	}
	return s[:n]
}

func numberPair(p, o asm.Token) (pair srcpatch.Pair, ok bool) {
	if p.Kind != asm.TokenNumber || o.Kind != asm.TokenNumber {
		return pair, false
	}
	fresh, err := strconv.ParseUint(p.Text, 10, 31)
	old, err2 := strconv.ParseUint(o.Text, 10, 31)
	return srcpatch.Pair{Old: int(old), New: int(fresh)}, err == nil && err2 == nil
}

// beforeCall reports whether a call, or a jump to another function, can come behind a statement.
func beforeCall(m machine.Machine, list []canon.Mark, i int) bool {
	seen := map[int]bool{}
	for todo := []int{i + 1}; len(todo) > 0; {
		i = todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i >= len(list) || seen[i] {
			continue
		}
		seen[i] = true
		st := list[i].Statement
		if st.Kind != asm.Instruction {
			todo = append(todo, i+1)
			continue
		}
		in := m.Decode(st)
		switch {
		case in.Kind == machine.Call:
			return true
		case in.Kind == machine.Return:
			continue
		case in.Kind.Jumps() && !toLocal(&in):
			if in.Kind != machine.Branch && !asm.IsNumeric(st.Args) {
				return true
			}
			continue
		case in.Kind.Jumps():
			if to := slices.IndexFunc(list, func(m canon.Mark) bool {
				return m.Statement.Kind == asm.Label && m.Statement.Op == in.Operands[0].Symbol
			}); to >= 0 {
				todo = append(todo, to)
			}
		}
		if in.Kind == machine.Branch || !in.Kind.Jumps() {
			todo = append(todo, i+1)
		}
	}
	return false
}

// toLocal reports whether a jump goes to a label of the function. Through a pointer it may go to another function.
func toLocal(in *machine.Insn) bool {
	to := &in.Operands[0]
	return !to.Indirect && asm.IsLocal(to.Symbol)
}

// LineChange is code that is the same in both versions but for some numbers, and where it comes from.
type LineChange struct {
	Orig, Patched []srcpatch.Place // of its instructions; of a variable, where it is declared
	Pairs         []srcpatch.Pair  // the numbers
	Variable      bool
}
