package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	call, err := s.arrange(t, pc, function, args)
	if err == nil {
		err = s.enter(t, call)
	}
	if err != nil {
		_ = t.unblock() // fails only for a thread that was killed, or has its mask already
		return err
	}
	for !s.returned(t, pc) {
		if err := s.toSyscallStop(t); err != nil {
			return s.notReturned(t, function, err)
		}
		if t.saved == nil { // the function failed
			return s.notReturned(t, function, nil)
		}
	}
	err = s.toSyscallStop(t)
	t.mask = nil // the trampoline gave it back
	return errors.Join(err, s.settle(t))
}

// arrange returns registers at the entry of a function, once the stack and the signal mask are as its return needs them.
func (s *Session) arrange(t *Thread, pc, function uint64, args []uint64) (Regs, error) {
	var two [2]uint64
	copy(two[:], args)
	call := t.Regs.forFunction(function).withArguments(two[0], two[1])
	if err := t.block(); err != nil {
		return Regs{}, err
	}
	if _, err := s.WriteAt(binary.LittleEndian.AppendUint64(nil, *t.mask), int64(t.Regs.frame()+frameSize)); err != nil {
		return Regs{}, err
	}
	_, err := s.WriteAt(binary.LittleEndian.AppendUint64(nil, pc-trampolineCall), int64(call.SP()))
	return call, err
}

// returned reports whether a thread has come back from a function to the trampoline, and enters its system call.
func (s *Session) returned(t *Thread, pc uint64) bool {
	return t.entered && t.Regs.PC() == pc+uint64(len(syscallInsn)) && t.Regs.number() == unix.SYS_RT_SIGPROCMASK
}

// notReturned says why a function did not come to its end. One that waits for a lock is called off: it holds none. Another may hold
// some: it goes on to its end, and the trampoline gives the thread its registers back.
func (s *Session) notReturned(t *Thread, function uint64, cause error) error {
	where := fmt.Sprintf("pid %d", s.PID)
	if t.fault != 0 {
		return fault.Refuse(fault.ResolverFailed, where, "the function at %#x ended with %s", function, t.fault)
	}
	if t.saved == nil {
		return s.flooded(t)
	}
	if cause != errTimeout {
		return errors.Join(cause, s.settle(t))
	}
	e := fault.New(fault.Busy, where, "the function at %#x does not return in thread %d", function, t.TID)
	e.Code = fault.ThreadDoesNotStop
	if !s.waitsForLock(t.TID) {
		t.saved, t.mask, s.keepCave = nil, nil, true
		return e.WithHint("it is slow to return, and goes on: try again later")
	}
	if err := s.settle(t); err != nil {
		return errors.Join(e, err)
	}
	return e.WithHint("it waits for a lock: try again later")
}

// waitsForLock reports whether a thread is in futex(2).
func (s *Session) waitsForLock(tid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", s.PID, tid))
	number, _, _ := strings.Cut(string(text), " ")
	return err == nil && number == strconv.Itoa(unix.SYS_FUTEX)
}

// block keeps signals from a stopped thread until unblock. Those for what code does itself come to us: the kernel would
// take the program's handlers of blocked ones away.
func (t *Thread) block() error {
	var own uint64 // the kernel's sigset_t
	if err := signalMask(unix.PTRACE_GETSIGMASK, t.TID, &own); err != nil {
		return err
	}
	all := ^uint64(0)
	for _, sig := range faults {
		all &^= 1 << (sig - 1)
	}
	if err := signalMask(unix.PTRACE_SETSIGMASK, t.TID, &all); err != nil {
		return err
	}
	t.mask = &own
	return nil
}

// unblock gives a stopped thread its signal mask back.
func (t *Thread) unblock() error {
	if t.mask == nil {
		return nil
	}
	own := *t.mask
	t.mask = nil
	return signalMask(unix.PTRACE_SETSIGMASK, t.TID, &own)
}

func signalMask(request, tid int, mask *uint64) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), unsafe.Sizeof(*mask), uintptr(unsafe.Pointer(mask)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("thread %d: signal mask: %w", tid, errno)
	}
	return nil
}
