package engine

import (
	"context"
	"errors"
	"fmt"

	"gocare/internal/fault"
)

// Result is what applying or removing did to a process.
type Result struct {
	PID     int
	Comm    string
	Patches []PatchResult
	Removed []PatchResult // that others replaced
	Begun   []Begun       // what recovering cannot take back
	Unwinds bool          // exceptions may be thrown, or threads cancelled, and no unwinder knows the new code: what unwinds a stack ends there
	MayMiss bool          // likewise of an unwinder that the process may load later
	Timing
}

// PatchResult is a patch applied to, or removed from, an object.
type PatchResult struct {
	ID        string
	Target    string // base name of the object
	BuildID   string
	Region    uint64
	Functions []string // replaced
	Reused    bool     // the region of an earlier time, and it has variables: they keep their values
	Over      []Over
}

// Over is a function in which a patch took the place of another patch, whose change is in effect only as far as the new
// code has it too.
type Over struct{ Function, ID string }

// Apply applies a plan: all of its patches or none. Where it fails, the result still says what the attempts took.
func (h *Held) Apply(ctx context.Context, plan *Plan, opt Options) (Result, error) {
	p := plan.Process
	if err := h.of(p); err != nil {
		return Result{}, err
	}
	result := Result{PID: p.PID, Comm: p.Comm, Unwinds: plan.endsUnwinding(), MayMiss: plan.mayMissUnwinder()}
	c := newChange(p, plan.Writes(), plan.Code(), plan.back())
	c.actions, c.marks, c.inside = plan.actions(), plan.marks(), plan.inside()
	ready, end := h.watch("apply", c, plan.results(), opt)
	defer end()
	opt.waits = h.waits
	defer opt.waits.Settle(ctx)
	opt.progress("pid %d: mapping %d region(s)", p.PID, len(plan.Patches))
	err := plan.prepareUntil(ctx, opt)
	if err != nil {
		return Result{}, plan.failed("apply", err)
	}
	ready()
	if result.Timing, err = c.commit(ctx, opt); err != nil {
		return result, plan.failed("apply", errors.Join(err, plan.discarded(opt)))
	}
	if plan.Replaces != nil {
		result.Removed = plan.Replaces.Patches
		plan.Replaces.record(nil)
	}
	result.Patches = plan.applied()
	opt.progress("pid %d: %s, attempt %d", p.PID, &result.Timing, result.Attempts)
	return result, nil
}

// applied says what was applied, here and in the system log.
func (p *Plan) applied() []PatchResult {
	list := p.results()
	for _, r := range list {
		record(p.Process, "applied", r.ID, r.Target, nil)
	}
	return list
}

func (p *Plan) results() []PatchResult {
	var list []PatchResult
	for _, pp := range p.Patches {
		r := PatchResult{
			ID: pp.File.Patch.ID, Target: pp.Object.Name, BuildID: pp.Object.BuildID,
			Region: uint64(pp.Image.Base), Reused: pp.Reuse && hasVariables(pp.File.Patch),
		}
		for _, f := range pp.Functions {
			if f.Gate {
				continue
			}
			r.Functions = append(r.Functions, f.Name)
			if f.Over != "" {
				r.Over = append(r.Over, Over{f.Name, f.Over})
			}
		}
		list = append(list, r)
	}
	return list
}

// discarded unmaps what was prepared; if even that fails, the error says what is left.
func (p *Plan) discarded(opt Options) error {
	if err := p.discard(opt); err != nil {
		if e := fault.As(err); e != nil && e.Code == fault.NoSuchProcess {
			return nil
		}
		return fmt.Errorf("the unused region stays mapped: %w", err)
	}
	return nil
}

// failed completes an error with where it happened and what it leaves behind.
func (p *Plan) failed(verb string, err error) error {
	err = interrupted(p.Process.PID, err)
	for _, pp := range p.Patches {
		record(p.Process, "not applied", pp.File.Patch.ID, pp.Object.Name, err)
	}
	return settled(p.Process.PID, verb, err)
}

// settled makes sure that an error of an attempt that was undone says so.
func settled(pid int, verb string, err error) error {
	e := fault.As(err)
	if e == nil {
		e = fault.New(fault.Environment, fmt.Sprintf("pid %d", pid), "cannot %s", verb).WithCause(err)
		err = e
	}
	if e.State == "" {
		e.WithState("process unchanged and running")
	}
	return err
}
