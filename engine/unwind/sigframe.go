package unwind

import (
	"bytes"
	"encoding/binary"
)

// restorer unwinds a frame without CFI whose next instructions are those of a restorer: on return from the handler the
// stack pointer is at the ucontext. It returns otherwise unless this is one.
func (w *Walker) restorer(s *state, f *Frame, otherwise error) error {
	if !w.atRestorer(s.mem, s.regs[w.machine.pc]) {
		return otherwise
	}
	caller := *s
	for i, n := range w.machine.sigcontextRegs {
		v, err := s.mem.u64(f.SP + w.machine.sigcontextAt + uint64(8*i))
		if err != nil {
			return err
		}
		caller.set(n, v)
	}
	*s = caller
	f.At, f.CFA, f.Signal = f.PC, s.regs[w.machine.sp], true
	return nil
}

// atRestorer reports whether the code at pc is a restorer's.
func (w *Walker) atRestorer(mem *memory, pc uint64) bool {
	for _, want := range w.machine.restorers {
		code := make([]byte, len(want))
		if n, _ := mem.r.ReadAt(code, int64(pc)); n == len(code) && bytes.Equal(code, want) {
			return true
		}
	}
	return false
}

const (
	// resumeReach is how far the unknown part of a stack is searched for signal frames, in bytes. A handler that runs on a
	// stack of its own has its signal frame at that stack's top, and such stacks are small; of an ordinary stack what
	// the signal interrupted lies on the same stack, which whoever called scans to its end.
	resumeReach = 1 << 20
	maxResumes  = 64
)

// resume goes on behind the unknown part of a stack. That part may belong to a signal handler on a stack of its own
// (sigaltstack); then the stack that the signal interrupted is elsewhere and no scan from ScanFrom comes to it. So the
// unknown part is searched for return addresses into restorers, and the walk resumed from each. Frames found this way
// may be stale ones that were on the stack before: they make a thread look busy, never idle.
func (w *Walker) resume(stack *Stack, mem *memory, depth int) {
	seen := map[uint64]bool{}
	for pending := []uint64{stack.ScanFrom}; len(pending) > 0; pending = pending[1:] {
		for _, at := range w.signalFrames(mem, pending[0]) {
			if seen[at] || len(seen) == maxResumes {
				continue
			}
			seen[at] = true
			s := &state{machine: w.machine, mem: mem}
			pc, err := mem.u64(at)
			if err != nil {
				continue
			}
			s.set(w.machine.pc, pc&w.machine.address)
			s.set(w.machine.sp, at+8)
			more := w.walk(s, depth)
			for _, f := range more.Frames {
				f.Exact = false
				stack.Frames = append(stack.Frames, f)
			}
			if !more.Complete {
				stack.ScanMore = append(stack.ScanMore, more.ScanFrom)
				pending = append(pending, more.ScanFrom)
			}
		}
	}
}

// signalFrames returns the addresses, from a stack pointer up, of words that are return addresses into restorers.
func (w *Walker) signalFrames(mem *memory, from uint64) []uint64 {
	var found []uint64
	buf := make([]byte, chunkSize)
	for at := (from + 7) &^ 7; at-from < resumeReach; at += chunkSize {
		n, _ := mem.r.ReadAt(buf, int64(at))
		for i := 0; i+8 <= n; i += 8 {
			if w.returnsFromSignal(mem, binary.LittleEndian.Uint64(buf[i:])&w.machine.address) {
				found = append(found, at+uint64(i))
			}
		}
		if n < len(buf) {
			break
		}
	}
	return found
}

func (w *Walker) returnsFromSignal(mem *memory, pc uint64) bool {
	if w.module(pc) == nil {
		return false
	}
	is, known := w.restores[pc]
	if !known {
		r := w.rowFor(pc)
		is = r.err == nil && r.row.signal || r.err != nil && w.atRestorer(mem, pc)
		w.restores[pc] = is
	}
	return is
}
