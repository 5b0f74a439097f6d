package unwind

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Memory is read in chunks, upwards from the stack pointer: the first as small as most stacks are, the next ones larger. They
// begin at multiples of readAlign, which no page of any machine is smaller than: what comes before is on the same page.
const (
	readAlign  = 4 << 10
	firstChunk = 4 << 10
	chunkSize  = 64 << 10
)

// memory reads through the chunk last used: one read of the target serves many frames.
type memory struct {
	r     io.ReaderAt
	start uint64
	data  []byte
	buf   []byte // chunkSize bytes
	next  int    // bytes to read next time
}

func newMemory(r io.ReaderAt, buf []byte) *memory { return &memory{r: r, buf: buf, next: firstChunk} }

// read fills b from address at.
func (m *memory) read(b []byte, at uint64) error {
	if at+uint64(len(b)) < at {
		return fmt.Errorf("memory at 0x%x: address wraps", at)
	}
	if !m.holds(at, len(b)) {
		m.load(at)
	}
	if m.holds(at, len(b)) {
		copy(b, m.data[at-m.start:])
		return nil
	}
	if n, err := m.r.ReadAt(b, int64(at)); n < len(b) { // across two chunks, or not readable
		return fmt.Errorf("memory at 0x%x cannot be read: %w", at, err)
	}
	return nil
}

func (m *memory) holds(at uint64, n int) bool {
	return at >= m.start && at-m.start < uint64(len(m.data)) && uint64(len(m.data))-(at-m.start) >= uint64(n)
}

// load reads the chunk with at; what cannot be read is cut off.
func (m *memory) load(at uint64) {
	m.start = at &^ (readAlign - 1)
	n, _ := m.r.ReadAt(m.buf[:m.next], int64(m.start))
	m.data = m.buf[:max(n, 0)]
	m.next = min(4*m.next, chunkSize)
}

func (m *memory) u64(at uint64) (uint64, error) {
	if m.holds(at, 8) {
		return binary.LittleEndian.Uint64(m.data[at-m.start:]), nil
	}
	var b [8]byte
	err := m.read(b[:], at)
	return binary.LittleEndian.Uint64(b[:]), err
}

// Range is the addresses [Start, End) of a function being replaced.
type Range struct{ Start, End uint64 }

// Hit is a word on a stack that may be a return address into a range.
type Hit struct {
	Addr  uint64 // where the word is
	Value uint64 // without a signature
	Range int    // index into the ranges given
}

// Scan reads the aligned words of [from, to) and returns those that lie in (Start, End] of a range: a return address
// follows the call, so it is never the start and may be the end. An error means that not all of it could be read.
func (m *Machine) Scan(mem io.ReaderAt, from, to uint64, ranges []Range) ([]Hit, error) {
	lo, hi := bounds(ranges)
	var hits []Hit
	buf := make([]byte, 64<<10)
	for at := (from + 7) &^ 7; at < to && to-at >= 8; {
		want := min(uint64(len(buf)), (to-at)&^7)
		n, err := mem.ReadAt(buf[:want], int64(at))
		for i := 0; i+8 <= n; i += 8 {
			if v := binary.LittleEndian.Uint64(buf[i:]) & m.address; v > lo && v <= hi {
				hits = appendHits(hits, at+uint64(i), v, ranges)
			}
		}
		if uint64(n) < want {
			return hits, fmt.Errorf("stack at 0x%x cannot be read: %w", at+uint64(n), err)
		}
		at += want
	}
	return hits, nil
}

func bounds(ranges []Range) (lo, hi uint64) {
	lo = ^uint64(0)
	for _, r := range ranges {
		lo, hi = min(lo, r.Start), max(hi, r.End)
	}
	return lo, hi
}

func appendHits(hits []Hit, at, v uint64, ranges []Range) []Hit {
	for i, r := range ranges {
		if v > r.Start && v <= r.End {
			hits = append(hits, Hit{Addr: at, Value: v, Range: i})
		}
	}
	return hits
}
