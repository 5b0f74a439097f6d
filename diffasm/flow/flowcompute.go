package flow

import (
	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// compute is any other instruction: the last operand is written, the others are read.
func (w *flow) compute(st asm.Statement, in *machine.Insn, s *state) {
	ops, results := in.Operands, w.conv.Results
	if len(ops) == 0 {
		if in.Kind == machine.Extend {
			s.regs[results[1]] = value{addr: s.regs[results[0]].addr && !w.rules.Sure}
		}
		return
	}
	dst := &ops[len(ops)-1]
	var v value
	if !in.Overwrites {
		v = w.value(dst, s)
	}
	switch {
	case in.Kind == machine.WideArithmetic:
		v.addr = (v.addr || s.regs[results[0]].addr || s.regs[results[1]].addr) && !w.rules.Sure
		s.regs[results[0]], s.regs[results[1]] = value{addr: v.addr}, value{addr: v.addr}
		return
	case in.Kind == machine.Exchange:
		w.exchange(st, ops, s)
		return
	case in.Clears && len(ops) == 2 && dst.Kind == machine.InRegister && ops[0] == *dst:
		w.store(st, dst, value{}, 8*wordSize, s)
		return
	}
	if in.Kind == machine.CompareExchange && s.regs[results[0]].addr {
		v.addr = true
	}
	src := w.sources(ops, s)
	v.addr = (v.addr || src.addr) && !w.isDistance(in, v, src) && !w.rules.Sure
	v.frame, v.off = offset(in.Effect, &ops[0], v, src)
	if dst.Kind == machine.Memory && !src.addr && len(ops) > 1 {
		return // what is there changes by a number
	}
	w.store(st, dst, v, widest, s)
}

// widest is more than any register holds, in bits.
const widest = 512

// sources joins what all operands but the last hold.
func (w *flow) sources(ops []machine.Operand, s *state) (src value) {
	for i := range ops[:len(ops)-1] {
		x := w.value(&ops[i], s)
		src.addr = src.addr || x.addr
		src.frame = max(src.frame, x.frame)
	}
	return src
}

// isDistance reports whether an instruction leaves the distance of two addresses, which is none itself.
func (w *flow) isDistance(in *machine.Insn, v, src value) bool {
	return in.Effect == machine.Sub && !w.rules.Deep && src.addr && v.addr
}

// offset is where an address in the frame is after it was changed by an amount.
func offset(effect machine.Effect, amount *machine.Operand, v, src value) (framePlace, int64) {
	number := amount.IsNumber()
	switch {
	case v.frame == atOffset && number && effect == machine.Add:
		return atOffset, v.off + amount.Disp
	case v.frame == atOffset && number && effect == machine.Sub:
		return atOffset, v.off - amount.Disp
	case v.frame == atOffset && (effect == machine.And || effect == machine.Sub): // the stack pointer is aligned, or makes room
		return atOffset, v.off
	case v.frame != outsideFrame || src.frame != outsideFrame:
		return anywhereInFrame, 0
	}
	return outsideFrame, 0
}

func (w *flow) exchange(st asm.Statement, ops []machine.Operand, s *state) {
	if len(ops) != 2 {
		return
	}
	a, b := w.value(&ops[0], s), w.value(&ops[1], s)
	w.store(st, &ops[0], b, 8*wordSize, s)
	w.store(st, &ops[1], a, 8*wordSize, s)
}

// repeated is a string instruction.
func (w *flow) repeated(st asm.Statement, in *machine.Insn, s *state) {
	from, to := s.regs[in.From], s.regs[in.To]
	w.use(from)
	w.use(to)
	carried := !w.rules.Sure && (in.Copies && (from.addr && w.rules.Deep || from.frame != outsideFrame && s.holdsAny()) || in.Fills && from.addr)
	switch {
	case carried && to.frame != outsideFrame:
		s.all = true // it is not known how far it goes
	case carried:
		w.escaped(st, "is copied to memory that outlives it")
	}
}
