package flow

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// call is a call: arguments may escape, and registers are lost.
func (w *flow) call(st asm.Statement, to *machine.Operand, s *state) {
	result := w.arguments(st, to, s)
	for i := range s.regs {
		if !w.conv.Kept.Has(machine.Register(i)) {
			s.regs[i] = value{}
		}
	}
	for _, reg := range w.conv.Results {
		s.regs[reg] = value{addr: result, at: w.now}
	}
	s.set = 0
}

// counts reports whether what a register holds is a followed address, and no left-over.
func (w *flow) counts(v value) bool {
	return v.addr && (!v.stale || w.rules.Stale) && (!w.rules.Sure || !w.used[v.at])
}

// arguments looks at what a callee gets; it reports whether a followed address comes back.
func (w *flow) arguments(st asm.Statement, to *machine.Operand, s *state) (result bool) {
	if !w.rules.Calls {
		return false
	}
	var mask uint8
	for i, reg := range w.conv.Args {
		if s.set&(1<<i) == 0 {
			break // the callee has no further arguments
		}
		v := s.regs[reg]
		if i == 0 {
			v.at = fresh // a callee without arguments is rare
		}
		if w.counts(v) {
			mask |= 1 << i
		}
		s.shown = s.shown || v.frame > 0
	}
	if at := w.conv.ResultAt; at != machine.NoRegister && s.regs[at].frame != outsideFrame {
		s.shown = true
	}
	inFrame := !w.rules.Sure && (s.shown && s.holdsAny() || w.onStack(s))
	inVector := slices.ContainsFunc(w.conv.VectorArgs, func(reg machine.Register) bool { return w.counts(s.regs[reg]) })
	switch back, known := borrowers[to.Symbol]; {
	case mask == 0 && !inFrame && !inVector:
		return false
	// Which argument leads to the frame, and what the callee does with it, cannot be followed into its code.
	case inFrame || inVector || to.Indirect && to.Symbol == "":
		w.escaped(st, "is passed to a function")
	case known && !w.f.Defines(to.Symbol):
		return back == anyOf || back == first && mask&1 != 0
	case w.f.FunctionByName[to.Symbol] != nil && w.depth < 4:
		return w.into(st, w.f.FunctionByName[to.Symbol], mask)
	default:
		w.escaped(st, "is passed to %q", to.Symbol)
	}
	return false
}

// onStack reports whether an argument on the stack is a followed address. Code without a frame pointer keeps its own values in the same
// area, and reads them again.
func (w *flow) onStack(s *state) bool {
	sp := s.regs[w.conv.Stack]
	for n, out := range s.slots {
		above := sp.frame != atOffset || n >= wordOf(sp.off)
		if above && (out || w.allLoads && !w.byFrame(s) && !w.loaded[n]) {
			return true
		}
	}
	return s.all
}

// into follows arguments into a function of the unit.
func (w *flow) into(st asm.Statement, fn *asm.Function, mask uint8) bool {
	if fn == w.fn {
		w.escaped(st, "is passed on")
		return false
	}
	inner := newFlow(w.f, fn, w.rules, w.source)
	inner.depth = w.depth + 1
	inner.follow(mask)
	if inner.escape != nil {
		w.escaped(inner.escape.At, "is passed to %q and there %s", fn.Name, inner.escape.What)
	}
	return inner.returns
}

// returned says which of its arguments a function may return, or an address in what that leads to.
type returned uint8

const (
	none  returned = iota
	first          // the first one
	anyOf          // any
)

// borrowers are functions of the C library that keep no pointer to what they are given.
var borrowers = map[string]returned{
	"memcmp": none, "bcmp": none, "strcmp": none, "strncmp": none, "strcasecmp": none, "strncasecmp": none, "strlen": none, "strspn": none, "strcspn": none,
	"puts": none, "fputs": none, "fwrite": none, "write": none, "send": none, "printf": none, "fprintf": none, "sprintf": none,
	"snprintf": none, "__printf_chk": none, "__fprintf_chk": none, "__sprintf_chk": none, "__snprintf_chk": none,
	"perror": none, "getopt_long": none, "atoi": none,
	"memcpy": first, "memmove": first, "strcpy": first, "strncpy": first, "strcat": first, "__memcpy_chk": first,
	"memchr": anyOf, "strchr": anyOf, "strrchr": anyOf, "strstr": anyOf, "strpbrk": anyOf,
}
