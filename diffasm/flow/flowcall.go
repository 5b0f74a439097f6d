package flow

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// call is a call: arguments may escape, and registers are lost, but for those that a function of the unit leaves alone.
func (w *flow) call(st asm.Statement, in *machine.Insn, s *state) {
	to := &in.Operands[0]
	// What leads to the descriptor of a thread-local variable comes back as its address.
	result := (in.Descriptor && w.source(to.Symbol) || w.arguments(st, to, s)) && !w.rules.Sure
	left := w.left(in, s)
	for i := range s.regs {
		if !left.Has(machine.Register(i)) {
			s.regs[i] = value{}
		}
	}
	s.set = 0
	for i, reg := range w.conv.Args {
		if s.regs[reg].addr {
			s.set |= 1 << i
		}
	}
	for _, reg := range w.conv.Results {
		if result || !left.Has(reg) {
			s.regs[reg] = value{addr: result}
		}
	}
}

// left are the registers that a call leaves as they were.
func (w *flow) left(in *machine.Insn, s *state) machine.RegisterSet {
	lost := func(i int, v value) bool { return v.addr && !w.conv.Kept.Has(machine.Register(i)) }
	fn := Callee(w.f, in)
	if fn == nil || w.rules.Sure || !anyRegister(s, lost) {
		return w.conv.Kept
	}
	left := w.conv.Kept
	surely := Overwrites(w.f, fn, false, map[*asm.Function]bool{})
	for i, v := range s.regs {
		if reg := machine.Register(i); lost(i, v) && !surely.Has(reg) {
			left |= machine.Set(reg)
		}
	}
	return left
}

func anyRegister(s *state, is func(i int, v value) bool) bool {
	for i, v := range s.regs {
		if is(i, v) {
			return true
		}
	}
	return false
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
	mask := w.argumentMask(s)
	if at := w.conv.ResultAt; at != machine.NoRegister && s.regs[at].frame != outsideFrame {
		s.shown = true
	}
	inFrame := !w.rules.Sure && (s.shown && s.holdsAny() || w.onStack(s))
	inVector := !w.rules.Sure && slices.ContainsFunc(w.conv.VectorArgs, func(reg machine.Register) bool { return w.counts(s.regs[reg]) })
	back, known := borrowers[to.Symbol]
	fn := w.f.FunctionByName[to.Symbol]
	switch {
	case mask == 0 && !inFrame && !inVector:
		return false
	// Which argument leads to the frame, and what the callee does with it, cannot be followed into its code.
	case inFrame || inVector:
		w.escaped(st, "is passed to a function")
		return true
	case to.Indirect && to.Symbol == "":
		w.passed(st, mask, "is passed to a function")
		return true
	case known && !w.f.Defines(to.Symbol):
		return back == anyOf || back == first && mask&1 != 0
	case fn != nil && w.depth < 4:
		return w.into(st, fn, mask)
	case fn == nil || !w.rules.Sure:
		w.passed(st, mask, fmt.Sprintf("is passed to %q", to.Symbol))
	}
	return false
}

// argumentMask says which arguments of a call are followed addresses, one bit each.
func (w *flow) argumentMask(s *state) (mask uint8) {
	for i, reg := range w.conv.Args {
		if s.set&(1<<i) == 0 {
			break // the callee has no further arguments
		}
		v := s.regs[reg]
		// LLVM has a callee write its result right to where it was to be copied.
		if w.counts(v) && !(i == 0 && w.rules.Sure && w.f.Clang) {
			mask |= 1 << i
		}
		s.shown = s.shown || v.frame > 0
	}
	return mask
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
		if !w.rules.Sure {
			w.passed(st, mask, "is passed on")
		}
		return false
	}
	if back, known := w.followed[passing{fn, mask}]; known || w.looking {
		return back
	}
	inner := newFlow(w.f, fn, w.rules, w.source)
	inner.depth, inner.found, inner.followed = w.depth+1, w.found, w.followed
	inner.follow(mask)
	if inner.escape != nil {
		w.escaped(inner.escape.At, "is passed to %q and there %s", fn.Name, inner.escape.What)
	}
	if w.followed != nil {
		w.followed[passing{fn, mask}] = inner.returns
	}
	return inner.returns
}

// comesBack says which of its arguments a function may return, or an address in what that leads to.
type comesBack uint8

const (
	none  comesBack = iota
	first           // the first one
	anyOf           // any
)

// borrowers are functions of the C library that keep no pointer to what they are given.
var borrowers = map[string]comesBack{
	"memcmp": none, "bcmp": none, "strcmp": none, "strncmp": none, "strcasecmp": none, "strncasecmp": none, "strlen": none, "strspn": none, "strcspn": none,
	"puts": none, "fputs": none, "fwrite": none, "write": none, "send": none, "printf": none, "fprintf": none, "sprintf": none,
	"snprintf": none, "__printf_chk": none, "__fprintf_chk": none, "__sprintf_chk": none, "__snprintf_chk": none,
	"perror": none, "getopt_long": none, "atoi": none, "bzero": none,
	"memcpy": first, "memmove": first, "strcpy": first, "strncpy": first, "strcat": first, "__memcpy_chk": first,
	"memset": first, "__memset_chk": first, "__memmove_chk": first, "__strcpy_chk": first, "__strcat_chk": first, "__strncpy_chk": first,
	"memchr": anyOf, "strchr": anyOf, "strrchr": anyOf, "strstr": anyOf, "strpbrk": anyOf, "__tls_get_addr": anyOf,
}
