package trace

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spin is how long a wait polls without sleeping: what is stopped meanwhile should not stay so for a timer's sake.
const spin = 200 * time.Microsecond

// errTimeout says that a bounded wait ended.
var errTimeout = fmt.Errorf("no event in time")

// tracees has wait4(2) report on tracees of this OS thread alone: since Linux 4.7 it does on all of them, whatever else is asked for. With
// __WALL it would take children of this OS thread along, and of one that another thread of this program traces, the stop that is waited for there.
const tracees = unix.WCLONE | unix.WNOTHREAD

// until handles events of all tracees until cond holds. It gives up after timeout or when the context ends.
func (s *Session) until(timeout time.Duration, cond func() bool) error {
	start := time.Now()
	for !cond() {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, tracees|unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil && err != unix.ECHILD:
			return fmt.Errorf("wait4: %w", err)
		case tid > 0:
			if err := s.handle(tid, ws); err != nil {
				return err
			}
			continue
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		waited := time.Since(start)
		if waited > timeout {
			return errTimeout
		}
		pause(waited)
	}
	return nil
}

// pause gives the processor away for a time that grows with how long the wait has lasted.
func pause(waited time.Duration) {
	if waited < spin {
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		return
	}
	ts := unix.NsecToTimespec(int64(min(waited/4, time.Millisecond)))
	unix.Nanosleep(&ts, nil) // an early return does no harm
}

// handle takes note of one event. Threads that stop for a signal get it and go on: the stop that was asked for follows.
func (s *Session) handle(tid int, ws unix.WaitStatus) error {
	t := s.threads[tid]
	if ws.Exited() || ws.Signaled() {
		delete(s.threads, tid)
		return nil
	}
	if !ws.Stopped() {
		return nil
	}
	if t == nil { // a new thread of a seized one
		t = &Thread{TID: tid}
		s.threads[tid] = t
	}
	event := int(ws) >> 16
	sig := ws.StopSignal()
	switch {
	case event == unix.PTRACE_EVENT_STOP:
		t.group = sig != unix.SIGTRAP
		return s.stopped(t)
	case event == unix.PTRACE_EVENT_EXEC:
		return s.afterExec(tid)
	case event != 0:
		return s.resume(t, unix.PTRACE_CONT, 0)
	case sig == unix.SIGTRAP|0x80:
		t.entered = true
		return s.stopped(t)
	}
	return s.reinject(t, sig)
}

// stopped records that t has stopped, with its registers.
func (s *Session) stopped(t *Thread) error {
	regs, err := getRegs(t.TID)
	if err != nil {
		return s.gone(t, err)
	}
	if t.asked && t.wait != nil && Slept(s.PID, t.TID) != t.wait.asleep+1 {
		t.wait = nil // that one was over before the stop came; this one has only just begun
	}
	if t.asleep != nil {
		regs.slept(*t.asleep)
	}
	t.Regs, t.Stopped, t.asked, t.asleep = regs, true, false, nil
	return nil
}

// reinject hands a signal on to the thread that stopped for it.
func (s *Session) reinject(t *Thread, sig unix.Signal) error {
	if err := s.stopped(t); err != nil || !t.Stopped {
		return err
	}
	if s.breakpoint != 0 && sig == unix.SIGTRAP && t.Regs.atTrap(s.breakpoint) {
		t.arrived = true
		return s.gone(t, setRegs(t.TID, &t.Regs))
	}
	if ours, err := s.atExit(t, sig); ours {
		return err
	}
	if t.mask != nil && sig == unix.SIGSTOP { // cannot be blocked; the function is not to end here
		return s.resume(t, unix.PTRACE_CONT, sig)
	}
	if t.saved != nil && (slices.Contains(faults, sig) || dispatched(t.TID, sig)) { // code that we ran failed: the program never hears of it
		t.fault, sig = sig, 0
	}
	if t.saved != nil { // it was to make a call for us: the handler must see its own registers, and it must stop again
		if err := s.restore(t); err != nil {
			return err
		}
		if err := ptrace(unix.PTRACE_INTERRUPT, t.TID, 0, 0); err != nil {
			return s.gone(t, err)
		}
	}
	return s.resume(t, unix.PTRACE_CONT, sig)
}

// faults are signals that code gets for what it does itself.
var faults = []unix.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGTRAP}

// dispatched reports whether a signal is there because a thread has its system calls dispatched to a handler of its own: the one that ours was given to.
// While it runs the kernel ends a program for the next.
func dispatched(tid int, sig unix.Signal) bool {
	const codeAt, userDispatch = 8, 2 // siginfo_t, SYS_USER_DISPATCH (include/uapi/asm-generic/siginfo.h)
	var info [128]byte
	return sig == unix.SIGSYS && ptrace(unix.PTRACE_GETSIGINFO, tid, 0, uintptr(unsafe.Pointer(&info))) == nil && info[codeAt] == userDispatch
}

// resume lets a stopped thread go on in a way that hides the stop from its system call.
func (s *Session) resume(t *Thread, request int, sig unix.Signal) error {
	if err := s.fixRestart(t); err != nil {
		return s.gone(t, err)
	}
	s.restartsUnfiltered(t)
	if sig == 0 && request == unix.PTRACE_CONT && t.passes() {
		return nil
	}
	t.Stopped = false
	return s.gone(t, ptrace(request, t.TID, 0, uintptr(sig)))
}

// fixRestart makes a system call that a mere stop ended with EINTR (epoll_wait, semtimedop, sigtimedwait, recv with a
// time-out) start again, or end where its time is over. If a signal with a handler is pending, the kernel still turns the former into EINTR.
func (s *Session) fixRestart(t *Thread) error {
	w := t.wait
	t.wait = nil
	if !t.Stopped || !t.Regs.restart() {
		return nil
	}
	switch number, _ := t.Regs.SystemCall(); {
	case w == nil || int64(number) != w.call:
	case !time.Now().Before(w.end):
		t.Regs.end(timeouts[w.call].result)
	case s.waits != nil:
		w.switches = Slept(s.PID, t.TID)
		s.waits.threads[t.TID] = *w
	}
	return setRegs(t.TID, &t.Regs)
}

// gone turns "no such thread" into nil and forgets the thread: it was killed meanwhile.
func (s *Session) gone(t *Thread, err error) error {
	if err != unix.ESRCH {
		return err
	}
	t.Stopped = false
	return nil
}

func ptrace(request, tid int, addr, data uintptr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
