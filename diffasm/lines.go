package diffasm

import (
	"slices"
	"strconv"
	"strings"

	"gocare/internal/srcpatch"
)

// sameButLines applies the immediate rule to a function: as many statements, which differ in plain numbers only, each of them
// at least once where a call can come behind it or in a string behind the name of the file, and the numbers are lines of the function that moved.
func (m *matcher) sameButLines(p, o *fn) bool {
	if m.linesMoved == nil || m.p.f.linkage(p.name) != m.o.f.linkage(o.name) ||
		m.p.texts[p.index].deep || m.o.texts[o.index].deep {
		return false
	}
	now, was := m.p.written(p), m.o.written(o)
	pm, om := now.marks, was.marks
	if len(pm) != len(om) {
		return false
	}
	called := map[srcpatch.Pair]bool{}
	for i := range pm {
		pl, ol := string(now.line(i)), string(was.line(i))
		if pl == ol {
			continue
		}
		diff, ok := numberPairs(machineOf(m.p.f.File), pl, ol)
		if !ok || pm[i].st.kind != insn || pm[i].st.asm || om[i].st.asm {
			return false
		}
		for _, pair := range diff.numbers {
			called[pair] = called[pair] || beforeCall(machineOf(m.p.f.File), pm, i)
		}
		for _, pair := range diff.inStrings {
			called[pair] = true
		}
	}
	c := LineChange{Orig: m.o.f.fnPlaces(o), Patched: m.p.f.fnPlaces(p)}
	for pair, ok := range called {
		if !ok {
			return false
		}
		c.Pairs = append(c.Pairs, pair)
	}
	return len(c.Orig) > 0 && len(c.Patched) > 0 && m.linesMoved(c)
}

// sameVarButLines is the same for the initial value of a variable.
func (m *matcher) sameVarButLines(p, o *block) bool {
	if m.linesMoved == nil || p.sec.class != o.sec.class || m.p.inits[p].deep || m.o.inits[o].deep {
		return false
	}
	diff, ok := numberPairs(machineOf(m.p.f.File), m.p.c.data(p), m.o.c.data(o))
	if !ok {
		return false
	}
	c := LineChange{Orig: m.o.f.varPlace(o), Patched: m.p.f.varPlace(p), Pairs: append(diff.numbers, diff.inStrings...), Variable: true}
	return len(c.Orig) > 0 && len(c.Patched) > 0 && m.linesMoved(c)
}

// lineNumbers are the numbers in which two canonical texts differ.
type lineNumbers struct {
	numbers   []srcpatch.Pair // immediate operands and items of .long
	inStrings []srcpatch.Pair // behind the name of a file and a colon
}

// numberPairs returns the numbers in which two canonical texts differ, ok only if they differ in nothing else.
func numberPairs(m Machine, p, o string) (diff lineNumbers, ok bool) {
	pt, ot := tokens{s: p}, tokens{s: o}
	var before token // the token before
	long := false    // inside .long
	for {
		a, more := pt.next()
		b, more2 := ot.next()
		if !more || !more2 {
			return diff, more == more2
		}
		switch {
		case a.kind == b.kind && a.text == b.text:
		case a.kind == tokStr && b.kind == tokStr:
			if !diff.strings(a.text, b.text) {
				return diff, false
			}
		default:
			pair, ok := numberPair(a, b)
			if !ok || !m.MarksNumber(before.text) && !(long && (before.text == ".long" || before.text == ",")) {
				return diff, false
			}
			addPair(&diff.numbers, pair)
		}
		if a.kind == tokSym && strings.HasPrefix(a.text, ".") || a.text == ";" {
			long = a.text == ".long"
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
		for n > 0 && isDigit(p[n-1]) {
			n--
		}
		a, b := digits(p[n:]), digits(o[n:])
		pair, ok := numberPair(token{kind: tokNum, text: a}, token{kind: tokNum, text: b})
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
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

func numberPair(p, o token) (pair srcpatch.Pair, ok bool) {
	if p.kind != tokNum || o.kind != tokNum {
		return pair, false
	}
	fresh, err := strconv.ParseUint(p.text, 10, 31)
	old, err2 := strconv.ParseUint(o.text, 10, 31)
	return srcpatch.Pair{Old: int(old), New: int(fresh)}, err == nil && err2 == nil
}

// beforeCall reports whether a call, or a jump to another function, can come behind a statement.
func beforeCall(m Machine, list []mark, i int) bool {
	seen := map[int]bool{}
	for todo := []int{i + 1}; len(todo) > 0; {
		i = todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i >= len(list) || seen[i] {
			continue
		}
		seen[i] = true
		st := list[i].st
		kind := Other
		if st.kind == insn {
			kind = m.Kind(st)
		}
		switch {
		case kind == Call:
			return true
		case kind.Jumps() && !isLocal(st.args):
			if kind == Jump && st.args != "" && !isNumeric(st.args) {
				return true
			}
			continue
		case kind.Jumps():
			if to := slices.IndexFunc(list, func(m mark) bool { return m.st.kind == label && m.st.op == st.args }); to >= 0 {
				todo = append(todo, to)
			}
		case kind == Return:
			continue
		}
		if kind != Jump {
			todo = append(todo, i+1)
		}
	}
	return false
}

// LineChange is code that is the same in both versions but for some numbers, and where it comes from.
type LineChange struct {
	Orig, Patched []srcpatch.Place // of its instructions; of a variable, where it is declared
	Pairs         []srcpatch.Pair  // the numbers
	Variable      bool
}
