package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// Options are what a caller decides about applying and removing.
type Options struct {
	Wait     time.Duration                                   // how long to wait for a busy process; 0 tries once
	Progress func(string, ...any)                            // told what goes on; may be nil
	Mix      bool                                            // let suspended coroutines go on in old code and call new code from there
	Guard    func(j *Journal, lock *os.File) (*Watch, error) // has another program watch a commit; nil if none shall
	Unmap    bool                                            // unmap the regions of removed patches; whatever still points there then crashes
	step     func(string) error                              // tests: told each step before it is made, may make it fail
}

func (o *Options) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(format, args...)
	}
}

func (o *Options) before(step string) error {
	if o.step == nil {
		return nil
	}
	return o.step(step)
}

// change is what a commit does: writes, while no thread executes any of the code.
type change struct {
	process *inspect.Process
	writes  []Write
	first   []Write // those of writes that no earlier one overlaps: what must be there before any is made
	code    []Code
	back    []Code // that no thread may execute when the writes are undone
}

func newChange(p *inspect.Process, writes []Write, code, back []Code) *change {
	c := &change{process: p, writes: writes, code: code, back: back}
	mem := newShadow(nil)
	for _, w := range writes {
		if !mem.touched(w.Addr, len(w.Old)) {
			c.first = append(c.first, w)
		}
		mem.write(w.Addr, w.New)
	}
	return c
}

// commit makes a change, again and again until the wait is over while threads are in the way. The target runs between.
func (c *change) commit(ctx context.Context, opt Options) (Timing, error) {
	check := newChecker(c.process, c.code)
	if opt.Mix {
		check.suspended = nil
	}
	var timing Timing
	attempt := func() (busy, err error) {
		o, err := c.attempt(ctx, check, opt, &timing)
		if o != nil {
			err = check.busy(o)
		}
		if retryable(err) {
			return err, nil
		}
		return nil, err
	}
	between := func(d time.Duration, busy error) error {
		opt.progress("attempt %d: %v", timing.Attempts, busy)
		return pause(ctx, d)
	}
	err := timing.retry(opt.Wait, attempt, between)
	return timing, err
}

// betweenAttempts says what was in the way and lets time pass.
func (o *Options) betweenAttempts(ctx context.Context) func(time.Duration, error) error {
	return func(d time.Duration, busy error) error {
		o.progress("%v", busy)
		return pause(ctx, d)
	}
}

// pause lets time pass, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// attempt stops the process, checks and writes. Sleeping threads are stopped and looked at before the others, which are
// held only for their own check and the writes.
func (c *change) attempt(ctx context.Context, check *checker, opt Options, timing *Timing) (o *occupant, err error) {
	if err := alone(c.process); err != nil {
		return nil, err
	}
	if err := check.begin(); err != nil {
		return nil, err
	}
	err = trace.Do(ctx, c.process.PID, func(s *trace.Session) error {
		if err := s.Seize(); err != nil {
			return err
		}
		if err := s.StopSleepers(); err != nil {
			return err
		}
		if !c.process.Alive() { // seized now: the PID cannot be another's from here on
			return fault.Refuse(fault.NoSuchProcess, fmt.Sprintf("pid %d", c.process.PID), "has ended")
		}
		seen := map[int]bool{}
		if o, err = checkStopped(check, s, seen); o != nil || err != nil {
			return err
		}
		start := time.Now()
		if err := s.StopAll(); err != nil {
			return err
		}
		if o, err = checkStopped(check, s, seen); o != nil || err != nil {
			return err
		}
		if o, err = check.end(s); o != nil || err != nil {
			return err
		}
		if err := c.write(s, opt); err != nil {
			return err
		}
		s.Keep()
		s.DetachRunning()
		timing.Freeze = time.Since(start)
		s.Detach()
		return nil
	})
	return o, err
}

// alone reports a process outside of the thread group that runs in the same memory.
func alone(p *inspect.Process) error {
	other := trace.SharesMemory(p.PID, p.Live)
	if other == 0 {
		return nil
	}
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", p.PID), "process %d runs in the same memory (vfork or CLONE_VM)", other)
	e.Code = fault.SharedMemory
	return e.WithState("process unchanged and running").WithHint("try again when that process has ended or executed another program")
}

// checkStopped checks the threads that are stopped and were not checked before.
func checkStopped(check *checker, s *trace.Session, seen map[int]bool) (*occupant, error) {
	for _, t := range s.Threads() {
		if !t.Stopped || seen[t.TID] {
			continue
		}
		seen[t.TID] = true
		if o, err := check.check(s, t); o != nil || err != nil {
			return o, err
		}
	}
	return nil, nil
}

// write makes the writes after a check that everything still is as it was planned. If one fails, those before are undone.
func (c *change) write(s *trace.Session, opt Options) error {
	for _, w := range c.first {
		have := make([]byte, len(w.Old))
		if _, err := s.ReadAt(have, int64(w.Addr)); err != nil || !bytes.Equal(have, w.Old) {
			return fault.Refuse(fault.ChangedMeanwhile, fmt.Sprintf("pid %d", c.process.PID),
				"%s at %#x: memory holds %x, planned with %x", w.What, uint64(w.Addr), have, w.Old).
				WithCause(err).WithState("process unchanged and running")
		}
	}
	for _, w := range c.writes {
		s.Undo(func() error { _, err := s.WriteAt(w.Old, int64(w.Addr)); return err })
		if err := opt.before(w.What); err != nil {
			return err
		}
		if _, err := s.WriteAt(w.New, int64(w.Addr)); err != nil {
			return fmt.Errorf("%s: %w", w.What, err)
		}
	}
	return nil
}

// interrupted makes the end of the context an error that says what it left behind.
func interrupted(pid int, err error) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Refuse(fault.Interrupted, fmt.Sprintf("pid %d", pid), "interrupted").
		WithCause(err).WithState("process unchanged and running")
}
