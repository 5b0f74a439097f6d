package diffasm

import (
	"fmt"
	"slices"
	"strings"
)

// flow follows addresses through the code of a function, to find out whether they get to places that outlive its
// activation: memory that is not its own frame, comparisons with other addresses, callees, its caller.
type flow struct {
	f      *File
	fn     *fn
	source func(name string) bool // symbols whose address is followed
	rules  flowRules

	stmts   []stmt
	at      map[string]int // label -> index in stmts
	taken   []string       // labels whose address is taken
	in      map[int]*flowState
	work    []int
	depth   int
	returns bool // a followed address is returned, which is an escape for the outermost function only
	escape  *problem

	loaded   map[int64]bool // words of the frame that the function reads
	allLoads bool           // these are all
	pushing  bool           // the instruction is a push
}

// flowRules say what counts as an escape.
type flowRules struct {
	deep     bool // what is loaded through a followed address is one, too
	calls    bool // arguments of calls and results
	stale    bool // also in registers that a computed jump used before
	compared bool // comparisons with something else
	only     bool // nothing but these
}

// value is what is known of a register.
type value struct {
	addr  bool  // a followed address
	stale bool  // a computed jump has used it: as an argument it would be a left-over
	frame uint8 // 0 no address in the frame, 1 at off, 2 anywhere
	off   int64 // from the stack pointer at entry
}

// flowState is what is known before a statement.
type flowState struct {
	regs  [numRegs]value
	slots map[int64]bool // words of the frame, by offset / 8, that hold a followed address; true if it is an argument for a call
	all   bool           // any word may
	shown bool           // an address in the frame is known outside
	set   uint8          // argument registers that may have been written since the last call
}

// argRegs are the registers of integer arguments in order.
var argRegs = [6]int{7, 6, 2, 1, 8, 9}

// kept reports whether callees preserve a register.
func kept(reg int) bool { return reg == 3 || reg == regSP || reg == regBP || reg >= 12 && reg < numGPR }

// escapes returns where an address that source names escapes from a function, nil if nowhere.
func (f *File) escapes(fn *fn, rules flowRules, source func(string) bool) *problem {
	w := &flow{f: f, fn: fn, source: source, rules: rules, loaded: map[int64]bool{}}
	w.run(entryState(0))
	if w.escape == nil && rules.calls {
		w = &flow{f: f, fn: fn, source: source, rules: rules, loaded: w.loaded, allLoads: true}
		w.run(entryState(0))
	}
	return w.escape
}

func entryState(args uint8) *flowState {
	s := &flowState{set: 1<<len(argRegs) - 1, slots: map[int64]bool{}}
	s.regs[regSP].frame = 1
	for i, reg := range argRegs {
		s.regs[reg].addr = args&(1<<i) != 0
	}
	return s
}

func (w *flow) run(entry *flowState) {
	w.at, w.in = map[string]int{}, map[int]*flowState{}
	for _, s := range w.fn.streams {
		for _, st := range s.stmts {
			if st.kind == label {
				w.at[st.op] = len(w.stmts)
			} else if st.kind == insn && !isBranch(st.op) {
				eachLocal(st.args, func(n string) { w.taken = append(w.taken, n) })
			}
			w.stmts = append(w.stmts, st)
		}
		w.stmts = append(w.stmts, stmt{op: "hlt", kind: insn})
	}
	for _, b := range w.fn.tables {
		for _, st := range b.items {
			eachLocal(st.args, func(n string) { w.taken = append(w.taken, n) })
		}
	}
	w.reach(0, entry)
	for len(w.work) > 0 && w.escape == nil {
		i := w.work[len(w.work)-1]
		w.work = w.work[:len(w.work)-1]
		w.block(i, w.in[i].clone())
	}
}

// reach adds what is known to what was known before a statement.
func (w *flow) reach(i int, s *flowState) {
	if w.in[i] == nil {
		w.in[i] = s.clone()
	} else if !w.in[i].join(s) {
		return
	}
	w.work = append(w.work, i)
}

func (w *flow) reachLabel(name string, s *flowState) bool {
	i, ok := w.at[name]
	if ok {
		w.reach(i, s)
	}
	return ok
}

// block goes on until the code jumps away or runs into a label.
func (w *flow) block(i int, s *flowState) {
	for first := true; i < len(w.stmts) && w.escape == nil; i, first = i+1, false {
		st := w.stmts[i]
		if st.kind == label {
			if !first {
				w.reach(i, s)
				return
			}
			continue
		}
		if st.kind == insn && !w.step(st, s) {
			return
		}
	}
}

func (w *flow) escaped(st stmt, format string, args ...any) {
	if w.escape == nil && !w.rules.only {
		w.escape = &problem{what: fmt.Sprintf(format, args...), at: st}
	}
}

// isComparison reports whether an instruction compares two operands, or is a string instruction that does.
func isComparison(op string) bool {
	return strings.HasPrefix(op, "cmp") && !strings.HasPrefix(op, "cmpxchg")
}

func isBranch(op string) bool { return strings.HasPrefix(op, "j") || strings.HasPrefix(op, "loop") }

// step executes one instruction; it reports whether the next one follows.
func (w *flow) step(st stmt, s *flowState) bool {
	op, prefix, ops := operandsOf(st)
	switch {
	case op == "hlt" || op == "ud2":
		return false
	case strings.HasPrefix(op, "ret"):
		w.ret(st, s)
		return false
	case strings.HasPrefix(op, "call") && len(ops) == 1:
		w.call(st, ops[0], s)
	case isBranch(op) && len(ops) == 1:
		return w.jump(st, op, ops[0], s)
	case strings.HasPrefix(op, "push") && len(ops) == 1:
		v := w.value(ops[0], s)
		s.regs[regSP].off -= 8
		w.pushing = true
		w.store(st, operand{kind: opMem, base: regSP, index: noReg}, v, 64, s)
		w.pushing = false
	case strings.HasPrefix(op, "pop") && len(ops) == 1:
		v := w.value(operand{kind: opMem, base: regSP, index: noReg}, s)
		s.regs[regSP].off += 8
		w.store(st, ops[0], v, 64, s)
	case strings.HasPrefix(op, "leave"):
		s.regs[regSP] = s.regs[regBP]
		s.regs[regSP].off += 8
		s.regs[regBP] = value{}
	case strings.HasPrefix(op, "lea") && len(ops) == 2:
		w.store(st, ops[1], w.address(ops[0], s), 64, s)
	case prefix != "" && prefix[0] == 'r' && len(ops) != 1 || isString(op, ops):
		w.repeated(st, op, s)
	case isComparison(op) && len(ops) == 2 || strings.HasPrefix(op, "test"):
		w.compare(st, ops, s)
	case strings.HasPrefix(op, "mov") && len(ops) == 2 && !strings.HasPrefix(op, "movhp") && !strings.HasPrefix(op, "movlp"):
		w.store(st, ops[1], w.value(ops[0], s), moveWidth(op, ops), s)
	default:
		w.compute(st, op, ops, s)
	}
	return true
}

// moveWidth returns how many bits a move writes at most.
func moveWidth(op string, ops []operand) int {
	width := 64
	for _, o := range ops {
		if o.kind == opReg && o.width > 0 && (o.width < 64 || o.width > width) {
			width = o.width
		}
	}
	if strings.HasSuffix(op, "l") || strings.HasSuffix(op, "w") || strings.HasSuffix(op, "b") {
		width = min(width, 32)
	}
	return width
}

// value is what an operand holds.
func (w *flow) value(o operand, s *flowState) value {
	switch {
	case o.kind == opImm:
		return value{addr: o.sym != "" && w.source(o.sym)}
	case o.kind == opReg && (o.reg == noReg || o.width < 32):
		return value{}
	case o.kind == opReg:
		return s.regs[o.reg]
	case o.segment:
		return value{}
	case o.sym != "" && w.source(o.sym):
		return value{addr: o.got || w.rules.deep}
	}
	if a := w.address(o, s); a.addr {
		return value{addr: w.rules.deep}
	} else if a.frame > 0 {
		if w.loaded != nil && a.frame == 1 {
			w.loaded[a.off>>3] = true
		}
		if w.rules.only { // an array may hold a literal beside anything else
			return value{addr: a.frame == 1 && s.holds(a.off>>3)}
		}
		return value{addr: s.load(a)}
	}
	return value{}
}

// address is where an operand in memory is.
func (w *flow) address(o operand, s *flowState) value {
	v := value{addr: o.sym != "" && w.source(o.sym)}
	if o.base != noReg {
		b := s.regs[o.base]
		v.addr, v.frame, v.off = v.addr || b.addr, b.frame, b.off+o.disp
	}
	if o.index != noReg {
		x := s.regs[o.index]
		v.addr = v.addr || x.addr
		if x.frame > 0 || v.frame > 0 {
			v.frame = 2
		}
	}
	return v
}

// store writes a value of some width.
func (w *flow) store(st stmt, o operand, v value, width int, s *flowState) {
	switch {
	case o.kind == opReg && o.reg == noReg, o.kind == opImm:
	case o.kind == opReg && o.width < 32:
		s.touch(o.reg)
	case o.kind == opReg:
		s.regs[o.reg] = v
		s.touch(o.reg)
	default:
		a := w.address(o, s)
		switch {
		case a.frame > 0 && !o.segment:
			s.store(a, v.addr, w.outgoing(o, s), int64(width/8))
		case v.addr || v.frame > 0 && s.holdsAny():
			w.escaped(st, "is stored in memory that outlives it")
		case v.frame > 0:
			s.shown = true
		}
	}
}

// outgoing reports whether an operand is a place for arguments of a call: code that finds its variables by the frame pointer uses
// the stack pointer for nothing else.
func (w *flow) outgoing(o operand, s *flowState) bool {
	return o.base == regSP && (w.pushing || s.regs[regBP].frame > 0)
}

// compute is any other instruction: the last operand is written, the others are read.
func (w *flow) compute(st stmt, op string, ops []operand, s *flowState) {
	if len(ops) == 0 {
		if op == "cqto" || op == "cltd" {
			s.regs[2] = value{addr: s.regs[0].addr}
		}
		return
	}
	dst := ops[len(ops)-1]
	var v value
	if !overwritesLast(op, len(ops)) {
		v = w.value(dst, s)
	}
	if len(ops) == 1 && (strings.HasPrefix(op, "mul") || strings.HasPrefix(op, "imul") || strings.HasPrefix(op, "div") || strings.HasPrefix(op, "idiv")) {
		v.addr = v.addr || s.regs[0].addr || s.regs[2].addr
		s.regs[0], s.regs[2] = value{addr: v.addr}, value{addr: v.addr}
		return
	}
	if strings.HasPrefix(op, "xchg") || strings.HasPrefix(op, "xadd") {
		w.exchange(st, ops, s)
		return
	}
	if strings.HasPrefix(op, "cmpxchg") && s.regs[0].addr {
		v.addr = true
	}
	same := len(ops) == 2 && ops[0] == dst && dst.kind == opReg
	if same && (strings.Contains(op, "xor") || strings.HasPrefix(op, "sub")) {
		w.store(st, dst, value{}, 64, s)
		return
	}
	var src value
	for _, o := range ops[:len(ops)-1] {
		x := w.value(o, s)
		src.addr = src.addr || x.addr
		src.frame = max(src.frame, x.frame)
	}
	difference := strings.HasPrefix(op, "sub") && !w.rules.deep && (src.addr && v.addr || w.rules.only && ops[0].kind != opImm)
	v.addr = (v.addr || src.addr) && !difference
	v.frame, v.off = offset(op, ops[0], v, src)
	if dst.kind == opMem && !src.addr && len(ops) > 1 {
		return // what is there changes by a number
	}
	w.store(st, dst, v, 512, s)
}

// overwritesLast reports whether an instruction's last operand is written without being read.
func overwritesLast(op string, operands int) bool {
	if operands > 2 && (strings.HasPrefix(op, "imul") || op[0] == 'v' && !strings.HasPrefix(op, "vf")) {
		return true
	}
	for _, stem := range []string{"cvt", "vcvt", "bsf", "bsr", "tzcnt", "lzcnt", "popcnt", "sqrt", "pshuf", "pextr", "pmovmskb"} {
		if strings.HasPrefix(op, stem) {
			return true
		}
	}
	return false
}

// offset is where an address in the frame is after it was changed by an amount.
func offset(op string, amount operand, v, src value) (frame uint8, off int64) {
	number := amount.kind == opImm && amount.sym == ""
	switch {
	case v.frame == 1 && number && strings.HasPrefix(op, "add"):
		return 1, v.off + amount.disp
	case v.frame == 1 && number && strings.HasPrefix(op, "sub"):
		return 1, v.off - amount.disp
	case v.frame == 1 && (strings.HasPrefix(op, "and") || strings.HasPrefix(op, "sub")): // the stack pointer is aligned, or makes room
		return 1, v.off
	case v.frame > 0 || src.frame > 0:
		return 2, 0
	}
	return 0, 0
}

func (w *flow) exchange(st stmt, ops []operand, s *flowState) {
	if len(ops) != 2 {
		return
	}
	a, b := w.value(ops[0], s), w.value(ops[1], s)
	w.store(st, ops[0], b, 64, s)
	w.store(st, ops[1], a, 64, s)
}

// isString reports whether an instruction copies or fills memory; clang writes "rep;" in front as a statement of its own.
func isString(op string, ops []operand) bool {
	return len(ops) == 2 && ops[1].segment && ops[1].base == 7 && (strings.HasPrefix(op, "movs") || strings.HasPrefix(op, "stos"))
}

// repeated is a string instruction.
func (w *flow) repeated(st stmt, op string, s *flowState) {
	from, to := s.regs[6], s.regs[7]
	carried := strings.HasPrefix(op, "movs") && (from.addr && w.rules.deep || from.frame > 0 && (s.all || len(s.slots) > 0)) ||
		strings.HasPrefix(op, "stos") && s.regs[0].addr
	switch {
	case carried && to.frame > 0:
		s.all = true
	case carried:
		w.escaped(st, "is copied to memory that outlives it")
	}
}

func (w *flow) compare(st stmt, ops []operand, s *flowState) {
	narrow := func(o operand) bool { return o.kind == opReg && o.width < 64 }
	if !w.rules.compared || len(ops) != 2 || ops[0] == ops[1] || slices.ContainsFunc(ops, narrow) {
		return
	}
	a, b := w.value(ops[0], s), w.value(ops[1], s)
	number := ops[0].kind == opImm && ops[0].sym == ""
	inFrame := w.rules.only && a.frame+b.frame > 0 // what is stored nowhere else is no literal's address
	if a.addr != b.addr && !number && !inFrame {
		w.rules.only = false
		w.escaped(st, "is compared with another address")
	}
}

func (w *flow) ret(st stmt, s *flowState) {
	if !slices.ContainsFunc(resultRegs[:], func(reg int) bool { return w.counts(s.regs[reg]) }) {
		return
	}
	w.returns = true
	if w.depth == 0 && w.rules.calls {
		w.escaped(st, "is returned")
	}
}

// jump follows a jump; it reports whether the next instruction may follow.
func (w *flow) jump(st stmt, op string, to operand, s *flowState) bool {
	further := op != "jmp" && op != "jmpq"
	switch {
	case to.indirect:
		for i := range s.regs {
			if !kept(i) {
				s.regs[i].stale = s.regs[i].addr
			}
		}
		if !w.value(to, s).addr && !w.address(to, s).addr { // it may be a call that does not come back
			w.arguments(st, to, s)
		}
		for _, name := range w.taken {
			w.reachLabel(name, s)
		}
	case !w.reachLabel(to.sym, s):
		if w.arguments(st, to, s) {
			s = s.clone()
			s.regs[0] = value{addr: true}
			w.ret(st, s)
		}
	}
	return further
}
