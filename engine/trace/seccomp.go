package trace

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// attachUnfiltered attaches to a thread whose system calls no seccomp filter sees while it is attached. Each thread has filters of its
// own. They are suspended even where there are none yet: another thread may give one to all (SECCOMP_FILTER_FLAG_TSYNC), stopped or not.
// Who may not suspend filters gets a thread without.
func (s *Session) attachUnfiltered(tid int) (*Thread, error) {
	t, err := s.attachWith(tid, seizeOptions|unix.PTRACE_O_SUSPEND_SECCOMP)
	if e := fault.As(err); e == nil || e.Code != fault.Permission && e.Code != fault.Attach {
		return t, err
	}
	if s.filtered(tid) {
		return nil, s.seccompRefused(tid, err)
	}
	t, err = s.Attach(tid)
	if err == nil && s.filtered(tid) { // since we looked
		s.detach(t)
		return nil, s.filterRefused(tid)
	}
	return t, err
}

// AllFiltered reports whether seccomp restricts the system calls of every thread of a process. It does not disturb them.
func AllFiltered(pid int) bool {
	s := Session{PID: pid}
	tids, err := s.unseized()
	return err == nil && len(tids) > 0 && !slices.ContainsFunc(tids, func(tid int) bool { return !s.filtered(tid) })
}

// filtered reports whether seccomp restricts the system calls of a thread.
func (s *Session) filtered(tid int) bool { return statusNumber(s.PID, tid, "Seccomp") != 0 }

// seccompRefused names the cause where the kernel did not let us attach because of a thread's seccomp filter.
func (s *Session) seccompRefused(tid int, err error) error {
	if e := fault.As(err); e == nil || e.Code != fault.Permission || !s.filtered(tid) {
		return err
	}
	return s.filterRefused(tid).WithCause(err)
}

func (s *Session) filterRefused(tid int) *fault.Error {
	return fault.Refuse(fault.Seccomp, fmt.Sprintf("pid %d", s.PID), "thread %d has a seccomp filter, which only root may suspend", tid).
		WithState("process unchanged and running")
}

// restartsUnfiltered suspends the filters of a stopped thread that goes on with a wait by restart_syscall(2), and reports whether it does:
// a filter that has the wait's own call need not have that one, and a mere stop must not end the program. Who may not suspend filters has
// the wait begin anew.
func (s *Session) restartsUnfiltered(t *Thread) bool {
	if s.killed || !t.Stopped || !t.Regs.restartsByCall() || !s.filtered(t.TID) {
		return false
	}
	if err := ptrace(unix.PTRACE_SETOPTIONS, t.TID, 0, seizeOptions|unix.PTRACE_O_SUSPEND_SECCOMP); err != nil {
		t.Regs.beginAnew()
		_ = setRegs(t.TID, &t.Regs) // fails only for a thread that was killed
		return false
	}
	return true
}

// leftRestarting lets such a thread go on, for the end of this OS thread to detach it: filters are suspended only while it is attached.
// A group-stop stays in force.
func (s *Session) leftRestarting(t *Thread) bool {
	if t.group || !s.restartsUnfiltered(t) {
		return false
	}
	t.restarting, t.switches, t.Stopped = true, Slept(s.PID, t.TID), false
	_ = ptrace(unix.PTRACE_CONT, t.TID, 0, 0) // as above
	return true
}

// awaitRestarts waits until the threads of leftRestarting are back in their waits.
func (s *Session) awaitRestarts() {
	_ = s.until(detachTimeout, func() bool { // a thread whose wait was over may not sleep again
		for _, t := range s.threads {
			t.restarting = t.restarting && !t.Stopped && Slept(s.PID, t.TID) == t.switches
			if t.restarting {
				return false
			}
		}
		return true
	})
}
