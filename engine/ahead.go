package engine

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"

	"gocare/engine/trace"
	"gocare/engine/unwind"
)

// This file looks at threads without a stop: an attempt that cannot succeed should disturb nobody. What is seen so may be out of date when the
// threads are stopped; each is checked again then, and only that counts.

// place is where a thread sleeps: the same place means that nothing was called or returned from on its stack, as far as replaced code goes.
type place struct {
	sp, pc uint64
	hits   uint64 // digest of the words that may lead to replaced code
}

// seen is what the last stop of a thread has shown.
type seen struct {
	place
	found *occupant // nil: it was not in the way
}

// ahead returns the threads that sleep in code to be replaced, and those of which only a stop can tell. Threads that are stopped already, or
// run, are in neither list.
func (c *checker) ahead(stopped func(tid int) bool) (in []*occupant, unclear []int) {
	tids, err := trace.Tasks(c.process.PID)
	if err != nil {
		return nil, nil // the stop will say it
	}
	c.maps = nil
	for _, tid := range tids {
		if stopped(tid) {
			continue
		}
		o, at, sure := c.lookAt(tid)
		if last, known := c.last[tid]; known && !sure && last.place == at {
			o, sure = last.found, true
		}
		switch {
		case o != nil && sure:
			in = append(in, o)
		case o != nil:
			unclear = append(unclear, tid)
		}
	}
	return in, unclear
}

// lookAt walks the stack of a sleeping thread, of whose registers only two are known. It is sure where the unwind data need no others, or no
// word of the stack leads to replaced code. Of a thread that runs it returns no place.
func (c *checker) lookAt(tid int) (o *occupant, at place, sure bool) {
	w, ok := trace.Asleep(c.process.PID, tid)
	if !ok {
		return nil, place{}, false
	}
	at = place{sp: w.SP, pc: w.PC}
	mem := c.process.Mem()
	stack := c.walker.Walk(mem, unwind.Regs{PC: w.PC, SP: w.SP}, 0)
	if o := c.inFrames(tid, stack.Frames); o != nil {
		return o, at, o.leaves
	}
	if stack.Complete {
		return nil, at, true
	}
	o, at.hits, ok = c.words(mem, tid, stack)
	return o, at, ok && o == nil
}

// words looks at the words of the parts of a stack that could not be unwound.
func (c *checker) words(mem io.ReaderAt, tid int, stack unwind.Stack) (o *occupant, digest uint64, ok bool) {
	h := fnv.New64a()
	for _, from := range append([]uint64{stack.ScanFrom}, stack.ScanMore...) {
		hits, err := c.hits(mem, from)
		if err != nil {
			return nil, 0, false
		}
		for _, hit := range hits {
			_ = binary.Write(h, binary.LittleEndian, [2]uint64{hit.Addr, hit.Value}) // a hash takes everything
			o = &occupant{tid: tid, function: c.code[hit.Range].Function, frames: stack.Frames, guess: true}
		}
	}
	return o, h.Sum64(), true
}

// remember keeps what a stop has shown of threads that slept, for later looks.
func (c *checker) remember(tids []int, in []*occupant) {
	for _, tid := range tids {
		now := seen{}
		if i := slices.IndexFunc(in, func(o *occupant) bool { return o.tid == tid }); i >= 0 {
			now.found = in[i]
		}
		if _, now.place, _ = c.lookAt(tid); now.place != (place{}) {
			c.last[tid] = now
		}
	}
}

// inFrames returns the function to be replaced that a walked stack is in, with the exit from the outermost one; nil if in none.
func (c *checker) inFrames(tid int, frames []unwind.Frame) *occupant {
	first := slices.IndexFunc(frames, func(f unwind.Frame) bool { return c.find(f.At) >= 0 })
	if first < 0 {
		return nil
	}
	o := &occupant{tid: tid, function: c.code[c.find(frames[first].At)].Function, frames: frames}
	for i, f := range frames {
		if c.find(f.At) < 0 || f.Signal {
			continue
		}
		o.leaves = i+1 < len(frames) && frames[i+1].Exact
		if o.leaves {
			o.exit = trace.Exit{TID: tid, PC: frames[i+1].PC, SP: frames[i+1].SP}
		}
	}
	return o
}
