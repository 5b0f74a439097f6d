package engine

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
)

// This file looks at stacks that no thread runs on, those of suspended coroutines: old code on them would go on, and call
// new code in the old way.

// largestHeap is the size in bytes above which a mapping is not searched for coroutines: it is a guest's memory or a cache.
const largestHeap = 1 << 30

// suspended knows where a process keeps the registers of stacks that no thread runs on.
type suspended struct {
	process  *inspect.Process
	alive    func()            // told now and then while it looks; may be nil
	secret   uint64            // glibc's pointer guard
	text     []byte            // of the mappings, at the last look
	maps     []inspect.Mapping // likewise
	contexts []coroutine       // what the last look has found
	compared *trace.Comparison // of their registers and stacks, two for each
	itself   bool              // the program has code of its own that switches stacks
	words    leftWords         // likewise found, if so
	inline   map[int]bool      // by range of the checker: the code to be replaced does so itself; nil until asked for
}

// newSuspended returns nil for a process that has no coroutines of a kind we know.
func newSuspended(p *inspect.Process, tables []unwind.Module, patches []live) *suspended {
	itself := switchesItself(p, tables, patches)
	if !itself && !slices.ContainsFunc(p.Objects, func(o inspect.Object) bool { return switchesStacks(o.ELF) }) {
		return nil
	}
	const atRANDOM = 25 // <elf.h>; glibc takes the pointer guard from the second half of what is there
	var random [16]byte
	if _, err := p.Mem().ReadAt(random[:], int64(p.Auxv(atRANDOM))); err != nil {
		return nil
	}
	return &suspended{process: p, itself: itself, secret: binary.LittleEndian.Uint64(random[8:])}
}

// switchesStacks reports whether an object calls, or a static program holds, the functions of the C library that
// coroutines are made of.
func switchesStacks(f *elfobj.File) bool {
	if f == nil {
		return false
	}
	uses := func(name string) bool {
		undefined := func(s elfobj.Symbol) bool { return s.Name == name && !s.Defined() }
		defined := func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() }
		return slices.ContainsFunc(f.DynSymbols, undefined) || len(f.DynSymbols) == 0 && slices.ContainsFunc(f.Symbols, defined)
	}
	return uses("swapcontext") || uses("setcontext") || uses("sigaltstack") && (uses("__sigsetjmp") || uses("_setjmp") || uses("setjmp"))
}

// look searches the memory of the running process for saved registers, and walks the stacks that they lead to. It takes long: in the stop, what
// it has read is only compared.
func (s *suspended) look(check *checker) error {
	text, err := s.process.MapsText()
	if err != nil {
		return err
	}
	maps, err := inspect.ParseMaps(text)
	if err != nil {
		return err
	}
	s.text, s.maps, s.contexts, s.words = text, maps, nil, leftWords{}
	if s.itself && s.inline == nil {
		s.inline = inlineSwitches(check)
	}
	s.search(check)
	s.prepare()
	s.prepareWords()
	return nil
}

// prepare makes ready for the stop what the look has found.
func (s *suspended) prepare() {
	var spans []trace.Span
	for i := range s.contexts {
		co := &s.contexts[i]
		spans = append(spans, trace.Span{Addr: co.context.Addr, Want: co.saved}, trace.Span{Addr: co.sp, Want: co.stack})
	}
	s.compared = trace.NewComparison(spans)
}

// lookAgain compares what was found right before the stop: what changed since the look need not be walked in it, and memory that was read a moment
// ago is read faster.
func (s *suspended) lookAgain(check *checker, session *trace.Session) {
	if s.refresh(s.process.Mem(), session, check) {
		s.prepare()
	}
	s.words.compared.Changed(session)
}

// searchBeat is how often is told that a search gets on.
const searchBeat = 50 * time.Millisecond

// search searches all memory for what look wants. That may take seconds.
func (s *suspended) search(check *checker) {
	var told time.Time
	for i := range s.maps {
		m := &s.maps[i]
		if !mayHoldStack(m) {
			continue
		}
		if s.alive != nil && time.Since(told) > searchBeat {
			s.alive()
			told = time.Now()
		}
		spans, err := s.process.Populated(m.Start, m.End)
		if err != nil {
			continue // gone meanwhile
		}
		for _, at := range spans {
			found, _ := machineOf(s.process).Contexts(s.process.Mem(), uint64(at.Start), uint64(at.End), s.secret, s.plausible)
			for _, c := range found {
				s.contexts = append(s.contexts, s.walk(s.process.Mem(), check, c))
			}
			if s.itself {
				s.searchWords(check, at.Start, at.End)
			}
		}
	}
}

func mayHoldStack(m *inspect.Mapping) bool {
	return m.Read && m.Write && m.Priv && m.End-m.Start <= largestHeap && !strings.HasPrefix(m.Path, "/dev/")
}

// plausible reports whether a stack pointer is in memory for stacks and a program counter in code.
func (s *suspended) plausible(sp, pc uint64) bool {
	stack, code := s.mapping(sp), s.mapping(pc)
	return stack != nil && stack.Write && stack.Priv && code != nil && code.Exec
}

func (s *suspended) mapping(addr uint64) *inspect.Mapping {
	i, _ := slices.BinarySearchFunc(s.maps, inspect.Addr(addr), func(m inspect.Mapping, at inspect.Addr) int {
		switch {
		case m.End <= at:
			return -1
		case m.Start > at:
			return 1
		}
		return 0
	})
	if i < len(s.maps) && s.maps[i].Start <= inspect.Addr(addr) && inspect.Addr(addr) < s.maps[i].End {
		return &s.maps[i]
	}
	return nil
}

// coroutine is a stack that no thread may be running on.
type coroutine struct {
	context  unwind.Context
	saved    []byte // its registers, as they are kept
	sp, end  uint64 // of its innermost and its outermost frame
	stack    []byte // [sp, end), which the walk depends on; nil if it must be walked again
	complete bool   // end is where it began
	frames   []unwind.Frame
	in       int // the first frame in code to be replaced, -1 if none is
}

// largestStack is how much of a stack is kept to be compared, in bytes.
const largestStack = 1 << 20

// walk walks the stack of a context. It has no frames if the context holds no registers any more.
func (s *suspended) walk(mem io.ReaderAt, check *checker, c unwind.Context) coroutine {
	co := coroutine{in: -1, context: c, saved: make([]byte, c.Size())}
	if n, _ := mem.ReadAt(co.saved, int64(c.Addr)); n < len(co.saved) {
		return co
	}
	regs, err := c.Regs(co.saved, s.secret, s.plausible)
	if err != nil {
		return co
	}
	stack := check.walker.WalkContext(mem, regs)
	if kept := keepStack(mem, regs.SP, outermost(stack)); kept != nil { // it may have changed since: what is compared is what was walked
		stack = check.walker.WalkContext(kept, regs)
		if kept.holds(outermost(stack)) {
			co.stack = kept.data
		}
	}
	co.sp, co.end, co.frames = regs.SP, outermost(stack), stack.Frames
	co.complete = stack.Complete || stack.Begun
	co.frames[0].At = co.frames[0].PC - 1 // a return address; a function that has not begun will begin as the new one
	co.in = slices.IndexFunc(co.frames, func(f unwind.Frame) bool { return check.find(f.At) >= 0 })
	return co
}

// outermost returns where the frame is at which a walk ended.
func outermost(stack unwind.Stack) uint64 { return stack.Frames[len(stack.Frames)-1].SP }

// keptStack is memory of which a part was read once and for all.
type keptStack struct {
	rest  io.ReaderAt
	start uint64
	data  []byte
}

// keepStack reads the memory [from, to) of a stack; nil if that is none, too large, or gone.
func keepStack(mem io.ReaderAt, from, to uint64) *keptStack {
	if to < from || to-from > largestStack {
		return nil
	}
	k := &keptStack{rest: mem, start: from, data: make([]byte, to-from)}
	if n, _ := mem.ReadAt(k.data, int64(from)); n < len(k.data) {
		return nil
	}
	return k
}

// holds reports whether it ends at an address.
func (k *keptStack) holds(end uint64) bool { return end == k.start+uint64(len(k.data)) }

// ReadAt reads what was kept as it was then.
func (k *keptStack) ReadAt(b []byte, off int64) (int, error) {
	n, err := k.rest.ReadAt(b, off)
	from, to := max(uint64(off), k.start), min(uint64(off)+uint64(n), k.start+uint64(len(k.data)))
	if from < to {
		copy(b[from-uint64(off):], k.data[from-k.start:to-k.start])
	}
	return n, err
}

// refresh walks those stacks again that have changed since the look, and reports whether there are any.
func (s *suspended) refresh(mem io.ReaderAt, session *trace.Session, check *checker) (any bool) {
	changed := map[int]bool{}
	for _, i := range s.compared.Changed(session) {
		changed[i/2] = true
	}
	for i := range s.contexts {
		if co := &s.contexts[i]; changed[i] || co.stack == nil && len(co.frames) > 0 {
			*co, any = s.walk(mem, check, co.context), true
		}
	}
	return any
}

// dead reports whether registers lie where another coroutine's stack is free: they are an old jmp_buf's.
func (s *suspended) dead(c *coroutine, threads []threadStack) bool {
	return slices.ContainsFunc(s.contexts, func(d coroutine) bool {
		return d.end == c.end && c.context.Addr >= c.sp && c.context.Addr < d.sp && len(d.frames) > 0 && !s.ofThread(&d, threads)
	})
}

// ofThread reports whether a thread runs on a stack: of that the thread knows better.
func (s *suspended) ofThread(c *coroutine, threads []threadStack) bool {
	return slices.ContainsFunc(threads, func(t threadStack) bool {
		return c.complete && t.end == c.end || (!c.complete || t.end == 0) && s.mapping(t.sp) == s.mapping(c.sp)
	})
}

// threadStack is where the stack of a thread begins and ends; end is 0 if that is not known.
type threadStack struct {
	sp, end uint64
	own     bool // it is the one that the thread was made with
}

// check returns a coroutine that is in any of the code of the checker.
func (s *suspended) check(c *checker, session *trace.Session) (*occupant, error) {
	entered := c.entered()
	if entered || s.seenIn() {
		s.refresh(session, session, c)
	}
	for i := range s.contexts {
		co := &s.contexts[i]
		if co.in < 0 || s.ofThread(co, c.threads) || s.dead(co, c.threads) {
			continue
		}
		return &occupant{function: c.code[c.find(co.frames[co.in].At)].Function, frames: co.frames}, nil
	}
	if s.itself && entered { // it may have got there since
		if err := s.searchAgain(c); err != nil {
			return nil, err
		}
	}
	if o := s.checkWords(c, session); o != nil || !entered {
		return o, nil
	}
	return s.checkNew(c, session)
}

// checkNew looks at memory mapped since the last look, where stacks may be whose registers are not known.
func (s *suspended) checkNew(c *checker, session *trace.Session) (*occupant, error) {
	text, err := s.process.MapsText()
	if err != nil || bytes.Equal(text, s.text) {
		return nil, err
	}
	maps, err := inspect.ParseMaps(text)
	if err != nil {
		return nil, err
	}
	for i := range maps {
		m := &maps[i]
		from := s.known(m)
		if !mayHoldStack(m) || from == m.End {
			continue
		}
		spans, err := s.process.Populated(from, m.End)
		if err != nil {
			return nil, err
		}
		for _, at := range spans {
			hits, err := machineOf(s.process).Scan(session, uint64(at.Start), uint64(at.End), c.returns)
			if err != nil {
				return nil, err
			}
			if len(hits) > 0 {
				return &occupant{function: c.code[hits[0].Range].Function, guess: true}, nil
			}
		}
	}
	return nil, nil
}

// known returns where the part of a mapping begins that the last look did not see.
func (s *suspended) known(m *inspect.Mapping) inspect.Addr {
	at := m.Start
	first := sort.Search(len(s.maps), func(i int) bool { return s.maps[i].End > at })
	for i := first; i < len(s.maps) && s.maps[i].Start <= at && at < m.End; i++ {
		if !mayHoldStack(&s.maps[i]) {
			break
		}
		at = min(s.maps[i].End, m.End)
	}
	return at
}
