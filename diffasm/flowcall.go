package diffasm

// call is a call: arguments may escape, and registers are lost.
func (w *flow) call(st stmt, to operand, s *flowState) {
	result := w.arguments(st, to, s)
	for i := range s.regs {
		if !kept(i) {
			s.regs[i] = value{}
		}
	}
	s.regs[0].addr, s.set = result, 0
}

// arguments looks at what a callee gets; it reports whether a followed address comes back.
func (w *flow) arguments(st stmt, to operand, s *flowState) (result bool) {
	if !w.rules.calls {
		return false
	}
	var mask uint8
	inFrame := false
	for i, reg := range argRegs {
		if s.set&(1<<i) == 0 {
			break // the callee has no further arguments
		}
		v := s.regs[reg]
		if v.addr && (!v.stale || w.rules.stale) {
			mask |= 1 << i
		}
		inFrame = inFrame || v.frame == 1 && s.slots[v.off>>3]
	}
	sp := s.regs[regSP]
	inFrame = inFrame || s.set == 1<<len(argRegs)-1 && sp.frame == 1 && s.slots[sp.off>>3]
	switch back, known := onlyRead[to.sym]; {
	case mask == 0 && !inFrame:
		return false
	case inFrame || to.indirect && to.sym == "":
		w.escaped(st, "is passed to a function")
	case known && !w.f.defines(to.sym):
		return back
	case w.f.fnByName[to.sym] != nil && w.depth < 4:
		return w.into(st, w.f.fnByName[to.sym], mask)
	default:
		w.escaped(st, "is passed to %q", to.sym)
	}
	return false
}

// into follows arguments into a function of the unit.
func (w *flow) into(st stmt, fn *fn, mask uint8) bool {
	if fn == w.fn {
		w.escaped(st, "is passed on")
		return false
	}
	inner := &flow{f: w.f, fn: fn, source: w.source, rules: w.rules, depth: w.depth + 1}
	inner.run(entryState(mask))
	if inner.escape != nil {
		w.escaped(inner.escape.at, "is passed to %q and there %s", fn.name, inner.escape.what)
	}
	return inner.returns
}

// onlyRead are functions of the C library that read what they are given and keep no pointer to it; true for those that
// return one into it.
var onlyRead = map[string]bool{
	"memcmp": false, "bcmp": false, "strcmp": false, "strncmp": false, "strcasecmp": false, "strncasecmp": false, "strlen": false,
	"memcpy": false, "memmove": false, "strcpy": false, "strncpy": false, "strcat": false, "strspn": false, "strcspn": false,
	"puts": false, "fputs": false, "fwrite": false, "write": false, "send": false, "printf": false, "fprintf": false, "sprintf": false,
	"snprintf": false, "__printf_chk": false, "__fprintf_chk": false, "__sprintf_chk": false, "__snprintf_chk": false,
	"__memcpy_chk": false, "perror": false, "getopt_long": false, "atoi": false,
	"memchr": true, "strchr": true, "strrchr": true, "strstr": true, "strpbrk": true,
}
