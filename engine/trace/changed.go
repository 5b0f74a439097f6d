package trace

import (
	"bytes"
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// Span is bytes that were in the target's memory at an address.
type Span struct {
	Addr uint64
	Want []byte
}

// Comparison compares spans with what the target's memory holds later. All that can be made ready is, before the target is stopped.
type Comparison struct {
	pieces  []piece // in order of address
	batches []batch
}

// piece is memory that holds spans which lie close together.
type piece struct {
	start, end uint64
	spans      []Span
	index      []int  // of the spans, in the list that was given
	have       []byte // what it holds now
}

// batch is pieces that one system call reads, one after the other.
type batch struct {
	pieces []piece
	data   []byte
	remote []unix.RemoteIovec
}

const (
	mostVectors = 1024 // how many pieces of memory one call reads (UIO_MAXIOV, include/uapi/linux/uio.h)
	closeBy     = 512  // bytes between two spans that are read along rather than left out
)

// NewComparison prepares to compare spans.
func NewComparison(spans []Span) *Comparison {
	c := &Comparison{pieces: pieces(spans)}
	for part := range slices.Chunk(c.pieces, mostVectors) {
		b := batch{pieces: part}
		size := 0
		for _, p := range part {
			size += int(p.end - p.start)
			b.remote = append(b.remote, unix.RemoteIovec{Base: uintptr(p.start), Len: int(p.end - p.start)})
		}
		b.data = make([]byte, size)
		rest := b.data
		for i := range part {
			n := part[i].end - part[i].start
			part[i].have, rest = rest[:n:n], rest[n:]
			clear(part[i].have) // so that the pages are there
		}
		c.batches = append(c.batches, b)
	}
	return c
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

// Changed returns the indices of the spans that hold other bytes now, or cannot be read.
func (c *Comparison) Changed(s *Session) (list []int) {
	for _, b := range c.batches {
		n, err := unix.ProcessVMReadv(s.PID, []unix.Iovec{{Base: &b.data[0], Len: uint64(len(b.data))}}, b.remote, 0)
		whole := err == nil && n == len(b.data) // else one of them is gone, or the call is not to be had
		for i := range b.pieces {
			list = append(list, b.pieces[i].changed(s, whole)...)
		}
	}
	return list
}

func (p *piece) changed(s *Session, read bool) (list []int) {
	for i, span := range p.spans {
		have := p.have[span.Addr-p.start:][:len(span.Want)]
		if !read {
			if n, _ := s.ReadAt(have, int64(span.Addr)); n < len(have) {
				list = append(list, p.index[i])
				continue
			}
		}
		if !bytes.Equal(have, span.Want) {
			list = append(list, p.index[i])
		}
	}
	return list
}
