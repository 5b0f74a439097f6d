package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/trace"
)

// combined puts hooks that lie close to each other into one write, with the code between them, so that the process is stopped for as many
// writes as pages. It reads memory, of which the stop finds out whether it is still the same.
//
// Only hooks that stand next to each other in the order of writes are put together, which may then be made in any order: what leads to a hook, or
// says that it is there, comes in its place.
func combined(p *inspect.Process, writes []Write) (list []Write) {
	c := combiner{mem: newShadow(p.Mem()), page: inspect.Addr(p.Machine.PageSize), original: func(at inspect.Addr, n int) ([]byte, bool) {
		o := p.ObjectAt(at)
		if o == nil || o.ELF == nil {
			return nil, false
		}
		return o.ELF.BytesAt(uint64(o.LinkAddr(at)), uint64(n))
	}}
	return c.combine(writes)
}

type combiner struct {
	mem      *shadow
	page     inspect.Addr                                // its size
	original func(at inspect.Addr, n int) ([]byte, bool) // what the files of objects have there
}

func (c *combiner) combine(writes []Write) (list []Write) {
	for len(writes) > 0 {
		n := max(1, freeToOrder(writes))
		for _, w := range c.joined(writes[:n]) {
			list = append(list, w)
			c.mem.write(w.Addr, w.New)
		}
		writes = writes[n:]
	}
	return list
}

// freeToOrder returns how many writes at the start of a list are of hooks, none of which another needs or overlaps.
func freeToOrder(writes []Write) int {
	n := slices.IndexFunc(writes, func(w Write) bool { return !w.Code || w.Gate })
	if n < 0 {
		n = len(writes)
	}
	order := inOrder(writes[:n])
	for i := 1; i < n; i++ {
		if order[i].Addr < order[i-1].end() {
			return 0
		}
	}
	return n
}

func inOrder(writes []Write) []Write {
	return slices.SortedFunc(slices.Values(writes), func(a, b Write) int { return cmp.Compare(a.Addr, b.Addr) })
}

// end is the address behind a write.
func (w *Write) end() inspect.Addr { return w.Addr + inspect.Addr(len(w.Old)) }

// joined puts writes that do not overlap together where they are close.
func (c *combiner) joined(writes []Write) (list []Write) {
	if len(writes) == 1 {
		return writes
	}
	for _, w := range inOrder(writes) {
		if len(list) > 0 {
			last := &list[len(list)-1]
			if gap, ok := c.between(last.end(), w.Addr); ok {
				last.Old = slices.Concat(last.Old, gap, w.Old)
				last.New = slices.Concat(last.New, gap, w.New)
				last.joined++
				continue
			}
		}
		list = append(list, w)
	}
	for i := range list {
		if list[i].joined > 0 {
			list[i].What = fmt.Sprintf("%s and %d more", list[i].What, list[i].joined)
		}
	}
	return list
}

// between returns the code between two hooks, if it may be written over itself: no page is written that has no hook, and memory holds what the
// object's file has, not the breakpoint of a probe that may be gone in a moment.
func (c *combiner) between(from, to inspect.Addr) ([]byte, bool) {
	if from == to {
		return nil, true
	}
	if to/c.page > (from-1)/c.page+1 {
		return nil, false
	}
	want, ok := c.original(from, int(to-from))
	if !ok {
		return nil, false
	}
	have, err := c.mem.read(from, int(to-from))
	return have, err == nil && bytes.Equal(have, want)
}

// before returns what memory must hold before any of the writes is made.
func before(writes []Write) (list []Write) {
	mem := newShadow(nil)
	for _, w := range writes {
		for at := 0; at < len(w.Old); {
			end := at
			for end < len(w.Old) && !mem.touched(w.Addr+inspect.Addr(end), 1) {
				end++
			}
			if end > at {
				list = append(list, Write{Addr: w.Addr + inspect.Addr(at), Old: w.Old[at:end], What: w.What})
			}
			at = end + 1
		}
		mem.write(w.Addr, w.New)
	}
	return list
}

// comparison prepares to look whether memory still holds what it must.
func comparison(writes []Write) *trace.Comparison {
	spans := make([]trace.Span, len(writes))
	for i, w := range writes {
		spans[i] = trace.Span{Addr: uint64(w.Addr), Want: w.Old}
	}
	return trace.NewComparison(spans)
}
