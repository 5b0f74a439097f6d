package engine

import (
	"context"
	"fmt"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// Launch is a program to be patched before its main function runs.
type Launch struct {
	PID, TID int             // a process, and its thread that will execute the program
	Ready    func() error    // tells that thread to go on, once it is traced
	Library  *Library        // where the patches are
	Applied  func(Result)    // told of the result while the program still stands at its entry point
	Failed   func(error) int // told why the program may not run; returns the exit status it ends with
}

// Start waits until the process has executed the program and the dynamic loader has mapped and relocated its libraries,
// stops it at its entry point, applies the patches for it, all or none, and lets it go. Where that fails the program is
// ended. An error returned means that the process has not executed anything. A process that ends by itself is no error.
func Start(ctx context.Context, l Launch, opt Options) error {
	return trace.Do(ctx, l.PID, func(s *trace.Session) error {
		if err := s.AwaitExec(l.TID, l.Ready); err != nil {
			return hasNotEnded(err)
		}
		defer func() {
			if r := recover(); r != nil {
				s.End(1)
				panic(r)
			}
		}()
		result, err := l.apply(s, opt)
		if err = hasNotEnded(err); err != nil {
			s.End(l.Failed(ended(l.PID, err)))
			return nil
		}
		s.Keep()
		if result != nil {
			l.Applied(*result)
		}
		return nil
	})
}

// hasNotEnded turns the error that a process has ended into none.
func hasNotEnded(err error) error {
	if e := fault.As(err); e != nil && e.Code == fault.NoSuchProcess {
		return nil
	}
	return err
}

// ended completes the error for which a program was not let go.
func ended(pid int, err error) error {
	e := fault.As(err)
	if e == nil {
		e = fault.New(fault.Environment, fmt.Sprintf("pid %d", pid), "cannot patch the program before it runs").WithCause(err)
		err = e
	}
	e.WithState("the program was ended before its main function ran")
	return err
}

// apply runs the program to its entry point and applies the patches there.
func (l *Launch) apply(s *trace.Session, opt Options) (*Result, error) {
	t, err := s.RunTo(func() (uint64, error) {
		at, err := inspect.Entry(l.PID)
		return uint64(at), err
	})
	if err != nil {
		return nil, err
	}
	p, err := inspect.Read(l.PID)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	f, err := lock(context.Background(), p.PID, p.StartTime, opt)
	if err != nil {
		return nil, err
	}
	defer unlock(f)
	plan, err := l.plan(s, t, p)
	if err != nil {
		return nil, err
	}
	result := &Result{PID: p.PID, Comm: p.Comm, Unwinds: plan.endsUnwinding(), MayMiss: plan.mayMissUnwinder()}
	if err := plan.applyIn(s, t, opt, &result.Timing); err != nil {
		for _, pp := range plan.Patches {
			record(p, "not applied", pp.File.Patch.ID, pp.Object.Name, err)
		}
		return nil, err
	}
	result.Patches = plan.applied()
	return result, nil
}

func (l *Launch) plan(s *trace.Session, t *trace.Thread, p *inspect.Process) (*Plan, error) {
	files, err := l.Library.For(p)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, l.Library.NotApplicable(p)
	}
	return planFor(p, Request{Files: files}, func(def *inspect.Symbol) (inspect.Addr, error) { return runResolverIn(s, t, p, def) })
}

// applyIn applies a plan in a session in which every thread is stopped: t at the entry point, where it stays. Others, which
// constructors of libraries have started, may be in the way.
func (p *Plan) applyIn(s *trace.Session, t *trace.Thread, opt Options, timing *Timing) error {
	opt.progress("pid %d: at its entry point; mapping %d region(s)", p.Process.PID, len(p.Patches))
	if err := alone(p.Process); err != nil {
		return err
	}
	if err := p.prepareIn(s, t, opt); err != nil {
		return err
	}
	c := newChange(p.Process, p.Writes(), p.Code(), p.back())
	c.actions, c.marks = p.actions(), p.marks()
	check := newThreadChecker(p.Process, c.code)
	attempt := func() (busy, err error) {
		in, err := checkStopped(check, s, map[int]bool{})
		switch {
		case err != nil:
			return nil, err
		case len(in) > 0:
			return check.busy(in[0], story{waited: timing.waited()}), nil
		}
		return nil, c.write(s, opt)
	}
	between := func(pause time.Duration, _ error) error { return s.LetOthersRun(t, pause) }
	return timing.retry(opt.Wait, attempt, between)
}
