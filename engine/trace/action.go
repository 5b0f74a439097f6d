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
	var a acted
	err = s.onOwnStack(t, func(own *ownStack) error {
		a = s.act(t, own, function, time.Now().Add(limit))
		return a.err
	})
	switch {
	case a.forbidden != 0:
		return 0, s.actionFailed("made the system call %d, which none may", a.forbidden).WithCause(err)
	case a.fault != 0:
		return 0, s.actionFailed("ended with %s", unix.SignalName(a.fault))
	case a.late:
		return 0, s.actionFailed("has not returned in %s", limit)
	}
	return int32(a.result), err
}

// acted is what became of an action.
type acted struct {
	result    uint64
	forbidden uint64      // the system call before which it was called off, 0 if none
	fault     unix.Signal // that it ended with
	late      bool
	err       error
}

// act calls a function in a stopped thread. One that is not over in time is called off; it is not called again where a signal came between, as
// it may have begun.
func (s *Session) act(t *Thread, own *ownStack, function uint64, deadline time.Time) (a acted) {
	x := execution{function: function, left: func() time.Duration { return time.Until(deadline) }, stops: true}
	x.watch = func(t *Thread) bool {
		if slices.Contains(forbiddenCalls, t.Regs.called()) {
			a.forbidden = t.Regs.called()
		}
		return a.forbidden == 0
	}
	a.result, a.err = s.executeOnce(t, own, x)
	a.fault = t.fault
	switch {
	case a.err == errDisturbed:
		a.err = s.flooded(t)
	case errors.Is(a.err, errTimeout):
		a.late = true
		if t.saved != nil { // it does not stop: the code that it returns to gives the thread its registers back
			t.saved, t.mask, own.taken = nil, nil, true
		}
	}
	return a
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
		case t.Regs.inSyscall() && !t.Regs.restartsByCall():
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
	if best.Regs.restartsByCall() { // what the kernel keeps of its wait may be overwritten: it begins anew
		best.Regs.beginAnew()
		if err := setRegs(best.TID, &best.Regs); err != nil {
			return nil, err
		}
	}
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
	if err := t.Regs.noCall(t.TID); err != nil {
		return err
	}
	return s.settle(t)
}
