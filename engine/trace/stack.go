package trace

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ownStack is memory of ours in the target on which a thread calls a function: what lies below the thread's own stack pointer may be
// data of the program. From its base: a page that nothing may touch, the stack, a page of code to return to.
type ownStack struct {
	base  uint64
	taken bool // a thread was left to run on it
}

// ownStackSize is how many bytes a function may use.
const ownStackSize = 256 << 10

var pageSize = uint64(os.Getpagesize())

// code returns where the code is that functions return to.
func (o *ownStack) code() uint64 { return o.base + pageSize + ownStackSize }

// top returns the stack pointer at a function's entry.
func (o *ownStack) top() uint64 { return o.code() - ownTop }

// returned returns where a thread is that has entered the system call in our code.
func (o *ownStack) returned() uint64 { return o.code() + afterReturn }

// onOwnStack maps a stack in the target by system calls of a thread, lets f use it, again if the thread was disturbed, and unmaps it.
func (s *Session) onOwnStack(t *Thread, f func(*ownStack) error) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	defer s.uninterrupted()()
	own, err := s.mapStack(t)
	if err != nil {
		return fmt.Errorf("a stack for a function: %w", err)
	}
	err = errDisturbed
	for n := 0; n < 16 && err == errDisturbed; n++ {
		err = f(own)
	}
	if err == errDisturbed {
		err = s.flooded(t)
	}
	if !own.taken {
		_, _ = s.Call(t, unix.SYS_MUNMAP, own.base, own.size()) // where that fails the process has ended, or keeps memory that it does not use
	}
	return err
}

func (o *ownStack) size() uint64 { return o.code() + pageSize - o.base }

func (s *Session) mapStack(t *Thread) (*ownStack, error) {
	own := new(ownStack)
	err := s.InARow(t, func() error { return s.mapParts(t, own) })
	if err != nil && own.base != 0 {
		_, _ = s.Call(t, unix.SYS_MUNMAP, own.base, own.size()) // as above
	}
	return own, err
}

func (s *Session) mapParts(t *Thread, own *ownStack) (err error) {
	const private = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	own.base, err = s.Call(t, unix.SYS_MMAP, 0, own.size(), unix.PROT_READ|unix.PROT_WRITE, private|unix.MAP_NORESERVE, ^uint64(0), 0)
	if err == nil {
		_, err = s.Call(t, unix.SYS_MPROTECT, own.base, pageSize, unix.PROT_NONE)
	}
	if err == nil { // a new mapping, never writable: a process may be forbidden to make its memory executable (PR_SET_MDWE)
		_, err = s.Call(t, unix.SYS_MMAP, own.code(), pageSize, unix.PROT_READ|unix.PROT_EXEC, private|unix.MAP_FIXED, ^uint64(0), 0)
	}
	return err
}
