package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

const callTimeout = 2 * time.Second

// maxErrno bounds the errors of system calls: results from -maxErrno to -1 (MAX_ERRNO, include/linux/err.h).
const maxErrno = uint64(4095)

// errDisturbed says that a signal or a stop came before the call had begun; the thread is as it was.
var errDisturbed = errors.New("the thread was disturbed")

// AttachForCall attaches to a thread that can make system calls for us: best one that is blocked in a system call which
// the kernel simply repeats, else one blocked otherwise, else one in user code outside any rseq critical section (whose
// descriptor the kernel would clear behind its back), last one whose time-out would begin anew.
func (s *Session) AttachForCall() (*Thread, error) {
	t, err := s.AttachForCallWhere(func(*Thread) bool { return true })
	if t == nil && err == nil { // all have ended, and whoever started the process has not asked how
		err = s.noThread(s.PID)
	}
	return t, err
}

// AttachForCallWhere attaches to a thread that suits, as AttachForCall does, among those that are not attached yet. It returns
// nil if none suits.
func (s *Session) AttachForCallWhere(suits func(*Thread) bool) (*Thread, error) {
	tids, err := s.unseized()
	if err != nil {
		return nil, err
	}
	rank := map[int]int{}
	for _, tid := range tids {
		rank[tid] = s.callRank(tid)
	}
	slices.SortStableFunc(tids, func(a, b int) int { return rank[a] - rank[b] })
	var failed error
	for _, tid := range tids {
		t, err := s.attachForCall(tid)
		if err == nil {
			if suits(t) {
				return t, nil
			}
			s.detach(t)
			continue
		}
		if e := fault.As(err); e == nil || e.Kind == fault.Environment || e.Code == fault.Traced {
			return nil, err
		}
		failed = s.nextTime(failed, err)
	}
	return nil, failed
}

// nextTime returns that one of two reasons why threads cannot make calls which may be over the next time. Threads that have ended leave others.
func (s *Session) nextTime(before, err error) error {
	if e := fault.As(err); e == nil || e.Code != fault.NoSuchProcess {
		return err
	}
	if before != nil {
		return before
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "its threads end before they can make a system call").WithCause(err)
	e.Code = fault.ThreadDoesNotStop
	return e.WithState("process unchanged and running").WithHint("try again")
}

func (s *Session) attachForCall(tid int) (*Thread, error) {
	t, err := s.attachUnfiltered(tid)
	if err != nil {
		return nil, err
	}
	if s.canCall(t) {
		others, err := tasks(s.PID)
		t.alone = !t.sleeping && err == nil && len(others) == 1 // of several each may end when it is let go
		return t, nil
	}
	s.detach(t)
	return nil, s.inRseq(tid)
}

// canCall reports whether a stopped thread is where it can make calls for us.
func (s *Session) canCall(t *Thread) bool { return t.Regs.inSyscall() || s.outsideRseq(t) }

func (s *Session) inRseq(tid int) error {
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "thread %d is in a restartable sequence", tid)
	e.Code = fault.Rseq
	return e
}

// outsideRseq reports whether a thread stopped in user code is surely in no rseq critical section.
func (s *Session) outsideRseq(t *Thread) bool {
	var config struct {
		pointer                uint64
		size, signature, flags uint32
		_                      uint32
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_RSEQ_CONFIGURATION, uintptr(t.TID),
		unsafe.Sizeof(config), uintptr(unsafe.Pointer(&config)), 0, 0)
	if errno != 0 {
		return false
	}
	if config.pointer == 0 {
		return true
	}
	var section [8]byte // struct rseq, rseq_cs, at offset 8 (include/uapi/linux/rseq.h)
	_, err := s.ReadAt(section[:], int64(config.pointer+8))
	return err == nil && section == [8]byte{}
}

// Call makes a system call in a thread from AttachForCall. The thread's registers are as before afterwards, and the
// system call it was in starts again as if nothing had happened. A negative result is returned as the error.
func (s *Session) Call(t *Thread, nr uint64, args ...uint64) (uint64, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	defer s.uninterrupted()()
	if !t.between() {
		if err := s.settle(t); err != nil { // an earlier call that timed out
			return 0, err
		}
	}
	if t.turns {
		if err := s.turn(t); err != nil {
			return 0, err
		}
	}
	var six [6]uint64
	copy(six[:], args)
	for range 16 {
		result, err := s.callOnce(t, nr, six)
		if errors.Is(err, errTimeout) {
			return 0, s.slow(t, err)
		}
		if err != errDisturbed {
			return result, err
		}
	}
	return 0, s.flooded(t)
}

// InARow lets f make several system calls in a thread, and nothing else: the thread goes from one to the next, and gets its registers back only
// when f returns. Between two calls nothing of the program runs.
func (s *Session) InARow(t *Thread, f func() error) (err error) {
	t.row = true
	defer func() {
		t.row = false
		if t.exited { // else it has its registers already
			defer s.uninterrupted()()
			err = errors.Join(err, s.settle(t))
		}
	}()
	return f()
}

// InTurns lets f make several system calls in a thread from AttachForCall, and nothing else. It makes them in a row; but where it is the only thread, and
// ran, it runs before each, so that it is never held up for longer than one call takes.
func (s *Session) InTurns(t *Thread, f func() error) error {
	if !t.alone {
		return s.InARow(t, f)
	}
	if _, err := s.callSite(t); err != nil { // the first time it takes longer
		return err
	}
	t.turns = true
	defer func() { t.turns = false }()
	return f()
}

// turn lets a thread run for a moment, and stops it again where it can make a call.
func (s *Session) turn(t *Thread) error {
	moment := unix.NsecToTimespec(int64(100 * time.Microsecond))
	for range 100 { // a restartable sequence is a few instructions
		if err := s.GoOn(t); err != nil {
			return err
		}
		unix.Nanosleep(&moment, nil) // an early return does no harm
		t.sleeping = threadState(s.PID, t.TID) != 'R'
		if err := s.stop([]*Thread{t}); err != nil {
			return err
		}
		if !t.Stopped {
			return s.noThread(t.TID)
		}
		if s.canCall(t) {
			return nil
		}
	}
	return s.inRseq(t.TID)
}

// between reports whether a thread has made one of several calls in a row, and is at its exit.
func (t *Thread) between() bool { return t.row && t.exited && t.saved != nil }

// slow says that a system call of ours did not come to its end in time.
func (s *Session) slow(t *Thread, cause error) error {
	e := fault.New(fault.Environment, fmt.Sprintf("pid %d", s.PID), "thread %d does not make a system call in %s (state %c)", t.TID, callTimeout,
		threadState(s.PID, t.TID)).WithCause(cause)
	e.Code = fault.ThreadDoesNotStop
	return e.WithHint("it gets no processor time, or its memory is busy: see whether its control group is frozen or throttled, then try again")
}

// flooded says that a signal came each time before a call could be made.
func (s *Session) flooded(t *Thread) error {
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "thread %d is flooded with signals", t.TID)
	e.Code = fault.Signals
	return e.WithState("process unchanged and running").WithHint("try again")
}

// uninterrupted keeps the end of the context from ending waits until the function it returns is called: a thread with
// registers of ours must get its own back first.
func (s *Session) uninterrupted() (end func()) {
	ctx := s.ctx
	s.ctx = context.WithoutCancel(ctx)
	return func() { s.ctx = ctx }
}

// enter gives a thread other registers and runs it to the entry of a system call.
func (s *Session) enter(t *Thread, regs Regs, timeout time.Duration) error {
	if !t.between() {
		saved := t.Regs.kept()
		t.saved = &saved
	}
	t.fault = 0
	if err := setRegs(t.TID, &regs); err != nil {
		return err
	}
	t.Regs = regs
	if err := s.toSyscallStop(t, timeout); err != nil {
		return errors.Join(err, s.settle(t))
	}
	if t.entered {
		return nil
	}
	if err := s.settle(t); err != nil {
		return err
	}
	if t.fault == unix.SIGSYS {
		return fault.Refuse(fault.Seccomp, fmt.Sprintf("pid %d", s.PID), "thread %d has its system calls dispatched to a handler of its own", t.TID).
			WithState("process unchanged and running").WithHint("try again when the thread has switched that off (PR_SET_SYSCALL_USER_DISPATCH)")
	}
	if t.fault != 0 {
		return fault.Refuse(fault.ResolverFailed, fmt.Sprintf("pid %d", s.PID), "the function at %#x ended with %s", regs.PC(), t.fault)
	}
	return errDisturbed
}

func (s *Session) callOnce(t *Thread, nr uint64, args [6]uint64) (uint64, error) {
	own := &t.Regs
	if t.between() {
		own = t.saved
	} else if pc, err := s.callSite(t); err == nil {
		t.site = pc
	} else {
		return 0, err
	}
	if err := s.enter(t, own.forCall(t.site, nr, args), callTimeout); err != nil {
		return 0, err
	}
	if err := s.toSyscallStop(t, callTimeout); err != nil {
		return 0, errors.Join(err, s.settle(t))
	}
	result := t.Regs.result()
	t.exited = t.entered
	if !t.between() {
		if err := s.settle(t); err != nil {
			return 0, err
		}
	}
	if result > ^maxErrno {
		return 0, unix.Errno(-result)
	}
	return result, nil
}

// toSyscallStop runs the thread to the next entry into, or exit from, a system call. When something else stops it before
// that, t.entered is false.
func (s *Session) toSyscallStop(t *Thread, timeout time.Duration) error {
	t.Stopped, t.entered, t.exited = false, false, false
	if err := ptrace(unix.PTRACE_SYSCALL, t.TID, 0, 0); err != nil {
		return fmt.Errorf("thread %d: system call: %w", t.TID, err)
	}
	err := s.until(timeout, func() bool { return t.Stopped || s.threads[t.TID] == nil })
	if err == nil && !t.Stopped {
		err = s.noThread(t.TID)
	}
	return err
}

// settle brings a thread that makes a call for us to a stop in which the kernel still looks at the interrupted system
// call's result, and gives it its registers back.
func (s *Session) settle(t *Thread) error {
	if t.saved == nil {
		return nil // a signal came, and with it the thread got its registers back
	}
	if t.exited && restoresAtExit && !t.saved.inSyscall() {
		t.entered, t.exited = false, false
		return s.restore(t)
	}
	t.exited = false
	if t.entered || !t.Stopped {
		if err := ptrace(unix.PTRACE_INTERRUPT, t.TID, 0, 0); err != nil {
			return fmt.Errorf("thread %d: interrupt: %w", t.TID, err)
		}
		t.entered = false
		if t.Stopped {
			t.Stopped = false
			if err := ptrace(unix.PTRACE_CONT, t.TID, 0, 0); err != nil {
				return fmt.Errorf("thread %d: continue: %w", t.TID, err)
			}
		}
		if err := s.until(callTimeout, func() bool { return t.Stopped || s.threads[t.TID] == nil }); err != nil {
			return err
		}
	}
	return s.restore(t)
}

// restore gives a thread its registers back, and its signal mask.
func (s *Session) restore(t *Thread) error {
	if err := t.unblock(); err != nil {
		return err
	}
	if t.saved == nil {
		return nil
	}
	if err := setRegs(t.TID, t.saved); err != nil {
		return fmt.Errorf("thread %d: restore registers: %w", t.TID, err)
	}
	t.Regs, t.saved = *t.saved, nil
	return nil
}

// vectors are the floating-point and vector registers of a thread: a register set of the kernel's.
type vectors struct {
	set  uintptr
	data []byte
}

// getXState returns the floating-point and vector registers of a stopped thread: of some register sets, the first that it has.
func getXState(tid int, sets ...uintptr) (v vectors, err error) {
	for _, v.set = range sets {
		buf := make([]byte, 64<<10)
		var n uint64
		if n, err = registerSet(unix.PTRACE_GETREGSET, tid, v.set, buf); err == nil {
			v.data = buf[:n]
			return v, nil
		}
	}
	return v, fmt.Errorf("thread %d: vector registers: %w", tid, err)
}

func setXState(tid int, v vectors) {
	_, _ = registerSet(unix.PTRACE_SETREGSET, tid, v.set, v.data) // fails only for a thread that was killed
}

// registerSet reads or writes a register set of a stopped thread, and returns its size in bytes. The address of what the kernel looks at is
// taken in the call itself: a stack of Go's may move before.
func registerSet(request, tid int, set uintptr, data []byte) (uint64, error) {
	iov := unix.Iovec{Base: &data[0], Len: uint64(len(data))}
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), set, uintptr(unsafe.Pointer(&iov)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return iov.Len, nil
}
