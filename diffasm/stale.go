package diffasm

import "strings"

// Stale is a function that only the original has and that old code can be in: it calls one of the patch whose new code does
// not keep to what such a caller knows of the old one.
type Stale struct {
	Name   string   // symbol in the original unit's object
	Parts  []string // further symbols of it ("f.cold")
	Global bool     // other units see it
	Callee string   // original name of the function it calls
	Why    string   // words that go on from a name: "g" overwrites …
}

// Stale lists the functions that are gone and call, directly or through old code, a function of the patch that overwrites
// registers which the original left alone (gcc, -fipa-ra), or a clone, whose parameters are the compiler's choice. Callers
// that both versions have need no such look: if they relied on it, they are other code now, and in the patch. hooked reports
// which replaced functions are reached from old code, by their names in the original.
func (s *Selection) Stale(hooked func(orig string) bool) (list []Stale) {
	if s.d == nil || s.d.m == nil {
		return nil
	}
	l := &leftovers{d: s.d, next: map[*fn]*fn{}}
	for _, pair := range s.chosen {
		if pair.o != nil && hooked(pair.o.name) {
			l.next[pair.o] = pair.p
		}
	}
	for _, pair := range s.d.fns {
		if pair.p != nil {
			continue
		}
		if callee, why := l.broken(pair.o); callee != nil {
			list = append(list, Stale{Name: pair.o.name, Parts: pair.o.parts, Global: s.d.orig.isGlobal(pair.o.name), Callee: callee.name, Why: why})
		}
	}
	return list
}

// leftovers looks at old code that runs on beside the patch.
type leftovers struct {
	d    *Delta
	next map[*fn]*fn // what runs in place of a function of the original, if it is hooked
}

// broken returns a function that f calls and cannot rely on any more, and why; nil if there is none. A jump does not come back.
func (l *leftovers) broken(f *fn) (callee *fn, why string) {
	l.eachCallee(f, func(op string, to *fn) {
		_, clone := splitAuto(to.name)
		switch {
		case callee != nil || !strings.HasPrefix(op, "call"):
		case l.next[to] != nil && clone:
			callee, why = to, "may take other parameters"
		case l.extra(to) != 0:
			callee, why = to, "overwrites registers that it left alone before"
		}
	})
	return callee, why
}

// extra returns the registers that a call of f by old code overwrites now, and that the caller could take for left alone.
func (l *leftovers) extra(f *fn) regset {
	return l.overwrites(f, map[*fn]bool{}) &^ overwrites(l.d.orig, f, false, map[*fn]bool{})
}

// overwrites returns the registers that new code may write when old code calls f.
func (l *leftovers) overwrites(f *fn, seen map[*fn]bool) (set regset) {
	if p := l.next[f]; p != nil {
		return overwrites(l.d.patched, p, true, map[*fn]bool{})
	}
	if seen[f] {
		return 0
	}
	seen[f] = true
	l.eachCallee(f, func(_ string, to *fn) { set |= l.overwrites(to, seen) })
	return set
}

// eachCallee calls visit for the functions of the original unit that f calls or jumps to.
func (l *leftovers) eachCallee(f *fn, visit func(op string, to *fn)) {
	for _, s := range f.streams {
		for _, st := range s.stmts {
			if st.kind != insn {
				continue
			}
			op, args, _ := withoutPrefix(st)
			if to := l.d.orig.callee(op, args); to != nil && to != f {
				visit(op, to)
			}
		}
	}
}
