package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

const seizeOptions = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD

// Attach seizes one thread and stops it.
func (s *Session) Attach(tid int) (*Thread, error) { return s.attachWith(tid, seizeOptions) }

func (s *Session) attachWith(tid, options int) (*Thread, error) {
	if err := s.seizeWith(tid, options); err != nil {
		return nil, err
	}
	t := s.threads[tid]
	if t == nil {
		return nil, s.noThread(tid)
	}
	t.sleeping = threadState(s.PID, tid) != 'R'
	if err := s.stop([]*Thread{t}); err != nil {
		return nil, err
	}
	if !t.Stopped {
		return nil, s.noThread(tid)
	}
	return t, nil
}

// StopOne seizes a thread, unless it is, and stops it. One that has ended meanwhile is not attached then.
func (s *Session) StopOne(tid int) error {
	if s.threads[tid] == nil {
		if err := s.seize(tid); err != nil {
			return err
		}
	}
	if t := s.threads[tid]; t != nil {
		t.sleeping = true
		return s.stop([]*Thread{t})
	}
	return nil
}

// Pause seizes a thread that runs, unless it is, and stops it; nil if it does not run.
func (s *Session) Pause(tid int) (*Thread, error) {
	if threadState(s.PID, tid) != 'R' {
		return nil, nil
	}
	if s.threads[tid] == nil {
		if err := s.seize(tid); err != nil {
			return nil, err
		}
	}
	t := s.threads[tid]
	if t == nil {
		return nil, nil // it has ended
	}
	if err := s.stop([]*Thread{t}); err != nil || !t.Stopped {
		return nil, err
	}
	return t, nil
}

// Seize seizes every thread, without stopping any, until the list is stable.
func (s *Session) Seize() error {
	for {
		fresh, err := s.unseized()
		if err != nil {
			return err
		}
		for _, tid := range fresh {
			if err := s.seize(tid); err != nil {
				return err
			}
		}
		if err := s.until(0, s.noEvent()); err != nil && err != errTimeout {
			return err
		}
		if len(fresh) == 0 {
			break
		}
	}
	if len(s.threads) == 0 {
		return s.noThread(s.PID)
	}
	return nil
}

// noEvent returns a condition that never holds: until then handles the events that are there and ends.
func (s *Session) noEvent() func() bool { return func() bool { return false } }

// StopSleepers stops the threads that sleep now. They need no processor and do not mind a longer stop.
func (s *Session) StopSleepers() error {
	var list []*Thread
	for _, t := range s.threads {
		if !t.Stopped && threadState(s.PID, t.TID) != 'R' {
			t.sleeping = true
			list = append(list, t)
		}
	}
	return s.stop(list)
}

// StopAll stops every thread that is not stopped yet, those created meanwhile included.
func (s *Session) StopAll() error {
	for {
		if err := s.stop(s.Threads()); err != nil {
			return err
		}
		fresh, err := s.unseized()
		if err != nil {
			return err
		}
		if len(fresh) == 0 && !slices.ContainsFunc(s.Threads(), func(t *Thread) bool { return !t.Stopped }) {
			return nil
		}
		for _, tid := range fresh {
			if err := s.seize(tid); err != nil {
				return err
			}
		}
	}
}

// stop interrupts the threads of a list that run and waits until each is stopped or gone.
func (s *Session) stop(list []*Thread) error {
	for _, t := range list {
		s.lookBefore(t)
		if t.Stopped || !t.sleeping || s.waits == nil {
			continue
		}
		if w, ok := s.waits.note(t.TID); ok {
			t.wait = &w
		}
	}
	for _, t := range list {
		if t.Stopped {
			continue
		}
		if t.wait != nil && !StillAsleep(s.PID, t.TID, t.wait.asleep) { // to look at many threads takes its time
			t.wait = nil
		}
		if err := s.gone(t, ptrace(unix.PTRACE_INTERRUPT, t.TID, 0, 0)); err != nil {
			return fmt.Errorf("thread %d: interrupt: %w", t.TID, err)
		}
		t.asked = true
	}
	left := list
	err := s.until(stopTimeout, func() bool {
		for len(left) > 0 && (left[0].Stopped || s.threads[left[0].TID] == nil) {
			left = left[1:]
		}
		return len(left) == 0
	})
	if err == errTimeout {
		return s.doesNotStop(left[0])
	}
	return err
}

// lookBefore takes note of where a thread sleeps that is about to be stopped, where its registers will not say.
func (s *Session) lookBefore(t *Thread) {
	if !looksBefore || t.Stopped {
		return
	}
	t.asleep = nil
	if w, ok := Asleep(s.PID, t.TID); ok {
		t.asleep = &w
	}
}

func (s *Session) doesNotStop(t *Thread) error {
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", s.PID), "thread %d does not stop (state %c)", t.TID, threadState(s.PID, t.TID))
	e.Code = fault.ThreadDoesNotStop
	return e.WithHint("it is in an uninterruptible system call, such as vfork or input/output, or its control group is frozen; try again later")
}

// DetachRunning lets the threads go that did not sleep when they were stopped.
func (s *Session) DetachRunning() {
	for _, t := range s.threads {
		if t.Stopped && !t.sleeping {
			s.detach(t)
		}
	}
}

// Detach lets every thread go, those that ran before the sleepers. One that runs and has nothing of ours is left to the end of this OS thread, by which
// the kernel detaches it: to stop it for that would end its wait.
func (s *Session) Detach() {
	s.DetachRunning()
	for _, t := range s.threads {
		if t.Stopped {
			s.detach(t)
		}
	}
	s.awaitRestarts()
	for _, t := range s.threads {
		switch {
		case !s.killed && !t.asked && t.saved == nil && t.mask == nil:
			delete(s.threads, t.TID)
		case !t.asked:
			_ = ptrace(unix.PTRACE_INTERRUPT, t.TID, 0, 0) // gone: its end is reported below
		}
	}
	deadline := time.Now().Add(detachTimeout)
	for len(s.threads) > 0 && time.Now().Before(deadline) {
		err := s.until(time.Until(deadline), func() bool { return s.anyStopped() || len(s.threads) == 0 })
		for _, t := range s.threads {
			if t.Stopped {
				s.detach(t)
			}
		}
		if err != nil {
			return // the end of this OS thread detaches the rest
		}
	}
}

func (s *Session) anyStopped() bool {
	for _, t := range s.threads {
		if t.Stopped {
			return true
		}
	}
	return false
}

// detach lets a stopped thread go. A group-stop in force stays in force.
func (s *Session) detach(t *Thread) {
	_ = s.restore(t)    // nothing to do unless a call for us did not come to its end
	_ = s.fixRestart(t) // fails only for a thread that was killed
	if s.leftRestarting(t) || t.passes() {
		return // the end of this OS thread detaches it
	}
	_ = ptrace(unix.PTRACE_DETACH, t.TID, 0, 0)
	delete(s.threads, t.TID)
	if f := s.mem[t.TID]; f != nil {
		_ = f.Close()
		delete(s.mem, t.TID)
	}
}

func (s *Session) seize(tid int) error { return s.seizeWith(tid, seizeOptions) }

func (s *Session) seizeWith(tid, options int) error {
	err := ptrace(unix.PTRACE_SEIZE, tid, 0, uintptr(options))
	switch {
	case err == nil:
		s.threads[tid] = &Thread{TID: tid}
	case err == unix.ESRCH:
	case err == unix.EPERM && threadState(s.PID, tid) == 'Z':
	case err == unix.EPERM && tracer(s.PID, tid) == unix.Gettid(): // a new thread of a seized one: its stop is on the way
		s.threads[tid] = &Thread{TID: tid}
	default:
		return s.cannotAttach(tid, err)
	}
	return nil
}

// unseized lists the threads that are not seized, without those that have ended.
func (s *Session) unseized() ([]int, error) {
	tids, err := tasks(s.PID)
	if err != nil {
		return nil, s.noThread(s.PID)
	}
	return slices.DeleteFunc(tids, func(tid int) bool {
		return s.threads[tid] != nil || threadState(s.PID, tid) == 'Z'
	}), nil
}

func tasks(pid int) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}
