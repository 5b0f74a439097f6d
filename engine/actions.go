package engine

import (
	"fmt"
	"slices"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// actionLimit is how long an action may run: all threads wait for it.
const actionLimit = time.Second

// action is a function of a patch that runs while the process is stopped.
type action struct {
	patch string // id
	name  string
	role  kpname.Role
	at    inspect.Addr
}

// actions run before the writes of a change, and when they are made.
type actions struct{ before, after []action }

func (a *actions) add(b actions) {
	a.before, a.after = append(a.before, b.before...), append(a.after, b.after...)
}

func (a *actions) none() bool { return len(a.before)+len(a.after) == 0 }

// actions returns what runs when the plan is carried out: what is for the removal of patches that others replace comes first.
func (p *Plan) actions() (all actions) {
	if p.Replaces != nil {
		all.add(p.Replaces.actions)
	}
	for _, pp := range p.Patches {
		for i := range pp.Image.Functions {
			f := &pp.Image.Functions[i]
			a := action{pp.File.Patch.ID, f.Name, f.Role, f.New}
			switch f.Role {
			case kpname.PreApply:
				all.before = append(all.before, a)
			case kpname.PostApply:
				all.after = append(all.after, a)
			}
		}
	}
	return all
}

// Actions says what is to be run in the stop, in order.
func (p *Plan) Actions() (list []string) {
	all := p.actions()
	for _, a := range slices.Concat(all.before, all.after) {
		list = append(list, a.String())
	}
	return list
}

// removing returns what runs when a patch comes off. What others put into a process has no actions.
func removing(l *live) (all actions) {
	for i := range l.Functions {
		f := &l.Functions[i]
		a := action{l.ID, f.Name, f.Role, f.New}
		switch {
		case !l.ours || l.noMagic:
		case f.Role == kpname.PreRemove:
			all.before = append(all.before, a)
		case f.Role == kpname.PostRemove:
			all.after = append(all.after, a)
		}
	}
	return all
}

// act runs actions one after the other, in a session in which every thread is stopped.
func act(s *trace.Session, list []action, opt Options) error {
	for _, a := range list {
		if err := opt.before(a.String()); err != nil {
			return err
		}
		result, err := s.Act(uint64(a.at), actionLimit)
		if err == nil && result != 0 {
			err = fault.Refuse(fault.ActionRefused, fmt.Sprintf("pid %d", s.PID), "returned %d", result)
		}
		if err != nil {
			return a.failed(err)
		}
		opt.progress("pid %d: %s", s.PID, a)
	}
	return nil
}

func (a action) String() string {
	return fmt.Sprintf("%s function %q of patch %s", a.role, a.name, a.patch)
}

// failed says which action it was that an error is about.
func (a action) failed(err error) error {
	e := fault.As(err)
	if e == nil || e.Code != fault.ActionFailed && e.Code != fault.ActionRefused {
		return fmt.Errorf("%s: %w", a, err)
	}
	named := *e
	named.What = fmt.Sprintf("%s %s", a, e.What)
	return &named
}

// hasActions reports whether something of a patch that is planned is to run.
func (pp *PatchPlan) hasActions() bool {
	return slices.ContainsFunc(pp.Image.Functions, func(f link.Function) bool { return f.Role.IsAction() })
}
