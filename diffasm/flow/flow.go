package flow

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/machine"
)

// flow follows addresses through the code of a function, to find out whether they get to places that outlive its
// activation: memory that is not its own frame, comparisons with other addresses, callees, its caller.
type flow struct {
	f      *asm.File
	fn     *asm.Function
	m      machine.Machine
	conv   *machine.Convention
	source func(name string) bool // symbols whose address is followed
	rules  Rules

	stmts   []asm.Statement
	decoded []*machine.Insn // parallel to stmts, filled when a statement is first come to
	at      map[string]int  // label -> index in stmts
	taken   []string        // labels whose address is taken
	in      map[int]*state
	work    []int
	now     int // index in stmts of what is executed
	depth   int
	returns bool // a followed address is returned, which is an escape for the outermost function only
	escape  *asm.Problem

	loaded   map[int64]bool // words of the frame that the function reads
	allLoads bool           // these are all
	pushing  bool           // the instruction is a push
	used     map[int]bool   // statements, as of value.at, that wrote registers which something reads that keeps no address
	whole    map[int]bool   // those of these that made the address of an access which takes no more than a base, or an index besides
	looking  bool           // for these alone
	found    map[Leak]bool  // all that is found; nil if the first one ends the search
	followed map[passing]bool
}

// Leak is a way in which an address escapes from a function.
type Leak struct {
	What string // as in a Problem
	Arg  int    // the number of the argument that it is passed as, from 1; 0 if it is not passed in a register
}

// returned is what of a Leak that is a result.
const returned = "is returned"

// Declared reports whether the declaration of a function says that there is such a leak: where two versions have it, it is none in both if it is
// a left-over in one.
func (l Leak) Declared() bool { return l.Arg > 0 || l.What == returned }

// passing is a call of a function of the unit with some arguments that are followed addresses.
type passing struct {
	fn   *asm.Function
	mask uint8
}

// Rules say what counts as an escape.
type Rules struct {
	Deep     bool // what is loaded through a followed address is one, too
	Calls    bool // arguments of calls and results
	Stale    bool // also in registers that a computed jump used before
	Compared bool // comparisons with something else
	Asm      bool // what inline assembly may find in a register
	Sure     bool // only what the compiler knew to escape: no left-over of another use, no guess, and no call that it made itself of an access
}

// framePlace is what is known of an address in the function's own frame.
type framePlace uint8

const (
	outsideFrame    framePlace = iota // no address in the frame
	atOffset                          // at value.off
	anywhereInFrame                   // somewhere in it
)

// value is what is known of a register.
type value struct {
	addr  bool // a followed address
	stale bool // a computed jump has used it: as an argument it would be a left-over
	at    int  // index in stmts of what wrote it, several for more than one, 0 of an argument; not known of what was computed
	frame framePlace
	off   int64 // from the stack pointer at entry, in bytes
}

// several is what value.at is where more than one statement may have written a register.
const several = -1

// state is what is known before a statement.
type state struct {
	regs  [machine.AddressRegisters]value
	slots map[int64]bool // words of the frame, by offset / wordSize, that hold a followed address; true if it is an argument for a call
	all   bool           // any word may
	shown bool           // an address in the frame is known outside
	set   uint8          // argument registers, by their place in the order, that may have been written since the last call
}

// wordSize is the size of an address, in bytes.
const wordSize = 8

// wordOf returns the number of the word of the frame that an offset lies in, negative ones below the stack pointer at entry.
func wordOf(off int64) int64 { return off >> 3 }

// Escapes returns where an address that source names escapes from a function, nil if nowhere.
func Escapes(f *asm.File, fn *asm.Function, rules Rules, source func(string) bool) *asm.Problem {
	w := newFlow(f, fn, rules, source)
	w.loaded = map[int64]bool{}
	w.follow(0)
	// What the first pass saw the function read again is its own value. Only then can a word that nothing reads be told to be an
	// argument for a callee.
	if w.escape == nil && rules.Calls {
		again := newFlow(f, fn, rules, source)
		again.loaded, again.allLoads = w.loaded, true
		again.run(again.entryState(0))
		return again.escape
	}
	return w.escape
}

// Leaks returns all ways in which an address that source names escapes from a function.
func Leaks(f *asm.File, fn *asm.Function, rules Rules, source func(string) bool) map[Leak]bool {
	w := newFlow(f, fn, rules, source)
	w.loaded, w.found, w.followed = map[int64]bool{}, map[Leak]bool{}, map[passing]bool{}
	w.follow(0)
	return w.found
}

func newFlow(f *asm.File, fn *asm.Function, rules Rules, source func(string) bool) *flow {
	return &flow{
		f: f, fn: fn, m: machine.Of(f), conv: machine.Of(f).Convention(), source: source, rules: rules,
		used: map[int]bool{several: true}, whole: map[int]bool{},
	}
}

// follow runs a function of which some arguments are followed addresses, one bit each. Where all escapes are looked for, what is a left-over, and what is
// certain, is known only when all ways are seen.
func (w *flow) follow(args uint8) {
	w.looking = w.found != nil
	w.run(w.entryState(args))
	switch {
	case !w.looking:
	case w.rules.Sure:
		w.looking = false
		for i, s := range w.in {
			w.block(i, s.clone())
		}
	default:
		w.looking, w.allLoads, w.stmts, w.taken = false, w.loaded != nil, nil, nil
		w.run(w.entryState(args))
	}
}

// entryState is what is known at the entry, where some arguments are followed addresses, one bit each.
func (w *flow) entryState(args uint8) *state {
	s := &state{set: 1<<len(w.conv.Args) - 1, slots: map[int64]bool{}}
	s.regs[w.conv.Stack].frame = atOffset
	for i, reg := range w.conv.Args {
		s.regs[reg].addr = args&(1<<i) != 0
	}
	return s
}

// streamEnd is no kind of statements: nothing goes on behind what a function has in one section.
const streamEnd = asm.Label + 1

func (w *flow) run(entry *state) {
	w.at, w.in = map[string]int{}, map[int]*state{}
	for _, s := range w.fn.Streams {
		for _, st := range s.Statements {
			if st.Kind == asm.Label {
				w.at[st.Op] = len(w.stmts)
			} else if st.Kind == asm.Instruction && !w.m.Kind(st).Jumps() {
				asm.EachLocal(st.Args, func(n string) { w.taken = append(w.taken, n) })
			}
			w.stmts = append(w.stmts, st)
		}
		w.stmts = append(w.stmts, asm.Statement{Kind: streamEnd})
	}
	w.decoded = make([]*machine.Insn, len(w.stmts))
	for _, b := range w.fn.Tables {
		for _, st := range b.Items {
			asm.EachLocal(st.Args, func(n string) { w.taken = append(w.taken, n) })
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
func (w *flow) reach(i int, s *state) {
	if w.in[i] == nil {
		w.in[i] = s.clone()
	} else if !w.in[i].join(s) {
		return
	}
	w.work = append(w.work, i)
}

func (w *flow) reachLabel(name string, s *state) bool {
	i, ok := w.at[name]
	if ok {
		w.reach(i, s)
	}
	return ok
}

// block goes on until the code jumps away or runs into a label.
func (w *flow) block(i int, s *state) {
	for first := true; i < len(w.stmts) && w.escape == nil; i, first = i+1, false {
		st := w.stmts[i]
		if st.Kind == asm.Label {
			// Jumps come here, too: go on from what is known on all ways to the label, and only if that is news.
			if !first {
				w.reach(i, s)
				return
			}
			continue
		}
		if st.Kind == streamEnd || st.Kind == asm.Instruction && !w.step(i, s) {
			return
		}
	}
}

func (w *flow) escaped(st asm.Statement, format string, args ...any) {
	switch {
	case w.looking:
	case w.found != nil:
		w.found[Leak{What: fmt.Sprintf(format, args...)}] = true
	case w.escape == nil:
		w.escape = &asm.Problem{What: fmt.Sprintf(format, args...), At: st}
	}
}

// passed is an escape in the registers of a call, one bit for each argument.
func (w *flow) passed(st asm.Statement, mask uint8, what string) {
	if w.found == nil || w.looking {
		w.escaped(st, "%s", what)
		return
	}
	for i := range w.conv.Args {
		if mask&(1<<i) != 0 {
			w.found[Leak{What: what, Arg: i + 1}] = true
		}
	}
}

// insn returns an instruction decoded. Loops come to the same one more than once.
func (w *flow) insn(i int) *machine.Insn {
	if w.decoded[i] == nil {
		in := w.m.Decode(w.stmts[i])
		w.decoded[i] = &in
	}
	return w.decoded[i]
}

// step executes one instruction; it reports whether the next one follows.
func (w *flow) step(i int, s *state) bool {
	w.now = i
	if st := w.stmts[i]; w.rules.Asm && !w.rules.Sure && st.Asm && slices.ContainsFunc(s.regs[:], w.counts) {
		w.escaped(st, "is known to inline assembly")
	}
	for in := w.insn(i); in != nil; in = in.Then {
		if !w.execute(w.stmts[i], in, s) {
			return false
		}
	}
	return true
}

// execute does one thing of those that an instruction does.
func (w *flow) execute(st asm.Statement, in *machine.Insn, s *state) bool {
	ops := in.Operands
	switch in.Kind {
	case machine.Trap:
		return false
	case machine.Return:
		w.ret(st, s)
		return false
	case machine.Call:
		w.call(st, in, s)
	case machine.Jump, machine.JumpPointer, machine.Branch:
		return w.jump(st, in.Kind == machine.Branch, &ops[0], s)
	case machine.Push:
		v := w.value(&ops[0], s)
		s.regs[w.conv.Stack].off -= wordSize
		w.pushing = true
		w.store(st, w.topOfStack(), v, 8*wordSize, s)
		w.pushing = false
	case machine.Pop:
		v := w.value(w.topOfStack(), s)
		s.regs[w.conv.Stack].off += wordSize
		w.store(st, &ops[0], v, 8*wordSize, s)
	case machine.Leave:
		s.regs[w.conv.Stack] = s.regs[w.conv.Frame]
		s.regs[w.conv.Stack].off += wordSize
		s.regs[w.conv.Frame] = value{}
	case machine.Address:
		v := w.address(&ops[0], s)
		if strings.Contains(strings.ToLower(st.Args), "@tlsld") {
			v = value{} // leads to where all thread-local variables of a program or library begin
		}
		w.store(st, &ops[1], v, 8*wordSize, s)
	case machine.String:
		w.repeated(st, in, s)
	case machine.Compare:
		w.compare(st, ops, s)
	case machine.Move:
		w.store(st, &ops[1], w.value(&ops[0], s), in.Width, s)
	default:
		w.compute(st, in, s)
	}
	return true
}

// topOfStack is the operand in memory that the stack pointer leads to.
func (w *flow) topOfStack() *machine.Operand {
	return &machine.Operand{Kind: machine.Memory, Base: w.conv.Stack, Index: machine.NoRegister}
}

// value is what an operand holds.
func (w *flow) value(o *machine.Operand, s *state) value {
	switch {
	case o.Kind == machine.Immediate:
		return value{addr: o.Symbol != "" && w.source(o.Symbol)}
	// An address of code that is not position-independent fits 32 bits; less of one is none.
	case o.Kind == machine.InRegister && (o.Register == machine.NoRegister || o.Width < 32):
		return value{}
	case o.Kind == machine.InRegister:
		w.use(s.regs[o.Register])
		return s.regs[o.Register]
	case o.Distance && w.source(o.Symbol):
		return value{addr: true}
	case o.Segment:
		return value{}
	case o.Symbol != "" && w.source(o.Symbol):
		return value{addr: o.GOT || w.rules.Deep}
	}
	if a := w.address(o, s); a.addr {
		return value{addr: w.rules.Deep}
	} else if a.frame != outsideFrame {
		if w.loaded != nil && a.frame == atOffset {
			w.loaded[wordOf(a.off)] = true
		}
		return value{addr: !w.rules.Sure && s.load(a)}
	}
	return value{}
}

// address is where an operand in memory is.
func (w *flow) address(o *machine.Operand, s *state) value {
	v := value{addr: o.Symbol != "" && w.source(o.Symbol)}
	if o.Base != machine.NoRegister {
		b := s.regs[o.Base]
		w.use(b)
		w.whole[b.at] = w.whole[b.at] || b.addr && b.at > 0 && (o.Index != machine.NoRegister || o.Bare) && o.Kind == machine.Memory
		v.at = b.at
		v.addr, v.frame, v.off = v.addr || b.addr, b.frame, b.off+o.Disp
	}
	if o.Index != machine.NoRegister {
		x := s.regs[o.Index]
		w.use(x)
		if x.addr {
			v.at = x.at
		}
		v.addr = v.addr || x.addr
		if x.frame != outsideFrame || v.frame != outsideFrame {
			v.frame = anywhereInFrame
		}
	}
	return v
}

// use notes that something reads a followed address: what is left of it in a register is no argument, and no result.
func (w *flow) use(v value) {
	if v.addr {
		w.used[v.at] = true
	}
}

// store writes a value of some width.
func (w *flow) store(st asm.Statement, o *machine.Operand, v value, width int, s *state) {
	switch {
	case o.Kind == machine.InRegister && o.Register == machine.NoRegister, o.Kind == machine.Immediate:
	case o.Kind == machine.InRegister && o.Width < 32: // the rest of the register stays, and what is known of it
		w.touch(o.Register, s)
	case o.Kind == machine.InRegister:
		if v.addr && v.at != several {
			v.at = w.now
		}
		s.regs[o.Register] = v
		w.touch(o.Register, s)
	default:
		a := w.address(o, s)
		switch {
		case a.frame != outsideFrame && !o.Segment:
			s.store(a, v.addr, w.outgoing(o, s), int64(width/8))
		// Who finds an address in the frame there can read all of the frame: where one variable ends is not known.
		case v.addr && !(w.rules.Sure && v.at == several) || v.frame != outsideFrame && s.holdsAny() && !w.rules.Sure:
			w.escaped(st, "is stored in memory that outlives it")
		case v.frame != outsideFrame:
			s.shown = true
		}
	}
}

// outgoing reports whether an operand is a place for arguments of a call: code that finds its variables by the frame pointer alone uses
// the stack pointer for nothing else.
func (w *flow) outgoing(o *machine.Operand, s *state) bool {
	return o.Base == w.conv.Stack && (w.pushing || w.byFrame(s))
}

// byFrame reports whether the code finds its variables by the frame pointer alone.
func (w *flow) byFrame(s *state) bool {
	return !w.conv.StackFrame && s.regs[w.conv.Frame].frame != outsideFrame
}

func (w *flow) compare(st asm.Statement, ops []machine.Operand, s *state) {
	if w.rules.Sure {
		w.sources(ops, s)
		w.value(&ops[len(ops)-1], s)
		return
	}
	narrow := func(o machine.Operand) bool { return o.Kind == machine.InRegister && o.Width < 8*wordSize }
	if !w.rules.Compared || len(ops) != 2 || ops[0] == ops[1] || slices.ContainsFunc(ops, narrow) {
		return
	}
	if a, b := w.value(&ops[0], s), w.value(&ops[1], s); a.addr != b.addr && !ops[0].IsNumber() {
		w.escaped(st, "is compared with another address")
	}
}

func (w *flow) ret(st asm.Statement, s *state) {
	results := w.conv.Results
	if w.rules.Sure {
		results = results[:1]
	}
	// A result of two registers is rare, what atomic accesses and those to elements leave in the second is not.
	second := func(reg machine.Register) bool {
		return w.counts(s.regs[reg]) && !(w.found != nil && w.whole[s.regs[reg].at])
	}
	if !w.counts(s.regs[results[0]]) && !slices.ContainsFunc(results[1:], second) {
		return
	}
	w.returns = true
	if w.depth == 0 && w.rules.Calls {
		w.escaped(st, returned)
	}
}

// jump follows a jump; it reports whether the next instruction may follow.
func (w *flow) jump(st asm.Statement, further bool, to *machine.Operand, s *state) bool {
	switch {
	case to.Indirect:
		// The register that leads to the label holds it still where the label is reached, but nobody passes it on from there.
		for i := range s.regs {
			if !w.conv.Kept.Has(machine.Register(i)) {
				s.regs[i].stale = s.regs[i].addr
			}
		}
		if !w.value(to, s).addr && !w.address(to, s).addr { // it may be a call that does not come back
			w.arguments(st, to, s)
		}
		for _, name := range w.dispatched(w.now, to) {
			w.reachLabel(name, s)
		}
	case !w.reachLabel(to.Symbol, s):
		// A tail call: what the callee returns, this function does.
		if w.arguments(st, to, s) && !w.rules.Sure {
			s = s.clone()
			s.regs[w.conv.Results[0]] = value{addr: true}
			w.ret(st, s)
		}
	}
	return further
}
