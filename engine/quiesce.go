package engine

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// occupant is a thread, or a coroutine, found in code that is to be replaced.
type occupant struct {
	tid      int // 0 of a coroutine
	function string
	frames   []unwind.Frame
	guess    bool // a word on a stack that could not be unwound
}

// checker looks for threads in code that is to be replaced. Tables are read before anything is stopped.
type checker struct {
	process *inspect.Process
	walker  *unwind.Walker
	live    []live
	code    []Code
	ranges  []unwind.Range

	suspended *suspended    // nil: the process has no coroutines
	threads   []threadStack // of this stop

	startStack inspect.Addr // see inspect.ThreadStatus
}

func newChecker(p *inspect.Process, code []Code) *checker {
	c := &checker{process: p, walker: unwind.NewWalker(unwind.MachineOf(p.Machine), modules(p)), code: code, suspended: newSuspended(p)}
	c.live, _ = liveRegions(p) // only for names
	if st, err := inspect.Status(p.PID); err == nil {
		c.startStack = st.StartStack
	}
	for _, r := range code {
		c.ranges = append(c.ranges, unwind.Range{Start: uint64(r.Start), End: uint64(r.End)})
	}
	return c
}

// modules returns the unwind tables of everything in the process that has some.
func modules(p *inspect.Process) []unwind.Module {
	var list []unwind.Module
	add := func(o *inspect.Object) {
		if t, err := unwind.NewTable(o.ELF); err == nil {
			list = append(list, unwind.Module{Start: uint64(o.Start), End: uint64(o.End), Bias: uint64(o.Bias), Table: t})
		}
	}
	for i := range p.Objects {
		if o := &p.Objects[i]; o.ELF != nil {
			add(o)
		}
	}
	if o, err := p.VDSO(); err == nil && o != nil {
		add(o) // where it cannot be read, stacks that lead through it are searched word by word
	}
	return append(list, regionModules(p)...)
}

// regionModules returns the unwind tables in patches of ours, live or not: old stacks may lead through the latter.
func regionModules(p *inspect.Process) []unwind.Module {
	var list []unwind.Module
	add := func(start inspect.Addr, s state) {
		if s.unwind.size == 0 || s.text.size == 0 {
			return
		}
		data := make([]byte, s.unwind.size)
		at := start + inspect.Addr(s.unwind.offset)
		if _, err := p.Mem().ReadAt(data, int64(at)); err != nil {
			return
		}
		t, err := unwind.NewTableBytes(data, uint64(at))
		if err != nil {
			return
		}
		text := uint64(start) + uint64(s.text.offset)
		list = append(list, unwind.Module{Start: text, End: text + uint64(s.text.size), Table: t})
	}
	live, err := liveRegions(p)
	if err != nil {
		return nil // without tables their frames are scanned
	}
	for _, l := range live {
		if l.ours {
			add(l.Start, l.state)
		}
	}
	for _, d := range dormantRegions(p) {
		add(d.start, d.state)
	}
	return list
}

// begin prepares for a stop of the process, while it runs.
func (c *checker) begin() error {
	c.threads = nil
	if c.suspended == nil {
		return nil
	}
	return c.suspended.look()
}

// end looks at what no thread runs on, after all threads are stopped and checked.
func (c *checker) end(s *trace.Session) (*occupant, error) {
	if c.suspended == nil {
		return nil, nil
	}
	return c.suspended.check(c, s)
}

// check returns whether a stopped thread executes any of the code, or will return to it.
func (c *checker) check(mem io.ReaderAt, t *trace.Thread) (*occupant, error) {
	regs := unwind.Regs{PC: t.Regs.PC(), SP: t.Regs.SP(), Reg: t.Regs.DWARF(), Valid: unwind.AllValid}
	stack := c.walker.Walk(mem, regs, 0)
	own := threadStack{sp: regs.SP}
	if stack.Complete {
		own.end = stack.Frames[len(stack.Frames)-1].SP
	}
	c.threads = append(c.threads, own)
	for _, f := range stack.Frames {
		if i := c.find(f.At); i >= 0 {
			return &occupant{tid: t.TID, function: c.code[i].Function, frames: stack.Frames}, nil
		}
	}
	if stack.Complete {
		return nil, nil
	}
	for _, from := range append([]uint64{stack.ScanFrom}, stack.ScanMore...) {
		stack.ScanFrom = from
		if o, err := c.scan(mem, t, stack); o != nil || err != nil {
			return o, err
		}
	}
	return nil, nil
}

func (c *checker) find(addr uint64) int {
	return slices.IndexFunc(c.ranges, func(r unwind.Range) bool { return addr >= r.Start && addr < r.End })
}

// scan looks at every word of the part of a stack that could not be unwound. Where that is, is read now: stacks come and
// go with their threads.
func (c *checker) scan(mem io.ReaderAt, t *trace.Thread, stack unwind.Stack) (*occupant, error) {
	maps, err := c.process.Maps()
	if err != nil {
		return nil, err
	}
	from := inspect.Addr(stack.ScanFrom)
	i := slices.IndexFunc(maps, func(m inspect.Mapping) bool { return from >= m.Start && from < m.End })
	if i < 0 {
		return nil, nil // no stack at all: the thread is just being made, or about to end
	}
	hits, err := unwind.Scan(mem, stack.ScanFrom, uint64(stackEnd(maps[i], from, c.startStack)), c.ranges)
	if err != nil {
		e := fault.New(fault.Busy, fmt.Sprintf("pid %d", c.process.PID), "thread %d", t.TID).WithCause(err)
		e.Code = fault.StackUnreadable
		return nil, e.WithState("process unchanged and running")
	}
	if len(hits) == 0 {
		return nil, nil
	}
	return &occupant{tid: t.TID, function: c.code[hits[0].Range].Function, frames: stack.Frames, guess: true}, nil
}

// stackEnd is where the words that may be return addresses end: what the kernel put above the first stack names the entry
// point, which may be where a function ends.
func stackEnd(m inspect.Mapping, from, startStack inspect.Addr) inspect.Addr {
	if m.Path == "[stack]" && startStack > from && startStack < m.End {
		return startStack
	}
	return m.End
}

// busy is the error for a thread or a coroutine in the way.
func (c *checker) busy(o *occupant) error {
	if o.tid == 0 {
		return c.busyCoroutine(o)
	}
	what := "is executing"
	if o.guess {
		what = "has a stack that cannot be unwound and may return to"
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", c.process.PID), "thread %d (%s) %s %q%s",
		o.tid, c.comm(o.tid), what, o.function, c.backtrace(o.frames))
	e.Code = fault.BusyThread
	return e.WithState("process unchanged and running").
		WithHint("try again, or wait longer with --wait=30s; a function that never returns cannot be patched")
}

func (c *checker) busyCoroutine(o *occupant) error {
	what := "a coroutine that is suspended will return to"
	if o.guess {
		what = "a stack mapped just now, which may be a coroutine's, may return to"
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", c.process.PID), "%s %q%s", what, o.function, c.backtrace(o.frames))
	e.Code = fault.BusyCoroutine
	return e.WithState("process unchanged and running").
		WithHint("try again, or wait longer with --wait=30s; where the coroutine has ended and only its registers are left, or may go on in the old code, " +
			"use --allow busy-coroutine")
}

func (c *checker) comm(tid int) string {
	for _, t := range c.process.Threads {
		if t.TID == tid {
			return t.Comm
		}
	}
	return c.process.Comm
}

// backtrace names the innermost frames.
func (c *checker) backtrace(frames []unwind.Frame) string {
	const most = 8
	if len(frames) == 0 {
		return ""
	}
	var names []string
	for i, f := range frames {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, c.symbolize(inspect.Addr(f.At)))
	}
	return " (" + strings.Join(names, " < ") + ")"
}

// symbolize names the function at an address.
func (c *checker) symbolize(at inspect.Addr) string {
	for i := range c.live {
		for _, f := range c.live[i].Functions {
			if at >= f.New && at < f.New+inspect.Addr(f.NewSize) {
				return f.Name + " of patch " + c.live[i].ID
			}
		}
	}
	o := c.process.ObjectAt(at)
	if o == nil || o.ELF == nil {
		return fmt.Sprintf("%#x", uint64(at))
	}
	addr := uint64(o.LinkAddr(at))
	for _, table := range [][]elfobj.Symbol{o.ELF.Symbols, o.ELF.DynSymbols} {
		for i := range table {
			if s := &table[i]; s.Defined() && s.Size > 0 && addr >= s.Value && addr-s.Value < s.Size {
				return s.Name
			}
		}
	}
	return fmt.Sprintf("%s+%#x", o.Name, addr)
}
