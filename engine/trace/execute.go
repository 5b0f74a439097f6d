package trace

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
	"gocare/internal/procfs"
)

// Run calls a function without arguments in a thread from AttachForCall, on a stack of ours, and returns what the function returns:
// the function returns to a system call instruction, whose number is then the result.
func (s *Session) Run(t *Thread, function uint64) (result uint64, err error) {
	err = s.onOwnStack(t, func(own *ownStack) error {
		result, err = s.runOnce(t, own, function)
		return err
	})
	return result, err
}

func (s *Session) runOnce(t *Thread, own *ownStack, function uint64) (uint64, error) {
	state, err := getXState(t.TID, xStates...)
	if err != nil {
		return 0, err
	}
	defer setXState(t.TID, state)
	call, err := s.arrange(t, own, function, own.code()+returnRun, nil)
	if err != nil {
		return 0, err
	}
	if err := s.enter(t, call, callTimeout); err != nil {
		return 0, err
	}
	result, at := t.Regs.returned(), t.Regs.PC()
	err = s.toSyscallStop(t, callTimeout)
	if err := errors.Join(err, s.settle(t)); err != nil {
		return 0, err
	}
	if at != own.returned() {
		return 0, fault.Refuse(fault.ResolverFailed, fmt.Sprintf("pid %d", s.PID), "the function at %#x made a system call", function)
	}
	return result, nil
}

// Execute calls a function of the program with up to two arguments in a thread from AttachForCall, on a stack of ours, and waits
// until it has returned. The function may take locks and make system calls: no signal reaches the thread meanwhile, as a handler
// must not find it in the middle. The thread's registers are as before afterwards.
func (s *Session) Execute(t *Thread, function uint64, args ...uint64) error {
	return s.onOwnStack(t, func(own *ownStack) error {
		_, err := s.executeOnce(t, own, execution{function: function, args: args, left: func() time.Duration { return callTimeout }})
		return err
	})
}

// execution is a function to be called, and what it may do.
type execution struct {
	function uint64
	args     []uint64
	left     func() time.Duration         // how long it may take to its next system call, or its end
	watch    func(call *Thread) (ok bool) // asked at the entry of its system calls; nil allows all
	stops    bool                         // it is called off when its time is over
}

func (s *Session) executeOnce(t *Thread, own *ownStack, x execution) (result uint64, err error) {
	state, err := getXState(t.TID, xStates...)
	if err != nil {
		return 0, err
	}
	defer setXState(t.TID, state)
	if err := t.block(); err != nil {
		return 0, err
	}
	call, err := s.arrange(t, own, x.function, own.code()+returnExecute, x.args)
	if err == nil {
		err = s.enter(t, call, x.left())
	}
	if err != nil {
		_ = t.unblock() // fails only for a thread that was killed, or has its mask already
		return 0, err
	}
	for entry := true; !s.returned(t, own); entry = !entry {
		if entry && x.watch != nil && !x.watch(t) {
			return 0, s.callOff(t)
		}
		if err := s.toSyscallStop(t, x.left()); err != nil && x.stops {
			return 0, errors.Join(err, s.settle(t))
		} else if err != nil {
			return 0, s.notReturned(t, own, x.function, err)
		}
		if t.saved == nil { // the function failed
			return 0, s.notReturned(t, own, x.function, nil)
		}
	}
	result = t.Regs.returnedValue()
	err = s.toSyscallStop(t, callTimeout)
	if returnUnblocks {
		t.mask = nil // the code that it returned to gave it back
	}
	return result, errors.Join(err, s.settle(t))
}

// arrange returns registers at the entry of a function that will return to an address in our code, once stack and code are as that
// return needs them.
func (s *Session) arrange(t *Thread, own *ownStack, function, returnTo uint64, args []uint64) (Regs, error) {
	var low vectors
	if frameHoldsVectors {
		var err error
		if low, err = getXState(t.TID, xStates[len(xStates)-1]); err != nil {
			return Regs{}, err
		}
	}
	var mask uint64
	if t.mask != nil {
		mask = *t.mask
	}
	if _, err := s.WriteAt(t.Regs.returnCode(mask), int64(own.code())); err != nil {
		return Regs{}, err
	}
	if _, err := s.WriteAt(t.Regs.ownFrame(returnTo, mask, low.data), int64(own.top())); err != nil {
		return Regs{}, err
	}
	var two [2]uint64
	copy(two[:], args)
	return t.Regs.forFunction(function, own.top(), returnTo, two), nil
}

// returned reports whether a thread has come back from a function to our code, and enters its system call.
func (s *Session) returned(t *Thread, own *ownStack) bool {
	return t.entered && t.Regs.PC() == own.returned() && t.Regs.called() == returnNumber
}

// notReturned says why a function did not come to its end. One that waits for a lock is called off: it holds none. Another may hold
// some: it goes on to its end, and the code that it returns to gives the thread its registers back.
func (s *Session) notReturned(t *Thread, own *ownStack, function uint64, cause error) error {
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
		t.saved, t.mask, own.taken = nil, nil, true
		return e.WithHint("it is slow to return, and goes on: try again later")
	}
	if err := s.settle(t); err != nil {
		return errors.Join(e, err)
	}
	return e.WithHint("it waits for a lock: try again later")
}

// waitsForLock reports whether a thread is in futex(2).
func (s *Session) waitsForLock(tid int) bool {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/syscall", s.PID, tid))
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
