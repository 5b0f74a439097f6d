package engine

import (
	"encoding/binary"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
)

// This file looks at programs that switch stacks in code of their own. Where the registers of a suspended stack are is known to that code alone, so
// memory is searched for words that return into code to be replaced. A word that was left behind counts, too: such a coroutine looks suspended, never
// gone.

// leftWords is words in memory that return into code to be replaced.
type leftWords struct {
	hits     []unwind.Hit
	compared *trace.Comparison
}

// searchWords searches a part of the memory of the running process.
func (s *suspended) searchWords(c *checker, from, to inspect.Addr) {
	mem := s.process.Mem()
	machine := machineOf(s.process)
	hits, _ := machine.Scan(mem, uint64(from), uint64(to), c.returns) // what cannot be read is gone
	for _, h := range hits {
		r := c.ranges[h.Range]
		if machine.ReturnsTo(mem, h.Value) || s.inline[h.Range] && h.Value > r.Start && h.Value < r.End { // a pointer to the next function is none
			s.words.hits = append(s.words.hits, h)
		}
	}
}

// inlineSwitches returns in which of the code to be replaced stacks are switched: it goes on where no call returns to.
func inlineSwitches(c *checker) map[int]bool {
	list := map[int]bool{}
	for i, r := range c.returns {
		code := unwind.Code{Bytes: make([]byte, r.End-r.Start), At: r.Start}
		code.Extent = func(uint64) unwind.Extent { return unwind.Extent{Start: r.Start, End: r.End, Known: true} }
		n, _ := c.process.Mem().ReadAt(code.Bytes, int64(r.Start))
		code.Bytes = code.Bytes[:n]
		list[i] = len(machineOf(c.process).Switches(&code)) > 0
	}
	return list
}

// prepareWords makes ready for the stop what was found.
func (s *suspended) prepareWords() {
	var spans []trace.Span
	for _, h := range s.words.hits {
		spans = append(spans, trace.Span{Addr: h.Addr, Want: binary.LittleEndian.AppendUint64(nil, h.Value)})
	}
	s.words.compared = trace.NewComparison(spans)
}

// checkWords returns a function that a word found before the stop still returns to, but for those on threads' stacks.
func (s *suspended) checkWords(c *checker, session *trace.Session) *occupant {
	changed := s.words.compared.Changed(session)
	for i, h := range s.words.hits {
		if !slices.Contains(changed, i) && !s.onThreadStack(h.Addr, c.threads) {
			return &occupant{function: c.code[h.Range].Function, guess: true}
		}
	}
	return nil
}

// onThreadStack reports whether an address is on a stack that a thread runs on, as far as it is in use, or below that on the stack that the thread
// was made with.
func (s *suspended) onThreadStack(addr uint64, threads []threadStack) bool {
	m := s.mapping(addr)
	return m != nil && slices.ContainsFunc(threads, func(t threadStack) bool {
		if s.mapping(t.sp) != m {
			return false
		}
		end := t.end
		if end == 0 {
			end = uint64(m.End) // searched with the thread
		}
		return addr < end && (addr >= t.sp || t.own && s.begins(m))
	})
}

// begins reports whether a mapping begins with the stack that it holds: it is the first thread's, or a guard lies below.
func (s *suspended) begins(m *inspect.Mapping) bool {
	if m.Path == "[stack]" {
		return true
	}
	below := s.mapping(uint64(m.Start) - 1)
	return below != nil && !below.Read && !below.Write && !below.Exec
}

// ownStack reports whether a walk came to where threads begin, in the C library or its start-up code.
func (c *checker) ownStack(stack unwind.Stack) bool {
	if !stack.Complete {
		return false
	}
	at := inspect.Addr(stack.Frames[len(stack.Frames)-1].At)
	o := c.process.ObjectAt(at)
	return o != nil && (strings.HasPrefix(o.Name, "libc") || strings.HasPrefix(o.Name, "ld-")) ||
		slices.Contains([]string{"_start", "clone", "clone3", "__clone", "__clone3"}, c.symbolize(at))
}
