package main

import (
	"gocare/engine"
	"gocare/engine/inspect"
	"gocare/internal/fault"
)

// patch applies patches to the processes.
func patch(c *command) error {
	if err := c.needPatches(); err != nil {
		return err
	}
	if _, err := c.openAll(); err != nil {
		return err
	}
	return c.each(func(o outcome) {
		for _, r := range o.Removed {
			c.ui.Note("pid %d: patch %s of %s was removed in the same stop", o.PID, r.ID, r.Target)
		}
		for _, r := range o.Patches {
			for _, f := range r.Over {
				c.ui.Note("pid %d: patch %s replaces %q of patch %s: what that changed there is in effect only if %s has it too",
					o.PID, r.ID, f.Function, f.Patch, r.ID)
			}
			if r.Reused {
				c.ui.Note("pid %d: the variables of patch %s keep the values they had when it was removed", o.PID, r.ID)
			}
		}
		c.noteUnwinds(o)
		c.noteLater(o, c.ui.Note)
		c.ui.Info("%d patch hunk(s) have been successfully applied to PID '%d'", len(o.Patches), o.PID)
	})
}

// patchOne patches a process.
func patchOne(c *command) (func(pid int) (answer, error), error) {
	library, err := c.open()
	concerns := func(p *inspect.Process) error {
		_, err := filesFor(library, p)
		return err
	}
	return func(pid int) (answer, error) {
		return c.change(pid, concerns, func(h *engine.Held) (engine.Result, error) {
			files, err := filesFor(library, h.Process)
			if err != nil {
				return engine.Result{}, err
			}
			c.load(h.Process)
			plan, err := h.Plan(c.ctx, c.wanted(files))
			if err != nil {
				return engine.Result{}, err
			}
			return h.Apply(c.ctx, plan, c.options())
		})
	}, err
}

func (c *command) noteUnwinds(o outcome) {
	if o.Unwinds {
		c.ui.Note("pid %d: no unwinder knows the patch: an exception that passes through a patched function ends the process, "+
			"and a thread that is cancelled in one leaves out its callers' clean-ups", o.PID)
	}
}

// noteLater says what a library that is loaded after a patch does not know.
func (c *command) noteLater(o outcome, say func(format string, args ...any)) {
	if o.MayMiss {
		say("pid %d: a C++ library that the process loads from now on does not know the patch: an exception that passes through a "+
			"patched function ends the process; remove the patch and apply it again when such a library is loaded", o.PID)
	}
}

// change does something to a process that no other carectl changes meanwhile. Where all processes were asked for, none waits for
// its turn that is not concerned.
func (c *command) change(pid int, concerns func(*inspect.Process) error, do func(*engine.Held) (engine.Result, error)) (a answer, err error) {
	if c.all {
		if err := lookFirst(pid, concerns); err != nil {
			return answer{}, err
		}
	}
	h, err := engine.Hold(c.ctx, pid, c.options())
	if err != nil {
		return answer{}, fault.Leaves(err, "it was not changed")
	}
	defer h.Release()
	a.Result, err = do(h)
	return a, err
}

// load reads the ELF files of a process, and tells of each.
func (c *command) load(p *inspect.Process) {
	for i := range p.Objects {
		o := &p.Objects[i]
		c.reads(o.FileSize())
		o.Err = o.Load()
	}
}

func lookFirst(pid int, concerns func(*inspect.Process) error) error {
	p, closer, err := open(pid)
	if err != nil {
		return err
	}
	defer closer.Close()
	return concerns(p)
}

// filesFor returns the patches of a library for a process.
func filesFor(library *engine.Library, p *inspect.Process) ([]*engine.File, error) {
	files, err := library.For(p)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, library.NotApplicable(p)
	}
	return files, nil
}

// unpatch removes a patch from the processes.
func unpatch(c *command) error {
	if err := c.needID(); err != nil {
		return err
	}
	return c.revert()
}

func (c *command) removal(p *inspect.Process) (*engine.Removal, error) {
	return engine.NewRemoval(p, c.id, c.args)
}

// recoverPatches undoes what a killed run left half done.
func recoverPatches(c *command) error {
	if err := c.needPID(); err != nil {
		return err
	}
	if len(c.args) > 0 {
		return fault.New(fault.Usage, "", "unexpected argument %q", c.args[0]).WithHint("use recover -p PID")
	}
	return c.revert()
}

func (c *command) revert() error {
	return c.each(func(o outcome) {
		for _, r := range o.Patches {
			if r.Target == engine.NotLoaded {
				c.ui.Note("pid %d: what patch %s changed is not loaded any more: its code was gone already", o.PID, r.ID)
			}
		}
		c.ui.Info("%d patch hunk(s) were successfully cancelled from PID '%d'", len(o.Patches), o.PID)
	})
}

// revertOne removes from a process what is planned.
func (c *command) revertOne(plan func(*inspect.Process) (*engine.Removal, error)) func(pid int) (answer, error) {
	concerns := func(p *inspect.Process) error {
		c.load(p)
		_, err := plan(p)
		return err
	}
	return func(pid int) (answer, error) {
		return c.change(pid, concerns, func(h *engine.Held) (engine.Result, error) {
			c.load(h.Process)
			removal, err := plan(h.Process)
			if err != nil {
				return engine.Result{}, err
			}
			return h.Revert(c.ctx, removal, c.options())
		})
	}
}
