package trace

import (
	"bytes"
	"cmp"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Span is bytes that were in the target's memory at an address.
type Span struct {
	Addr uint64
	Want []byte
}

// Comparison compares spans with what the target's memory holds later. All that can be made ready is, before the target is stopped.
type Comparison struct {
	batches []batch
	room    chan []byte // for what processors besides the first read; each is in use by one
	own     []byte      // for the first
}

// piece is memory that holds spans which lie close together.
type piece struct {
	start, end uint64
	spans      []Span
	index      []int // of the spans, in the list that was given
}

// batch is pieces that one system call reads, one after the other.
type batch struct {
	pieces []piece
	size   int // bytes
	remote []unix.RemoteIovec
}

// What one system call reads, at most, but for a single piece: few enough that processors can share the batches evenly, and that a processor still
// has at hand what it has read.
const (
	mostPieces = 64
	mostBytes  = 128 << 10
)

const (
	closeBy    = 512 // bytes between two spans that are read along rather than left out
	mostHelped = 4   // processors that share a comparison; more of them wait for the lock of the target's memory
)

// NewComparison prepares to compare spans.
func NewComparison(spans []Span) *Comparison {
	c := &Comparison{}
	largest := 0
	for list := pieces(spans); len(list) > 0; {
		b := nextBatch(list)
		list = list[len(b.pieces):]
		largest = max(largest, b.size)
		c.batches = append(c.batches, b)
	}
	shares := max(1, min(mostHelped, runtime.GOMAXPROCS(0), len(c.batches)/2))
	c.own, c.room = make([]byte, largest), make(chan []byte, shares-1)
	clear(c.own) // so that the pages are there
	for range shares - 1 {
		b := make([]byte, largest)
		clear(b)
		c.room <- b
	}
	return c
}

// nextBatch returns the batch that a list of pieces begins with.
func nextBatch(list []piece) (b batch) {
	for i, p := range list {
		size := int(p.end - p.start)
		if i == mostPieces || i > 0 && b.size+size > mostBytes {
			break
		}
		b.size += size
		b.remote = append(b.remote, unix.RemoteIovec{Base: uintptr(p.start), Len: size})
	}
	b.pieces = list[:len(b.remote)]
	return b
}

// pieces puts spans together that lie close to each other.
func pieces(spans []Span) (list []piece) {
	order := make([]int, 0, len(spans))
	for i := range spans {
		if len(spans[i].Want) > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(spans[a].Addr, spans[b].Addr) })
	for _, i := range order {
		start, end := spans[i].Addr, spans[i].Addr+uint64(len(spans[i].Want))
		if last := len(list) - 1; last < 0 || start > list[last].end+closeBy {
			list = append(list, piece{start: start, end: end})
		}
		p := &list[len(list)-1]
		p.end = max(p.end, end)
		p.spans, p.index = append(p.spans, spans[i]), append(p.index, i)
	}
	return list
}

// outcome is what a batch has shown.
type outcome struct {
	read    bool  // else some of it is gone, or the call is not to be had
	changed []int // spans
}

// Changed returns the indices of the spans that hold other bytes now, or cannot be read. While the target is stopped there are processors without
// work, so batches are shared with them. It waits for none: what another has begun and not ended, it does itself.
func (c *Comparison) Changed(s *Session) (list []int) {
	outcomes := make([]atomic.Pointer[outcome], len(c.batches))
	var next atomic.Int64
	share := func(buf []byte) {
		for i := next.Add(1) - 1; i < int64(len(c.batches)); i = next.Add(1) - 1 {
			outcomes[i].Store(c.batches[i].compare(s.PID, buf))
		}
	}
	for range len(c.room) {
		go func() {
			select {
			case buf := <-c.room:
				share(buf)
				c.room <- buf
			default: // one of an earlier comparison has it still
			}
		}()
	}
	share(c.own)
	for i := range c.batches {
		o := outcomes[i].Load()
		if o == nil {
			o = c.batches[i].compare(s.PID, c.own)
		}
		if !o.read {
			o.changed = c.batches[i].compareSlowly(s)
		}
		list = append(list, o.changed...)
	}
	return list
}

// compare reads a batch into buf, and compares its spans.
func (b *batch) compare(pid int, buf []byte) *outcome {
	o := new(outcome)
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &buf[0], Len: uint64(b.size)}}, b.remote, 0)
	o.read = err == nil && n == b.size
	for i := 0; o.read && i < len(b.pieces); i++ {
		p := &b.pieces[i]
		for k, span := range p.spans {
			if !bytes.Equal(buf[span.Addr-p.start:][:len(span.Want)], span.Want) {
				o.changed = append(o.changed, p.index[k])
			}
		}
		buf = buf[p.end-p.start:]
	}
	return o
}

// compareSlowly compares the spans of a batch each by itself.
func (b *batch) compareSlowly(s *Session) (changed []int) {
	for _, p := range b.pieces {
		for k, span := range p.spans {
			have := make([]byte, len(span.Want))
			if n, _ := s.ReadAt(have, int64(span.Addr)); n < len(have) || !bytes.Equal(have, span.Want) {
				changed = append(changed, p.index[k])
			}
		}
	}
	return changed
}
