package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// Execute calls a function of the program with up to two arguments in a thread from AttachForCall, on its stack beyond
// the red zone, and waits until it has returned. The function may take locks and make system calls: no signal reaches the
// thread meanwhile, as a handler must not find it in the middle. The thread's registers are as before afterwards.
func (s *Session) Execute(t *Thread, function uint64, args ...uint64) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	defer s.uninterrupted()()
	pc, err := s.cave()
	if err != nil {
		return err
	}
	if s.trampoline == 0 && !s.ownTrampoline(pc) {
		return fault.Refuse(fault.NoSyscallInstruction, fmt.Sprintf("pid %d", s.PID), "no room for code that a function could return to")
	}
	unblock, err := blockSignals(t.TID)
	if err != nil {
		return err
	}
	defer unblock()
	for range 16 {
		if err = s.executeOnce(t, pc, function, args); err != errDisturbed {
			return err
		}
	}
	return s.flooded(t)
}

// ownTrampoline reports whether the trampoline lies around the instruction at pc: a run that was killed left it.
func (s *Session) ownTrampoline(pc uint64) bool {
	have := make([]byte, len(trampoline))
	_, err := s.ReadAt(have, int64(pc-trampolineCall))
	return err == nil && string(have) == string(trampoline)
}

func (s *Session) executeOnce(t *Thread, pc, function uint64, args []uint64) error {
	state, err := getXState(t.TID)
	if err != nil {
		return err
	}
	defer setXState(t.TID, state)
	var two [2]uint64
	copy(two[:], args)
	call := t.Regs.forFunction(function).withArguments(two[0], two[1])
	if _, err := s.WriteAt(binary.LittleEndian.AppendUint64(nil, pc-trampolineCall), int64(call.SP())); err != nil {
		return err
	}
	if err := s.enter(t, call); err != nil {
		return err
	}
	for !s.returned(t, pc) {
		if err := s.toSyscallStop(t); err != nil {
			return errors.Join(s.notReturned(t, function, err), s.settle(t))
		}
		if t.saved == nil { // the function failed
			return s.notReturned(t, function, nil)
		}
	}
	err = s.toSyscallStop(t)
	return errors.Join(err, s.settle(t))
}

// returned reports whether a thread has come back from a function to the trampoline, and enters its system call.
func (s *Session) returned(t *Thread, pc uint64) bool {
	return t.entered && t.Regs.PC() == pc+uint64(len(syscallInsn)) && t.Regs.number() == unix.SYS_GETPID
}

// notReturned says why a function did not come to its end. One that waits for a lock is let go: it holds nothing.
func (s *Session) notReturned(t *Thread, function uint64, cause error) error {
	if t.fault != 0 {
		return fault.Refuse(fault.ResolverFailed, fmt.Sprintf("pid %d", s.PID), "the function at %#x ended with %s", function, t.fault)
	}
	if cause != errTimeout {
		return cause
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "the function at %#x does not return in thread %d", function, t.TID)
	e.Code = fault.ThreadDoesNotStop
	return e.WithHint("it waits for a lock: try again later")
}

// blockSignals keeps signals from a stopped thread until the function it returns is called.
func blockSignals(tid int) (unblock func(), err error) {
	var own uint64 // the kernel's sigset_t
	all := ^uint64(0)
	set := func(request int, mask *uint64) error {
		_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), unsafe.Sizeof(*mask), uintptr(unsafe.Pointer(mask)), 0, 0)
		if errno != 0 {
			return fmt.Errorf("thread %d: signal mask: %w", tid, errno)
		}
		return nil
	}
	if err := set(unix.PTRACE_GETSIGMASK, &own); err != nil {
		return nil, err
	}
	if err := set(unix.PTRACE_SETSIGMASK, &all); err != nil {
		return nil, err
	}
	return func() { _ = set(unix.PTRACE_SETSIGMASK, &own) }, nil // fails only for a thread that was killed
}
