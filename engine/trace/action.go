package trace

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// Act calls a function of a patch, without arguments, while all threads of the process are stopped, in one of them and on a stack of ours,
// and returns its result. It may make system calls, but none that ends a thread or makes another one. When the time is over it is called
// off. The thread is as before afterwards.
func (s *Session) Act(function uint64, limit time.Duration) (result int32, err error) {
	t, err := s.stoppedForCall()
	if err != nil {
		return 0, err
	}
	filtered, err := s.unfilter(t)
	if err != nil {
		return 0, err
	}
	defer filtered()
	deadline := time.Now().Add(limit)
	x := execution{function: function, left: func() time.Duration { return time.Until(deadline) }}
	forbidden := uint64(0)
	x.watch = func(t *Thread) bool {
		if slices.Contains(forbiddenCalls, t.Regs.number()) {
			forbidden = t.Regs.number()
		}
		return forbidden == 0
	}
	var value uint64
	err = s.onOwnStack(t, func(own *ownStack) error {
		if value, err = s.executeOnce(t, own, x); err == errDisturbed { // it may have begun
			return s.flooded(t)
		}
		return err
	})
	switch {
	case forbidden != 0:
		return 0, errors.Join(s.actionFailed("made the system call %d", forbidden), err)
	case t.fault != 0:
		return 0, s.actionFailed("ended with %s", unix.SignalName(t.fault))
	case errors.Is(err, errTimeout) || time.Now().After(deadline):
		return 0, s.actionFailed("has not returned in %s", limit).WithCause(err)
	}
	return int32(value), err
}

func (s *Session) actionFailed(format string, args ...any) *fault.Error {
	return fault.Refuse(fault.ActionFailed, fmt.Sprintf("pid %d", s.PID), format, args...)
}

// stoppedForCall returns a stopped thread that can make calls for us: best one in a system call, else one in user code outside of any rseq critical
// section; one that was led out only if there is no other.
func (s *Session) stoppedForCall() (*Thread, error) {
	var best *Thread
	rank := func(t *Thread) int {
		switch {
		case t.Held():
			return 2
		case t.Regs.inSyscall():
			return 0
		}
		return 1
	}
	for _, t := range s.threads {
		if t.Stopped && (t.Regs.inSyscall() || s.outsideRseq(t)) && (best == nil || rank(t) < rank(best) || rank(t) == rank(best) && t.TID < best.TID) {
			best = t
		}
	}
	if best == nil {
		e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "every thread is in a restartable sequence")
		e.Code = fault.Rseq
		return nil, e
	}
	best.fault = 0
	return best, nil
}

// unfilter suspends the seccomp filters of a stopped thread until the function it returns is called.
func (s *Session) unfilter(t *Thread) (again func(), err error) {
	if s.killed || !s.filtered(t.TID) {
		return func() {}, nil
	}
	if err := ptrace(unix.PTRACE_SETOPTIONS, t.TID, 0, seizeOptions|unix.PTRACE_O_SUSPEND_SECCOMP); err != nil {
		return nil, s.filterRefused(t.TID).WithCause(err)
	}
	return func() { _ = ptrace(unix.PTRACE_SETOPTIONS, t.TID, 0, seizeOptions) }, nil // fails only for a thread that was killed
}

// callOff takes a thread at the entry of a system call out of a function that it runs for us; the call is not made.
func (s *Session) callOff(t *Thread) error {
	t.Regs.noCall()
	if err := setRegs(t.TID, &t.Regs); err != nil {
		return err
	}
	return s.settle(t)
}
