package trace

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ReadAt reads the target's memory at an address.
func (s *Session) ReadAt(p []byte, addr int64) (int, error) {
	f, _, err := s.memory()
	if err != nil {
		return 0, err
	}
	return f.ReadAt(p, addr)
}

// WriteAt writes the target's memory at an address, read-only mappings included. A thread must be stopped.
func (s *Session) WriteAt(p []byte, addr int64) (int, error) {
	f, t, err := s.memory()
	if err != nil {
		return 0, err
	}
	n, err := f.WriteAt(p, addr)
	if err == nil {
		return n, nil
	}
	poked, pokeErr := unix.PtracePokeData(t.TID, uintptr(addr)+uintptr(n), p[n:])
	if pokeErr != nil {
		return n + poked, fmt.Errorf("write %d bytes at %#x: %w", len(p), addr, err)
	}
	return len(p), nil
}

// memory returns the memory of the process by way of a stopped thread: kernels since 6.12 may allow forced writes only to
// the tracer of that very thread.
func (s *Session) memory() (*os.File, *Thread, error) {
	for tid, f := range s.mem {
		if t := s.threads[tid]; t != nil && t.Stopped {
			return f, t, nil
		}
	}
	for _, t := range s.threads {
		if !t.Stopped {
			continue
		}
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/task/%d/mem", s.PID, t.TID), os.O_RDWR, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("open memory: %w", err)
		}
		s.mem[t.TID] = f
		return f, t, nil
	}
	return nil, nil, fmt.Errorf("memory of pid %d: no thread is stopped", s.PID)
}
