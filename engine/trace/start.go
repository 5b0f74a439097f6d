package trace

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// startOptions are those for a process that is still to become the program that is asked for: it must not outlive us half made.
const startOptions = seizeOptions | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

// AwaitExec seizes a thread, calls ready, and waits until the thread has executed another program, before whose first
// instruction the process then is stopped. Should this program end before the session does, the process is killed.
func (s *Session) AwaitExec(tid int, ready func() error) error {
	s.killed = true
	options := startOptions
	if s.filtered(tid) {
		options |= unix.PTRACE_O_SUSPEND_SECCOMP
	}
	if err := s.seizeWith(tid, options); err != nil {
		return s.seccompRefused(tid, err)
	}
	if s.threads[tid] == nil {
		return s.noThread(s.PID)
	}
	if err := ready(); err != nil {
		return err
	}
	_, err := s.untilEvent(func(t *Thread) bool { return t.execed })
	return err
}

// RunTo lets the process run until a thread reaches an address, and stops every thread then. The address is asked for
// again whenever the process executes another program on the way.
func (s *Session) RunTo(address func() (uint64, error)) (*Thread, error) {
	for {
		t, err := s.runTo(address)
		if t != nil || err != nil {
			return t, err
		}
	}
}

func (s *Session) runTo(address func() (uint64, error)) (*Thread, error) {
	at, err := address()
	if err != nil {
		return nil, err
	}
	old := make([]byte, len(trapInsn))
	if _, err := s.ReadAt(old, int64(at)); err != nil {
		return nil, fmt.Errorf("entry point: %w", err)
	}
	if _, err := s.WriteAt(trapInsn, int64(at)); err != nil {
		return nil, fmt.Errorf("entry point: %w", err)
	}
	s.breakpoint = at
	t, err := s.untilEvent(func(t *Thread) bool { return t.arrived || t.execed })
	s.breakpoint = 0
	if err != nil || t.execed {
		return nil, err
	}
	if err := s.StopAll(); err != nil {
		return nil, err
	}
	if _, err := s.WriteAt(old, int64(at)); err != nil {
		return nil, fmt.Errorf("entry point: %w", err)
	}
	return t, nil
}

// untilEvent lets every stopped thread run until what is waited for has happened to one of them, however long that takes.
// A group-stop stays in force meanwhile.
func (s *Session) untilEvent(happened func(*Thread) bool) (*Thread, error) {
	for _, t := range s.threads {
		t.execed, t.arrived = false, false
	}
	for {
		for _, t := range s.Threads() {
			if t.Stopped && happened(t) {
				return t, nil
			}
			if err := s.GoOn(t); err != nil {
				return nil, err
			}
		}
		err := s.until(time.Hour, func() bool { return s.anyStopped() || len(s.threads) == 0 })
		if err != nil && err != errTimeout {
			return nil, err
		}
		if len(s.threads) == 0 {
			return nil, s.noThread(s.PID)
		}
	}
}

// GoOn lets a stopped thread run, or wait for the end of a group-stop.
func (s *Session) GoOn(t *Thread) error {
	switch {
	case !t.Stopped:
		return nil
	case t.group:
		t.Stopped = false
		return s.gone(t, ptrace(unix.PTRACE_LISTEN, t.TID, 0, 0))
	}
	return s.resume(t, unix.PTRACE_CONT, 0)
}

// afterExec records that a process has become another program: of its threads only one is left, under the process' number.
func (s *Session) afterExec(tid int) error {
	t := s.threads[tid]
	if t == nil {
		t = &Thread{TID: tid}
	}
	clear(s.threads)
	s.closeMemory()
	s.threads[tid] = t
	t.execed = true
	return s.stopped(t)
}

// LetOthersRun lets every thread but one run for a time and stops them again.
func (s *Session) LetOthersRun(but *Thread, d time.Duration) error {
	for _, t := range s.Threads() {
		if t == but {
			continue
		}
		if err := s.GoOn(t); err != nil {
			return err
		}
	}
	if err := s.until(d, s.noEvent()); err != nil && err != errTimeout {
		return err
	}
	return s.StopAll()
}

// End makes the process exit with a status, by a call of a stopped thread of its own, or else kills it. The changes made to
// it are not undone.
func (s *Session) End(status int) {
	s.Keep()
	defer s.uninterrupted()()
	for _, t := range s.Threads() {
		if !t.Stopped {
			continue
		}
		_, err := s.Call(t, unix.SYS_EXIT_GROUP, uint64(status))
		if e := fault.As(err); e != nil && e.Code == fault.NoSuchProcess {
			return
		}
		break
	}
	_ = unix.Kill(s.PID, unix.SIGKILL) // fails only when it has ended
}
