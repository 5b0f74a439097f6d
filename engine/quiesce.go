package engine

import (
	"fmt"
	"io"
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/fault"
)

// occupant is a thread, or a coroutine, found in code that is to be replaced.
type occupant struct {
	tid      int // 0 of a coroutine
	function string
	frames   []unwind.Frame
	guess    bool       // a word on a stack that could not be unwound
	leaves   bool       // it is known where it leaves the code
	exit     trace.Exit // of a thread that leaves
}

// checker looks for threads in code that is to be replaced. Tables are read before anything is stopped.
type checker struct {
	process *inspect.Process
	tables  []unwind.Module
	walker  *unwind.Walker
	live    []live
	code    []Code
	codeIndex

	suspended *suspended        // nil: the process has no coroutines, or they do not matter
	entries   *trace.Entries    // how often the code was entered since the search began; nil: it is not known
	threads   []threadStack     // of this stop
	maps      []inspect.Mapping // read since threads were last let run or stopped; nil if not
	last      map[int]seen      // by thread

	startStack inspect.Addr // see inspect.ThreadStatus
}

// newChecker returns one that looks for coroutines as well.
func newChecker(p *inspect.Process, code []Code) *checker {
	c := newThreadChecker(p, code)
	c.suspended = newSuspended(p, c.tables, c.live)
	return c
}

// newThreadChecker returns a checker that looks at threads only.
func newThreadChecker(p *inspect.Process, code []Code) *checker {
	return newCheckerWith(p, code, modules(p, unwindDataOf(p)))
}

// newCheckerWith returns a checker of threads for a process that has these unwind tables.
func newCheckerWith(p *inspect.Process, code []Code, tables []unwind.Module) *checker {
	c := &checker{process: p, tables: tables, walker: unwind.NewWalker(machineOf(p), tables), last: map[int]seen{}}
	c.live, _ = liveRegions(p) // what cannot be read is told by List
	c.code = slices.Clone(code)
	for i := range c.live {
		c.code = append(c.code, c.live[i].insideHooks()...)
	}
	c.codeIndex = newCodeIndex(c.code)
	if st, err := inspect.Status(p.PID); err == nil {
		c.startStack = st.StartStack
	}
	return c
}

// machineOf returns what is known of the machine of a process.
func machineOf(p *inspect.Process) *unwind.Machine {
	end := uint64(1)
	for _, m := range p.Mappings {
		end = max(end, uint64(m.End))
	}
	return unwind.MachineOf(p.Machine).Within(end)
}

// UnwindData is the unwind data of an object in a process.
type UnwindData struct {
	Start, End inspect.Addr
	Bias       inspect.Addr
	Data       unwind.Data
}

// unwindDataOf returns the unwind data of all objects of a process that were read, and of the vdso.
func unwindDataOf(p *inspect.Process) (list []UnwindData) {
	add := func(o *inspect.Object) {
		if d, err := unwind.DataOf(o.ELF); err == nil {
			list = append(list, UnwindData{o.Start, o.End, o.Bias, d})
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
	return list
}

// modules returns the unwind tables of everything in the process that has some.
func modules(p *inspect.Process, objects []UnwindData) []unwind.Module {
	return append(objectModules(objects), regionModules(p)...)
}

// objectModules returns the unwind tables of objects.
func objectModules(objects []UnwindData) (list []unwind.Module) {
	for i := range objects {
		o := &objects[i]
		if t, err := o.Data.Table(); err == nil {
			list = append(list, unwind.Module{Start: uint64(o.Start), End: uint64(o.End), Bias: uint64(o.Bias), Table: t})
		}
	}
	return list
}

// regionModules returns the unwind tables in patches of ours, live or not: old stacks may lead through the latter.
func regionModules(p *inspect.Process) []unwind.Module {
	var list []unwind.Module
	add := func(start inspect.Addr, s state) {
		if t := s.unwindTable(p, start); t != nil && s.text.size > 0 {
			text := uint64(start) + uint64(s.text.offset)
			list = append(list, unwind.Module{Start: text, End: text + uint64(s.text.size), Table: t})
		}
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
	if c.suspended == nil {
		return nil
	}
	return c.suspended.look(c)
}

// beginAgain does it once more right before running threads are stopped.
func (c *checker) beginAgain(s *trace.Session) {
	if c.suspended != nil {
		c.suspended.lookAgain(c, s)
	}
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
	if c.suspended != nil && c.suspended.itself {
		own.own = c.ownStack(stack)
	}
	if stack.Complete {
		own.end = stack.Frames[len(stack.Frames)-1].SP
	}
	c.threads = append(c.threads, own)
	if o := c.inFrames(t.TID, stack.Frames); o != nil {
		return o, nil
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

// scan looks at every word of the part of a stack that could not be unwound.
func (c *checker) scan(mem io.ReaderAt, t *trace.Thread, stack unwind.Stack) (*occupant, error) {
	hits, err := c.hits(mem, stack.ScanFrom)
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

// hits returns the words of a stack, from an address up, that may be return addresses into replaced code.
func (c *checker) hits(mem io.ReaderAt, scanFrom uint64) ([]unwind.Hit, error) {
	from := inspect.Addr(scanFrom)
	m, err := c.stackAt(from)
	if m == nil || err != nil {
		return nil, err // no stack at all: the thread is just being made, or about to end
	}
	hits, err := machineOf(c.process).Scan(mem, scanFrom, uint64(stackEnd(*m, from, c.startStack)), c.returns)
	return slices.DeleteFunc(hits, func(h unwind.Hit) bool { return c.isNextFunction(mem, h) }), err
}

// isNextFunction reports whether a word is where replaced code ends and no call returns to: a pointer to the function behind, such as that to main
// which the C library keeps. Of code so short that its hook may lie over the call it does not tell.
func (c *checker) isNextFunction(mem io.ReaderAt, h unwind.Hit) bool {
	const hookAndCall = 16 // bytes, at most
	r := c.ranges[h.Range]
	return h.Value == r.End && r.End-r.Start >= hookAndCall && !machineOf(c.process).ReturnsTo(mem, h.Value)
}

// stackAt returns the mapping with an address, nil if there is none. Where stacks are, is read anew for each stop: they come and go with their
// threads.
func (c *checker) stackAt(at inspect.Addr) (*inspect.Mapping, error) {
	for range 2 {
		i := slices.IndexFunc(c.maps, func(m inspect.Mapping) bool { return at >= m.Start && at < m.End })
		if i >= 0 {
			return &c.maps[i], nil
		}
		maps, err := c.process.Maps()
		if err != nil {
			return nil, err
		}
		c.maps = maps
	}
	return nil, nil
}

// stackEnd is where the words that may be return addresses end: what the kernel put above the first stack names the entry
// point, which may be where a function ends.
func stackEnd(m inspect.Mapping, from, startStack inspect.Addr) inspect.Addr {
	if m.Path == "[stack]" && startStack > from && startStack < m.End {
		return startStack
	}
	return m.End
}
