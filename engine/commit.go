package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// Options are what a caller decides about applying and removing.
type Options struct {
	Wait     time.Duration                                   // how long to wait for a busy process; 0 tries once
	Hold     time.Duration                                   // how long threads that were led out of functions may be held; 0 leads none out
	Progress func(string, ...any)                            // told what goes on; may be nil
	Guard    func(j *Journal, lock *os.File) (*Watch, error) // has another program watch a commit; nil if none shall
	Keep     func(pid int, start uint64) error               // has another program run KeepTime on a process; nil if none shall
	Alive    func()                                          // told now and then while time passes; may be nil
	Mix      bool                                            // let suspended coroutines go on in old code and call new code from there
	Unmap    bool                                            // unmap the regions of removed patches; whatever still points there then crashes
	waits    *trace.Waits                                    // that stops disturb
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
	first   []Write // what must be there before any is made
	same    *trace.Comparison
	code    []Code
	back    []Code // that no thread may execute when the writes are undone
	inside  []Code // of both that what far hooks overwrite, and lies behind their first instruction
	actions actions
	marks   []mark
	acting  func() // called before the first action; nil if nobody wants to know
	leader  leader
}

func newChange(p *inspect.Process, writes []Write, code, back []Code) *change {
	c := &change{process: p, writes: combined(p, writes), code: code, back: back}
	c.first = before(c.writes)
	c.same = comparison(c.first)
	return c
}

// checker returns one for the code that no thread may execute.
func (c *change) checker(opt Options) *checker {
	if opt.Mix {
		return newThreadChecker(c.process, c.code)
	}
	check := newChecker(c.process, c.code)
	if check.suspended != nil {
		check.suspended.alive = opt.Alive
	}
	return check
}

// commit makes a change, again and again until the wait is over while threads are in the way. The target runs between.
func (c *change) commit(ctx context.Context, opt Options) (Timing, error) {
	check := c.checker(opt)
	c.leader = leader{hold: opt.Hold, returned: map[int]int{}}
	var timing Timing
	attempt := func() (busy, err error) {
		o, err := c.attempt(ctx, check, opt, &timing)
		if o != nil {
			err = check.busy(o, c.leader.story(o, &timing))
		}
		if err != nil {
			opt.progress("attempt %d: %s: %v", timing.Attempts, &timing, err)
		}
		if retryable(err) {
			return err, nil
		}
		return nil, err
	}
	between := func(d time.Duration, busy error) error {
		return opt.pause(ctx, max(d, c.leader.rest))
	}
	err := timing.retry(opt.Wait, attempt, between)
	return timing, err
}

// betweenAttempts says what was in the way and lets time pass.
func (o *Options) betweenAttempts(ctx context.Context) func(time.Duration, error) error {
	return func(d time.Duration, busy error) error {
		o.progress("%v", busy)
		return o.pause(ctx, d)
	}
}

// pause lets time pass, unless the context ends. Waits that were disturbed end in time meanwhile.
func (o *Options) pause(ctx context.Context, d time.Duration) error {
	if o.waits == nil { // nothing was stopped yet
		return trace.NewWaits(0, o.Alive).Pass(ctx, d)
	}
	o.waits.Settle(ctx)
	return o.waits.Pass(ctx, d)
}

// attempt looks, leads threads out of the way, stops the process, checks and writes. Who sleeps elsewhere is not disturbed before all others
// are out.
func (c *change) attempt(ctx context.Context, check *checker, opt Options, timing *Timing) (o *occupant, err error) {
	if opt.waits.Disturbed() {
		if in, _ := check.ahead(func(int) bool { return false }); len(in) > 0 { // it may take long
			opt.waits.Settle(ctx)
		}
	}
	err = opt.waits.Do(ctx, func(s *trace.Session) error {
		for {
			in, unclear := check.ahead(s.Stopped)
			if len(in) == 0 {
				in, err = c.stopAlone(s, check, opt, timing, unclear)
			}
			if len(in) == 0 || err != nil {
				return err
			}
			if o, err = c.lead(s, in, opt, timing); o != nil || err != nil {
				c.leader.rest = 4 * timing.held(s.FirstHeld())
				return err
			}
		}
	})
	return o, err
}

// stopAlone looks for what a stop of the process does not show, and stops it.
func (c *change) stopAlone(s *trace.Session, check *checker, opt Options, timing *Timing, unclear []int) ([]*occupant, error) {
	if err := alone(c.process); err != nil {
		return nil, err
	}
	defer check.unwatch()
	if in, err := check.watch(s, timing); len(in) > 0 || err != nil {
		return in, err
	}
	if err := check.begin(); err != nil {
		return nil, err
	}
	return c.stop(s, check, opt, timing, unclear)
}

// stop stops the process, checks and writes; it returns the threads that are in the way. Of sleeping threads those are stopped first of which only
// that can tell; running ones are held only for their own check and the writes.
func (c *change) stop(s *trace.Session, check *checker, opt Options, timing *Timing, unclear []int) (in []*occupant, err error) {
	seen := map[int]bool{}
	check.threads = nil
	for _, tid := range unclear {
		if err := s.StopOne(tid); err != nil {
			return nil, err
		}
	}
	in, err = checkStopped(check, s, seen)
	check.remember(unclear, in)
	if len(in) > 0 || err != nil {
		return in, err
	}
	if err := s.Seize(); err != nil {
		return nil, err
	}
	if err := s.StopSleepers(); err != nil {
		return nil, err
	}
	if !c.process.Alive() { // seized now: the PID cannot be another's from here on
		return nil, fault.Refuse(fault.NoSuchProcess, fmt.Sprintf("pid %d", c.process.PID), "has ended")
	}
	if in, err := checkStopped(check, s, seen); len(in) > 0 || err != nil {
		return in, err
	}
	check.beginAgain(s)
	defer trace.Hurry()()
	start := time.Now()
	if err := s.StopAll(); err != nil {
		return nil, err
	}
	in, err = c.finish(s, check, opt, seen)
	if len(in) > 0 || err != nil {
		timing.Freeze = max(timing.Freeze, time.Since(start))
		return in, err
	}
	timing.held(s.FirstHeld())
	s.Keep()
	s.DetachRunning()
	timing.Freeze = max(timing.Freeze, time.Since(start))
	s.Detach()
	return nil, nil
}

// finish checks the threads that are not checked yet and what no thread runs on, and writes, when all threads are stopped.
func (c *change) finish(s *trace.Session, check *checker, opt Options, seen map[int]bool) ([]*occupant, error) {
	if in, err := checkStopped(check, s, seen); len(in) > 0 || err != nil {
		return in, err
	}
	if o, err := check.end(s); err != nil {
		return nil, err
	} else if o != nil {
		return []*occupant{o}, nil
	}
	return nil, c.write(s, opt)
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

// checkStopped checks the threads that are stopped and were not checked before. It returns those in the way.
func checkStopped(check *checker, s *trace.Session, seen map[int]bool) (in []*occupant, err error) {
	check.maps = nil
	for _, t := range s.Threads() {
		if !t.Stopped || seen[t.TID] {
			continue
		}
		seen[t.TID] = true
		o, err := check.check(s, t)
		if err != nil {
			return nil, err
		}
		if o != nil {
			in = append(in, o)
		}
	}
	return in, nil
}

// write makes the writes after a check that everything still is as it was planned, and runs the actions. If one fails, those before are
// undone.
func (c *change) write(s *trace.Session, opt Options) error {
	if err := c.asPlanned(s); err != nil {
		return err
	}
	if c.actions.none() {
		if err := writeAll(s, c.writes, opt); err != nil {
			return err
		}
		return c.markOver(s)
	}
	last := len(c.writes) - 1 // by which a guard knows that all is over
	k, err := keep(s, c.process)
	if err != nil {
		return err
	}
	if err := c.markBegun(s); err != nil { // undone last
		return err
	}
	s.Undo(func() error { return k.restore(s) })
	if c.acting != nil {
		c.acting()
	}
	end := []func() error{
		func() error { return c.markOver(s) },
		func() error { return writeAll(s, c.writes[last:], opt) },
	}
	if c.applies() {
		slices.Reverse(end)
	}
	for _, step := range append([]func() error{
		func() error { return act(s, c.actions.before, opt) },
		func() error { return writeAll(s, c.writes[:last], opt) },
		func() error { return act(s, c.actions.after, opt) },
	}, end...) {
		if err := step(); err != nil {
			return k.leaves(err)
		}
	}
	return nil
}

// asPlanned refuses memory that is not as it was planned with.
func (c *change) asPlanned(s *trace.Session) error {
	if changed := c.same.Changed(s); len(changed) > 0 {
		w := c.first[changed[0]]
		have := make([]byte, len(w.Old))
		_, err := s.ReadAt(have, int64(w.Addr))
		return fault.Refuse(fault.ChangedMeanwhile, fmt.Sprintf("pid %d", c.process.PID),
			"%s at %#x: memory holds %x, planned with %x", w.What, uint64(w.Addr), have, w.Old).
			WithCause(err).WithState("process unchanged and running")
	}
	return nil
}

// writeAll makes writes, in order; each can be undone.
func writeAll(s *trace.Session, writes []Write, opt Options) error {
	for _, w := range writes {
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
