package trace

import (
	"fmt"

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
