package unwind

import (
	"maps"
	"slices"
)

// This file finds code that switches stacks, by what its instructions do: the stack pointer gets a value that does not come from the stack pointer
// that the function was called with. What restores it from a register or a place in the frame where it was kept is no switch: the ends of
// functions with arrays of variable length or an aligned frame, and of those that return to handlers of exceptions.

// Extent is the code between two addresses: a function, or as much as may be one where none is known.
type Extent struct {
	Start, End uint64
	Known      bool // it begins where a function is called
	Part       bool // it is gone to from elsewhere in a function, with whatever that has in its registers
}

// Code is machine code that lies at an address.
type Code struct {
	Bytes     []byte
	At        uint64
	Extent    func(addr uint64) Extent // tells the function around an address in the code
	Elsewhere func(e Extent) *Code     // returns code that lies before or behind it; nil if there is none
}

// LargestFunction is how many bytes a function may have that is looked at; of a larger one it is believed that it does whatever it seems to do.
const LargestFunction = 512 << 10

// Switches returns where code switches stacks.
func (m *Machine) Switches(code *Code) (list []uint64) {
	return m.SwitchesIn(code, 0, len(code.Bytes))
}

// SwitchesIn returns where functions switch stacks that have code between two offsets. Of what lies around that, only LargestFunction bytes are looked at.
func (m *Machine) SwitchesIn(code *Code, from, to int) (list []uint64) {
	s := search{machine: m, code: code}
	for at := m.next(code.Bytes[:to], from); at < to; at = m.next(code.Bytes[:to], at+int(m.align)) {
		list = append(list, s.around(code.At+uint64(at))...)
	}
	return list
}

// search goes through code from lower to higher addresses.
type search struct {
	machine *Machine
	code    *Code
	extent  Extent // that of the last address that was looked at
	edge    uint64 // where an instruction begins in it
	done    uint64 // extents below are looked at
}

// around returns where stacks are switched in the extent around an address, at which an instruction may begin that gives the stack pointer a value.
func (s *search) around(addr uint64) (list []uint64) {
	if addr < s.done || !s.begins(addr) {
		return nil
	}
	if s.extent.tooLarge() {
		s.done = max(s.extent.End, addr+1)
		return []uint64{addr}
	}
	f := newFlow(s.machine, s.code, s.extent, addr)
	s.done = max(f.extent.End, addr+1)
	if len(f.switches()) == 0 {
		return nil
	}
	f.intoCalls = true
	for _, where := range f.switches() {
		if f.extent.Known || f.likely(where) && !f.restores(where) {
			list = append(list, where)
		}
	}
	return list
}

// tooLarge reports whether a function is not looked at: who says that it is so large may lie, and each of its bytes takes many.
func (e *Extent) tooLarge() bool { return e.Known && e.End-e.Start > LargestFunction }

// begins reports whether an instruction begins at an address, as far as it can be told: those of a function follow each other from its beginning on,
// and code elsewhere gets to where it returns.
func (s *search) begins(addr uint64) bool {
	if addr >= s.extent.End || addr < s.extent.Start || s.extent.End == 0 {
		s.extent = s.code.Extent(addr)
		s.edge = max(s.extent.Start, s.code.At)
	}
	if !s.extent.Known || s.extent.tooLarge() {
		return s.machine.goesOn(s.code.Bytes[addr-s.code.At:])
	}
	for s.edge < addr {
		n := s.machine.size(s.code.Bytes[s.edge-s.code.At:])
		if n == 0 {
			return true
		}
		s.edge += uint64(n)
	}
	n := uint64(s.machine.size(s.code.Bytes[addr-s.code.At:]))
	return s.edge == addr || addr+n == s.edge && n > 1 // without its first prefixes
}

// goesOn reports whether bytes of which nothing is known are as code: they go on a straight way to where it returns or jumps.
func (m *Machine) goesOn(code []byte) bool {
	const longest = 64 // instructions
	for range longest {
		s := m.decode(code, 0)
		switch {
		case s.size == 0 || s.odd:
			return false
		case s.next == away || s.next == jump:
			return true
		}
		code = code[s.size:]
	}
	return false
}

// step is what one instruction does to registers that may hold the address of something on the stack. Registers have the numbers of the
// instruction set, sp is one of them.
type step struct {
	size   int // bytes, 0 if it is no instruction
	next   next
	target uint64 // of jumps, branches and direct calls, else 0
	moves  []move // all of them at once
	odd    bool   // seldom used
	cases  bool   // jumps to an address from a register or memory, as a switch does
	room   bool   // takes a register off the stack pointer
	adds   bool   // adds one to it, or memory
}

// next says where code goes on after an instruction.
type next int

const (
	onward next = iota
	branch      // to the target, or onward
	jump        // to the target
	away        // returns, or jumps somewhere
	call        // onward, with other values in registers that a call need not keep
)

// move gives a register, or a place on the stack, a value.
type move struct {
	register int    // the one that it is given to, noRegister if none
	store    slot   // or the place, if base is not noRegister
	load     slot   // where it comes from, if base is not noRegister
	from     uint32 // registers: it is an address on the stack if one of them is
}

const noRegister = -1

// slot is a place in memory: an offset from a register in bytes, which may be another one where it is used. What is pushed has the base pushed.
type slot struct {
	base   int
	offset int64
}

var (
	noSlot = slot{base: noRegister}
	pushed = slot{base: 64}
)

// flow follows addresses on the stack through a function.
type flow struct {
	machine *Machine
	code    *Code
	steps   []step // by offset of the code
	extent  Extent
	derived []uint32        // by offset: registers that hold one on each way there, before the instruction; those of sp as well
	seen    []int           // by offset: the number of the beginning that it was reached from, 0 if from none
	begun   int             // beginnings
	kept    map[int64]bool  // offsets of places on the stack that one is stored to
	pushed  bool            // one is pushed
	strays  uint32          // registers that hold one at a call or a jump somewhere: handlers of exceptions and cases of a switch find them so
	found   map[uint64]bool // addresses of instructions that switch stacks

	room      bool // a number of bytes in a register was made room for on the stack, which is given back by adding one
	whole     bool // the extent is not known, but begins where a function keeps the stack pointer
	intoCalls bool // look whether functions that are called leave alone the registers that results are returned in
}

// window is how many bytes around an address are looked at where no function is known.
const window = 4 << 10

// newFlow takes the code around an address apart.
func newFlow(m *Machine, code *Code, e Extent, addr uint64) *flow {
	if !e.Known {
		e.Start, e.End = max(e.Start, (max(addr, window)-window)&^(m.align-1)), min(e.End, addr+window)
	}
	e.Start, e.End = max(e.Start, code.At), min(e.End, code.At+uint64(len(code.Bytes)))
	return newFlowIn(m, code, e)
}

// newFlowIn takes the code of an extent apart.
func newFlowIn(m *Machine, code *Code, e Extent) *flow {
	f := &flow{machine: m, code: code, extent: e, kept: map[int64]bool{}}
	if e.Start >= e.End {
		return f
	}
	f.steps = make([]step, e.End-e.Start)
	for at := e.Start; at < e.End; {
		s := m.decode(code.Bytes[at-code.At:e.End-code.At], at)
		f.steps[at-e.Start] = s
		f.room = f.room || s.room
		at += max(uint64(s.size), m.align)
	}
	return f
}

// switches follows the function until no more places are found that hold addresses on the stack.
func (f *flow) switches() []uint64 {
	for {
		kept, pushed, strays := len(f.kept), f.pushed, f.strays
		f.derived, f.seen, f.begun = make([]uint32, len(f.steps)), make([]int, len(f.steps)), 0
		f.found = map[uint64]bool{}
		f.follow(0, f.entry())
		for i := range f.steps {
			if f.steps[i].size > 0 && f.seen[i] == 0 {
				f.follow(i, f.stray())
			}
		}
		if len(f.kept) == kept && f.pushed == pushed && f.strays == strays {
			return slices.Sorted(maps.Keys(f.found))
		}
	}
}

// entry returns which registers hold addresses on the stack where the extent begins.
func (f *flow) entry() uint32 {
	switch {
	case f.extent.Part:
		return f.machine.parts
	case f.extent.Known:
		return 1 << f.machine.stack
	}
	return 1<<f.machine.stack | 1<<f.machine.base
}

// stray returns the same for code that no jump is seen to.
func (f *flow) stray() uint32 {
	if f.extent.Known || f.whole {
		return f.strays | f.entry()
	}
	return f.entry()
}

// place is an offset of the code and what holds addresses on the stack there.
type place struct {
	at      int
	derived uint32
}

// follow goes all ways from an offset. Code that was reached before is not looked at once more: what no jump is seen to is a case of a switch, a
// handler of exceptions, or room between two loops, and does not know less than its function does. Nor is what follows a call, which may not return,
// where a jump leads there.
func (f *flow) follow(from int, derived uint32) {
	later := []place{{from, derived}}
	for len(later) > 0 {
		p := later[len(later)-1]
		later = later[:len(later)-1]
		if f.known(p.at) {
			continue
		}
		f.begun++
		work := []place{p}
		for len(work) > 0 {
			p := work[len(work)-1]
			work = work[:len(work)-1]
			if !f.visit(p) {
				continue
			}
			s := &f.steps[p.at]
			after := f.after(s, p.at, f.derived[p.at])
			switch s.next {
			case onward, branch:
				work = append(work, place{p.at + s.size, after})
			case call:
				later = append(later, place{p.at + s.size, after})
			}
			if s.next == jump || s.next == branch {
				work = append(work, place{int(int64(s.target - f.extent.Start)), after})
			}
		}
	}
}

// known reports whether no instruction is at an offset, or one that was reached.
func (f *flow) known(at int) bool {
	return at < 0 || at >= len(f.steps) || f.steps[at].size == 0 || f.seen[at] != 0
}

// visit reports whether an instruction is to be looked at, since it was not, or another way there leads to other registers.
func (f *flow) visit(p place) bool {
	if !f.known(p.at) {
		f.seen[p.at], f.derived[p.at] = f.begun, p.derived
		return true
	}
	if p.at < 0 || p.at >= len(f.steps) || f.seen[p.at] != f.begun || p.derived&f.derived[p.at] == f.derived[p.at] {
		return false
	}
	f.derived[p.at] &= p.derived
	return true
}

// after returns which registers hold addresses on the stack after an instruction.
func (f *flow) after(s *step, at int, before uint32) uint32 {
	derived := before
	for _, m := range s.moves {
		is := m.from&before != 0 || f.holds(m.load, before)
		switch {
		case m.store.base != noRegister:
			f.keep(m, is, before)
		case m.register == f.machine.stack:
			if !is && !(s.adds && f.room) {
				f.found[f.extent.Start+uint64(at)] = true
			}
		case is:
			derived |= 1 << m.register
		default:
			derived &^= 1 << m.register
		}
	}
	if s.cases || f.extent.Known && (s.next == call || s.next == away) {
		f.strays |= derived
	}
	if s.next == call {
		derived &^= f.lost(s.target, derived&f.machine.results)
		if !f.extent.Known { // the callee may not return, so that another function follows
			derived &^= f.machine.arguments
		}
	}
	return derived | 1<<f.machine.stack
}

// lost returns which of some registers in which results are returned a function that is called may set: some that was written by hand does not.
func (f *flow) lost(callee uint64, results uint32) (set uint32) {
	if !f.intoCalls || results == 0 {
		return results
	}
	code, e := f.code.of(callee)
	if code == nil {
		return results
	}
	called := newFlow(f.machine, code, e, callee)
	for i := range called.steps {
		if called.leaves(i) {
			return results
		}
		for _, m := range called.steps[i].moves {
			if m.register != noRegister {
				set |= 1 << m.register
			}
		}
	}
	return results & set
}

// leaves reports whether an instruction goes on in another function: it calls one, or ends in a jump to it.
func (f *flow) leaves(at int) bool {
	s := &f.steps[at]
	to := s.target - f.extent.Start
	return s.next == call || s.cases || (s.next == jump || s.next == branch) && to >= uint64(len(f.steps))
}

// has reports whether the code has an address.
func (c *Code) has(addr uint64) bool { return addr >= c.At && addr-c.At < uint64(len(c.Bytes)) }

// of returns the function around an address and the code that it is part of, nil if that is not there.
func (c *Code) of(addr uint64) (*Code, Extent) {
	switch {
	case c.has(addr):
	case c.Elsewhere == nil:
		return nil, Extent{}
	default:
		around := Extent{Start: addr - min(addr, LargestFunction), End: addr + LargestFunction}
		if c = c.Elsewhere(around); c == nil || !c.has(addr) {
			return nil, Extent{}
		}
	}
	e := c.Extent(addr)
	if e.tooLarge() || e.Known && !(c.has(e.Start) && c.has(e.End-1)) && c.Elsewhere != nil {
		return nil, e
	}
	return c, e
}

// likely reports whether what is where nothing is known to be code, but may be data, is as code that switches stacks: it gets to where it returns, and
// has kept the stack pointer somewhere if it is told by a byte or two.
func (f *flow) likely(where uint64) bool {
	const short = 2 // bytes, which data often has
	at := int(where - f.extent.Start)
	return (f.steps[at].size > short || f.saves(at)) && f.machine.goesOn(f.code.Bytes[where-f.code.At:])
}

// restores reports whether, where no function is known, code before an address keeps the stack pointer and comes to it with that.
func (f *flow) restores(where uint64) bool {
	const furthest = 64 << 10 // bytes
	const most = 64
	first := max(f.code.At, where-min(where, furthest))
	end := min(where+window, f.code.At+uint64(len(f.code.Bytes)))
	for at, n := where, 0; at > first && n < most; n++ {
		begin := f.machine.keeps(f.code.Bytes[first-f.code.At : at-f.code.At])
		if begin < 0 {
			return false
		}
		at = first + uint64(begin)
		from := newFlowIn(f.machine, f.code, Extent{Start: at, End: end})
		from.whole = true
		if !slices.Contains(from.switches(), where) && from.steps[where-at].size > 0 {
			return true
		}
	}
	return false
}

// saves reports whether the stack pointer is stored before an instruction, and near.
func (f *flow) saves(at int) bool {
	const near = 128 // bytes
	return slices.ContainsFunc(f.steps[max(0, at-near):at], func(s step) bool {
		return slices.ContainsFunc(s.moves, func(m move) bool { return m.store.base >= 0 && m.store != pushed && m.from == 1<<f.machine.stack })
	})
}

// holds reports whether a place may hold an address on the stack: one was put there, or pushed to wherever. Of code whose beginning is not known it is
// believed of all places in its frame that are told by sp.
func (f *flow) holds(s slot, derived uint32) bool {
	if s.base == noRegister || s != pushed && derived&(1<<s.base) == 0 {
		return false
	}
	return f.pushed || f.extent.Part || s != pushed && (f.kept[s.offset] || s.base == f.machine.stack && !f.extent.Known)
}

// keep notes that an address on the stack is stored in a place. The frame pointer that a function begins by pushing is none of its own.
func (f *flow) keep(m move, is bool, derived uint32) {
	switch {
	case !is:
	case m.store == pushed:
		f.pushed = f.pushed || m.from != 1<<f.machine.base
	case derived&(1<<m.store.base) != 0:
		f.kept[m.store.offset] = true
	}
}

// Function returns the extent of the function, or the part of one, that has unwind data at an address.
func (t *Table) Function(addr uint64) (e Extent, ok bool) {
	f := t.find(addr)
	if f == nil {
		return Extent{}, false
	}
	return Extent{f.start, f.end, true, !t.entered(f)}, true
}

// Functions returns the extents of all functions, and parts of some, in order of their start.
func (t *Table) Functions() []Extent {
	list := make([]Extent, len(t.fdes))
	for i := range t.fdes {
		f := &t.fdes[i]
		list[i] = Extent{f.start, f.end, true, !t.entered(f)}
	}
	return list
}

// entered reports whether a function is called where its unwind data begins: nothing is on its stack there but what the call left.
func (t *Table) entered(f *fde) bool {
	first, err := f.rowAt(f.start)
	if err != nil {
		return true
	}
	m := &x86
	if f.cie.ra == a64LR {
		m = &a64
	}
	return first.cfaExpr == nil && first.cfaReg == uint64(m.sp) && first.cfaOff == m.called
}

// Around returns the extent between the functions that have unwind data.
func (t *Table) Around(addr uint64) (start, end uint64) {
	i, _ := slices.BinarySearchFunc(t.fdes, addr, func(f fde, at uint64) int {
		if f.start <= at {
			return -1
		}
		return 1
	})
	end = ^uint64(0)
	if i < len(t.fdes) {
		end = t.fdes[i].start
	}
	if i > 0 {
		start = t.fdes[i-1].end
	}
	return start, end
}
