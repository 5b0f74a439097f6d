package diffasm

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/machine"
)

// A unit that is compared as compiled with other options than the program's has other code than runs. With -fipa-ra gcc has functions
// keep values in registers that their callees were seen to leave alone, and what the patch puts in the place of a callee need not.

// Relying lists the functions of a unit whose code is another one when gcc looks at no callee (-fno-ipa-ra).
func Relying(unit, without *File) map[string]bool {
	list := map[string]bool{}
	raw := func(n string) string { return n }
	a, b := canon.New(unit.File, raw), canon.New(without.File, raw)
	a.Code, b.Code = true, true
	for _, fn := range unit.Functions {
		if o := without.FunctionByName[fn.Name]; o == nil || a.Hash(fn) != b.Hash(o) {
			list[fn.Name] = true
		}
	}
	return list
}

// OtherNames returns a function or variable that only one of two versions of a unit has, "" if there is none: what is found by name in one
// is there in the other.
func OtherNames(a, b *File) string {
	for _, f := range [][2]*asm.File{{a.File, b.File}, {b.File, a.File}} {
		for _, fn := range f[0].Functions {
			if f[1].FunctionByName[fn.Name] == nil {
				return fn.Name
			}
		}
		for _, v := range f[0].Variables {
			if !f[1].Defines(v.Name) && !asm.IsLocal(v.Name) {
				return v.Name
			}
		}
	}
	return ""
}

// relying takes the functions that rely on their callees into the patch, where something of the original is replaced: there they are
// compiled without. One that is gone cannot be, see Stale.
func (c *decider) relying() {
	if len(c.d.relying) == 0 || !c.replaces() {
		return
	}
	for i, f := range c.d.Functions {
		pair := c.d.fns[i]
		switch {
		case pair.o == nil || pair.p == nil || !c.d.relying[pair.o.Name] || c.in[pair.o]:
		default:
			f.Status, f.Reason = Changed, "keeps values in registers over calls"
			c.take(f, pair)
		}
	}
	c.sort()
}

// replaces reports whether a function of the original is replaced.
func (c *decider) replaces() bool {
	for _, pair := range c.s.chosen {
		if pair.o != nil {
			return true
		}
	}
	return false
}

// relied returns a function that runs new code when f, which is gone, calls it, also through old code, while f or a function on the way that
// is gone, too, keeps values in registers that the old code left alone; nil if there is none. What the others of the unit rely on is in
// the patch itself.
func (l *leftovers) relied(f *asm.Function, seen map[*asm.Function]bool) (found *asm.Function) {
	if seen[f] {
		return nil
	}
	seen[f] = true
	if l.d.relying[f.Name] {
		found = l.hookedBelow(f, map[*asm.Function]bool{f: true})
	}
	l.eachCallee(f, func(_ *machine.Insn, to *asm.Function) {
		if found == nil && l.partner(to) == nil {
			found = l.relied(to, seen)
		}
	})
	return found
}

// hookedBelow returns a function that f calls, also through old code, and that runs new code then.
func (l *leftovers) hookedBelow(f *asm.Function, seen map[*asm.Function]bool) (found *asm.Function) {
	l.eachCallee(f, func(_ *machine.Insn, to *asm.Function) {
		switch {
		case found != nil || seen[to]:
		case l.next[to] != nil:
			found = to
		default:
			seen[to] = true
			found = l.hookedBelow(to, seen)
		}
	})
	return found
}
