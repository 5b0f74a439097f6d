package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/flow"
	"gocare/diffasm/machine"
)

// Stale is a function of which only the original has code, and which running processes may be in or call. It calls one of the patch
// whose new code does not keep to what such a caller knows of the old one, or the patched source has it inlined alone.
type Stale struct {
	Name   string   // symbol in the original unit's object
	Parts  []string // further symbols of it ("f.cold")
	Global bool     // other units see it
	Callee string   // original name of the function it calls
	Why    string   // words that go on from a name: "g" overwrites …
	// Inlined says that the patched source still has the function: where its address was given away, the old code would run
	// for it. Callee is "" then.
	Inlined bool
}

// Stale lists the functions that are gone and call, directly or through old code, a function of the patch that overwrites
// registers which the original left alone (gcc, -fipa-ra; or may, where that is not compared, see relied), or a clone, whose parameters
// are the compiler's choice. Callers that both versions have need no such look: if they relied on it, they are other code now, and in the patch. Optimised code of a
// private function may also rely on what the callers of the patched version pass, and these are not among them. Listed, too, are
// functions that the patched source defines and only inlines: old code of them goes on as it was. hooked reports which
// replaced functions are reached from old code, by their names in the original.
func (s *Selection) Stale(hooked func(orig string) bool) (list []Stale) {
	if s.d == nil || s.d.late() {
		return nil
	}
	l := &leftovers{d: s.d, next: map[*asm.Function]*asm.Function{}}
	for _, pair := range s.chosen {
		if pair.o != nil && hooked(pair.o.Name) {
			l.next[pair.o] = pair.p
		}
	}
	for _, pair := range s.d.fns {
		if pair.p != nil {
			continue
		}
		f := Stale{Name: pair.o.Name, Parts: pair.o.Parts, Global: s.d.orig.IsGlobal(pair.o.Name)}
		if callee, why := l.broken(pair.o); callee != nil {
			f.Callee, f.Why = callee.Name, why
			list = append(list, f)
		} else if f.Inlined = s.d.inlined(pair.o.Name); f.Inlined {
			list = append(list, f)
		}
	}
	return list
}

// inlined reports whether the patched source defines a function of which the patched unit has no code by this name.
func (d *Delta) inlined(name string) bool {
	ds := d.patched.Declarations()
	return ds != nil && !asm.IsNumbered(name) && slices.ContainsFunc(ds.Code, func(e *debuginfo.Declaration) bool { return e.Name == name && !e.Elsewhere })
}

// leftovers looks at old code that runs on beside the patch.
type leftovers struct {
	d    *Delta
	next map[*asm.Function]*asm.Function // what runs in place of a function of the original, if it is hooked
}

// broken returns a function that f calls and cannot rely on any more, and why; nil if there is none. A jump does not come back.
func (l *leftovers) broken(f *asm.Function) (callee *asm.Function, why string) {
	l.eachCallee(f, func(in *machine.Insn, to *asm.Function) {
		_, clone := asm.SplitNumbered(to.Name)
		switch {
		case callee != nil || in.Kind != machine.Call:
		case l.next[to] != nil && clone:
			callee, why = to, "may take other parameters"
		case l.extra(to) != 0:
			callee, why = to, "overwrites registers that it left alone before"
		}
	})
	if callee == nil {
		if callee = l.relied(f, map[*asm.Function]bool{}); callee != nil {
			why = "may overwrite registers that it left alone before"
		}
	}
	if callee == nil && !l.d.plain {
		if callee = l.narrowed(f, map[*asm.Function]bool{f: true}); callee != nil {
			why = "may rely on what its callers in the patched version pass"
		}
	}
	return callee, why
}

// narrowed returns a private function that runs new code when f, which is gone, calls it, also through old code that the compiler
// knew all callers of.
func (l *leftovers) narrowed(f *asm.Function, seen map[*asm.Function]bool) (found *asm.Function) {
	l.eachCallee(f, func(_ *machine.Insn, to *asm.Function) {
		if found != nil || seen[to] {
			return
		}
		seen[to] = true
		switch p := l.partner(to); {
		case p != nil && !onlyCalled(l.d.patched, p):
		case l.next[to] != nil:
			found = to
		default:
			found = l.narrowed(to, seen)
		}
	})
	return found
}

// partner returns the patched version of a function, nil for one that is gone.
func (l *leftovers) partner(o *asm.Function) *asm.Function {
	for _, pair := range l.d.fns {
		if pair.o == o {
			return pair.p
		}
	}
	return nil
}

// onlyCalled reports whether the compiler saw every call of a function.
func onlyCalled(f *debuginfo.Unit, g *asm.Function) bool {
	all := map[*asm.Function]bool{}
	for _, by := range f.Functions {
		all[by] = true
	}
	return !f.IsGlobal(g.Name) && otherUse(f, g.Name, all) == nil
}

// extra returns the registers that a call of f by old code overwrites now, and that the caller could take for left alone.
func (l *leftovers) extra(f *asm.Function) machine.RegisterSet {
	return l.overwrites(f, map[*asm.Function]bool{}) &^ flow.Overwrites(l.d.orig.File, f, false, map[*asm.Function]bool{})
}

// overwrites returns the registers that new code may write when old code calls f.
func (l *leftovers) overwrites(f *asm.Function, seen map[*asm.Function]bool) (set machine.RegisterSet) {
	if p := l.next[f]; p != nil {
		return flow.Overwrites(l.d.patched.File, p, true, map[*asm.Function]bool{})
	}
	if seen[f] {
		return 0
	}
	seen[f] = true
	l.eachCallee(f, func(_ *machine.Insn, to *asm.Function) { set |= l.overwrites(to, seen) })
	return set
}

// eachCallee calls visit for the functions of the original unit that f calls or jumps to.
func (l *leftovers) eachCallee(f *asm.Function, visit func(in *machine.Insn, to *asm.Function)) {
	for _, s := range f.Streams {
		for _, st := range s.Statements {
			if st.Kind != asm.Instruction {
				continue
			}
			in := machine.Of(l.d.orig.File).Decode(st)
			if to := flow.Callee(l.d.orig.File, &in); to != nil && to != f {
				visit(&in, to)
			}
		}
	}
}
