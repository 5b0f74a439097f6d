package unwind

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// defaultDepth is the number of frames after which a walk is given up as endless.
const defaultDepth = 1 << 20

// Regs are the registers of a stopped thread.
type Regs struct {
	PC, SP uint64
	Reg    [maxRegs]uint64 // by DWARF number; those of SP and PC come from there
	Valid  uint64          // bit n: Reg[n] is known; SP and PC always are
}

// AllValid is Regs.Valid of a thread whose registers are all known.
const AllValid = 1<<maxRegs - 1

// Module is the run-time addresses [Start, End) to which a table applies.
type Module struct {
	Start, End uint64
	Bias       uint64 // run-time address minus link address
	Table      *Table
}

// Frame is one activation.
type Frame struct {
	PC     uint64 // where it continues: of the innermost frame the program counter, else the return address
	At     uint64 // address to look up: PC-1 where PC is a return address (a call may be a function's last instruction), else PC
	SP     uint64 // stack pointer at PC
	CFA    uint64 // stack pointer of the caller after return; of no meaning in the last frame
	Signal bool   // made by the kernel to call a signal handler; the next frame is what the signal interrupted
	Exact  bool   // PC is certain: a register, or found by CFI; else it was found behind a part that is unknown
}

// Stack is the result of a walk.
type Stack struct {
	Frames   []Frame  // innermost first; the last is the one where the walk ended
	Complete bool     // the walk reached the frame whose CFI says it has no caller
	Why      string   // why it is not complete
	Begun    bool     // not complete, but the last PC is the start of a function, which no call returns to: a stack made by hand begins there
	ScanFrom uint64   // if not complete, from here up the stack is unknown. It is below the last frame, whose PC may be wrong
	ScanMore []uint64 // likewise, of other stacks that signal handlers interrupted; see resume
}

// Walker walks stacks of threads of one process. It keeps what it learned about code addresses, so one is used for all
// threads. It is not safe for concurrent use.
type Walker struct {
	machine  *Machine
	modules  []Module
	rows     map[uint64]rowResult
	restores map[uint64]bool // known answers of returnsFromSignal
	buf      []byte
	caller   state // scratch of step
}

type rowResult struct {
	row  *row
	bias uint64
	err  error
}

// NewWalker returns a walker; modules must not overlap.
func NewWalker(machine *Machine, modules []Module) *Walker {
	sorted := slices.Clone(modules)
	slices.SortFunc(sorted, func(a, b Module) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	return &Walker{
		machine: machine, modules: sorted,
		rows: map[uint64]rowResult{}, restores: map[uint64]bool{}, buf: make([]byte, chunkSize),
	}
}

// state is a frame in the course of a walk.
type state struct {
	machine *Machine
	regs    [maxRegs]uint64
	valid   uint64
	exact   bool // the program counter is where the thread is, not a return address
	bias    uint64
	mem     *memory
}

func (s *state) reg(n uint64) (uint64, error) {
	if n >= maxRegs || s.valid&(1<<n) == 0 {
		return 0, fmt.Errorf("register %d is not known", n)
	}
	return s.regs[n], nil
}

func (s *state) set(n int, v uint64) {
	s.regs[n] = v
	s.valid |= 1 << n
}

// Walk walks a stack from its innermost frame. A depth of 0 stands for 1<<20 frames.
func (w *Walker) Walk(mem io.ReaderAt, regs Regs, depth int) Stack {
	if depth <= 0 {
		depth = defaultDepth
	}
	s := &state{machine: w.machine, regs: regs.Reg, valid: regs.Valid, mem: newMemory(mem, w.buf)}
	s.set(w.machine.sp, regs.SP)
	s.set(w.machine.pc, regs.PC)
	stack := w.walk(s, depth)
	if !stack.Complete {
		w.resume(&stack, s.mem, depth)
	}
	return stack
}

// WalkContext walks the stack of a context. Where it began, as makecontext(3) has it, nothing is looked for behind.
func (w *Walker) WalkContext(mem io.ReaderAt, regs Regs) Stack {
	if to, ok := w.machine.resumed(mem, regs); ok {
		regs.PC = to
	}
	s := &state{machine: w.machine, regs: regs.Reg, valid: regs.Valid, mem: newMemory(mem, w.buf)}
	s.set(w.machine.sp, regs.SP)
	s.set(w.machine.pc, regs.PC)
	stack := w.walk(s, defaultDepth)
	if !stack.Complete && !stack.Begun {
		w.resume(&stack, s.mem, defaultDepth)
	}
	return stack
}

// walk walks from a state whose PC is where the thread is.
func (w *Walker) walk(s *state, depth int) Stack {
	var stack Stack
	exact := true // PC is where the thread is, not a return address
	for len(stack.Frames) < depth {
		f, last, err := w.step(s, exact)
		if exact {
			stack.ScanFrom = f.SP // a stack of its own: the thread's, or that which a signal interrupted
		}
		stack.Frames = append(stack.Frames, f)
		if err != nil {
			stack.Why, stack.Begun = err.Error(), errors.Is(err, errNoRules) && !exact && w.starts(f.PC)
			stack.Frames = append(stack.Frames, s.inRegister(exact, f.SP)...)
			return stack
		}
		if last {
			stack.Complete, stack.ScanFrom = true, 0
			return stack
		}
		exact, stack.ScanFrom = f.Signal, f.SP
	}
	stack.Why = fmt.Sprintf("more than %d frames", depth)
	return stack
}

// inRegister returns the frame of the caller as far as its return address may be in a register alone, where a walk ends at once: in an entry
// of a PLT, which has no unwind data on such a machine.
func (s *state) inRegister(exact bool, sp uint64) []Frame {
	if !exact || !s.machine.linked || s.valid&(1<<s.machine.link) == 0 {
		return nil
	}
	pc := s.regs[s.machine.link] & s.machine.address
	return []Frame{{PC: pc, At: pc - 1, SP: sp}}
}

// step describes the frame in s and turns s into its caller; last means that there is none.
func (w *Walker) step(s *state, exact bool) (f Frame, last bool, err error) {
	pc := s.regs[w.machine.pc]
	f = Frame{PC: pc, At: pc, SP: s.regs[w.machine.sp], Exact: true}
	r := w.rowFor(f.PC)
	if !exact && (r.err != nil || !r.row.signal) {
		f.At = f.PC - 1
		r = w.rowFor(f.At)
	}
	if r.err != nil {
		return f, false, w.restorer(s, &f, r.err)
	}
	s.bias, s.exact, f.Signal = r.bias, exact, r.row.signal
	if f.Signal {
		f.At = f.PC
	}
	f.CFA, last, err = s.unwind(r.row, &w.caller)
	if err != nil {
		return f, false, fmt.Errorf("frame at 0x%x: %w", f.PC, err)
	}
	if !last && !f.Signal && !s.above(f.CFA, f.SP) {
		return f, false, fmt.Errorf("frame at 0x%x: the stack does not go on: CFA 0x%x, stack pointer 0x%x", f.PC, f.CFA, f.SP)
	}
	return f, last, nil
}

// above reports whether a caller's frame may begin at a CFA: above the stack pointer, or there for a function that keeps nothing on the stack
// and calls none.
func (s *state) above(cfa, sp uint64) bool {
	return cfa > sp || cfa == sp && s.machine.linked && s.exact
}

var errNoRules = errors.New("no unwind data")

// rowFor returns the rules at a run-time address.
func (w *Walker) rowFor(at uint64) rowResult {
	if r, ok := w.rows[at]; ok {
		return r
	}
	r := rowResult{err: fmt.Errorf("0x%x: %w", at, errNoRules)}
	if m := w.module(at); m != nil && m.Table != nil {
		if f := m.Table.find(at - m.Bias); f != nil {
			r.bias = m.Bias
			r.row, r.err = f.rowAt(at - m.Bias)
		}
	}
	w.rows[at] = r
	return r
}

// starts reports whether a function starts at a run-time address, behind what belongs to none.
func (w *Walker) starts(pc uint64) bool {
	m := w.module(pc)
	if m == nil || m.Table == nil {
		return false
	}
	f := m.Table.find(pc - m.Bias)
	return f != nil && f.start == pc-m.Bias && m.Table.find(pc-1-m.Bias) == nil
}

func (w *Walker) module(at uint64) *Module {
	i := sort.Search(len(w.modules), func(i int) bool { return w.modules[i].Start > at })
	if i == 0 || at >= w.modules[i-1].End {
		return nil
	}
	return &w.modules[i-1]
}

// unwind replaces the registers by the caller's, made in scratch memory.
func (s *state) unwind(r *row, caller *state) (cfa uint64, last bool, err error) {
	if r.regs[r.ra].kind == ruleUndefined {
		return 0, true, nil
	}
	if r.cfaExpr != nil {
		cfa, err = s.eval(r.cfaExpr)
	} else {
		cfa, err = s.reg(r.cfaReg)
		cfa += uint64(r.cfaOff)
	}
	if err != nil {
		return 0, false, fmt.Errorf("CFA: %w", err)
	}
	if s.pastFrame(r, cfa) {
		r = r.without(s.machine.frame)
	}
	*caller = *s
	caller.set(s.machine.sp, cfa)
	for n := range r.regs[:s.machine.count] {
		if err := s.apply(caller, n, &r.regs[n], cfa); err != nil {
			return cfa, false, fmt.Errorf("register %d: %w", n, err)
		}
	}
	if s.lacksReturn(r) || caller.valid&(1<<r.ra) == 0 {
		return cfa, false, errors.New("no rule for the return address")
	}
	caller.set(s.machine.pc, caller.regs[r.ra]&s.machine.address)
	*s = *caller
	return cfa, false, nil
}

// lacksReturn reports whether rules do not say where the return address is. Unchanged in its register, as linked machines have it, it is the
// caller's only where the thread is: a call has overwritten that of others.
func (s *state) lacksReturn(r *row) bool {
	kind := r.regs[r.ra].kind
	if s.machine.linked && s.exact {
		return false
	}
	return kind == ruleUnset || s.machine.linked && kind == ruleSame
}

// pastFrame reports whether the frame that rules of the form "in memory at rbp+n" speak of is gone. gcc (12.2 seen) writes
// such rules for functions that realign their stack and does not take them back in the epilogue: at the two instructions
// after `pop %rbp`, `lea -8(%r10),%rsp; ret`, rbp is the caller's already, and the rules would read the caller's frame.
func (s *state) pastFrame(r *row, cfa uint64) bool {
	if r.cfaExpr != nil || !r.regs[s.machine.frame].ofRegister(s.machine.frame) {
		return false
	}
	bp, sp := s.regs[s.machine.frame], s.regs[s.machine.sp]
	return bp < sp || bp >= cfa
}

// without returns r with the rules that speak of a register replaced by "unchanged".
func (r *row) without(register int) *row {
	c := *r
	for n := range c.regs {
		if c.regs[n].ofRegister(register) {
			c.regs[n] = rule{kind: ruleSame}
		}
	}
	return &c
}

// ofRegister reports whether the rule is an expression that begins with a register's value (DW_OP_breg).
func (r *rule) ofRegister(n int) bool {
	return r.kind == ruleExpression && len(r.expr) > 0 && int(r.expr[0]) == 0x70+n
}

// apply sets register n of the caller.
func (s *state) apply(caller *state, n int, r *rule, cfa uint64) (err error) {
	var v uint64
	switch r.kind {
	case ruleUnset, ruleSame:
		return nil
	case ruleUndefined:
		caller.valid &^= 1 << n
		return nil
	case ruleOffset:
		v, err = s.mem.u64(cfa + uint64(r.n))
	case ruleValOffset:
		v = cfa + uint64(r.n)
	case ruleRegister:
		v, err = s.reg(uint64(r.n))
	case ruleExpression:
		if v, err = s.eval(r.expr, cfa); err == nil {
			v, err = s.mem.u64(v)
		}
	case ruleValExpression:
		v, err = s.eval(r.expr, cfa)
	}
	if err != nil {
		return err
	}
	caller.set(n, v)
	return nil
}
