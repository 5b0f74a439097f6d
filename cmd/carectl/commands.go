package main

import (
	"fmt"

	"gocare/engine"
	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// patch applies patches to the processes.
func patch(c *command) error {
	if err := c.needPatches(); err != nil {
		return err
	}
	library, err := engine.OpenLibrary(c.args)
	if err != nil {
		return err
	}
	return c.each(func(pid int) (engine.Result, error) {
		p, plan, err := c.plan(library, pid, func(p *inspect.Process, files []*engine.File) (*engine.Plan, error) {
			return engine.PlanFor(c.ctx, p, files, c.old...)
		})
		if err != nil {
			return engine.Result{}, err
		}
		defer p.Close()
		return engine.Apply(c.ctx, plan, c.options())
	}, func(o outcome) {
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
		c.ui.Info("%d patch hunk(s) have been successfully applied to PID '%d'", len(o.Patches), o.PID)
	})
}

func (c *command) noteUnwinds(o outcome) {
	if o.Unwinds {
		c.ui.Note("pid %d: no unwinder knows the patch: an exception that passes through a patched function ends the process, "+
			"and a thread that is cancelled in one leaves out its callers' clean-ups", o.PID)
	}
	if o.MayMiss {
		c.ui.Note("pid %d: a C++ library that the process loads from now on does not know the patch: an exception that passes through a "+
			"patched function ends the process; remove the patch and apply it again when such a library is loaded", o.PID)
	}
}

// planner makes a plan of patches for a process.
type planner func(*inspect.Process, []*engine.File) (*engine.Plan, error)

// plan plans the patches of a library for a process. The caller closes the process.
func (c *command) plan(library *engine.Library, pid int, make planner) (*inspect.Process, *engine.Plan, error) {
	p, closer, err := open(pid)
	if err != nil {
		return nil, nil, err
	}
	plan, err := c.planFor(library, p, make)
	if err != nil {
		_ = closer.Close()
		return nil, nil, err
	}
	return p, plan, nil
}

func (c *command) planFor(library *engine.Library, p *inspect.Process, make planner) (*engine.Plan, error) {
	files, err := library.For(p)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		if !c.all {
			c.ui.Info("No patch(es) applicable to PID '%d' have been found", p.PID)
		}
		return nil, library.NotApplicable(p)
	}
	load(p)
	return make(p, files)
}

// unpatch removes a patch from the processes.
func unpatch(c *command) error {
	if err := c.needID(); err != nil {
		return err
	}
	return c.revert(func(p *inspect.Process) (*engine.Removal, error) { return engine.NewRemoval(p, c.id, c.args) })
}

// recoverPatches undoes what a killed run left half done.
func recoverPatches(c *command) error {
	if err := c.needPID(); err != nil {
		return err
	}
	if len(c.args) > 0 {
		return fault.New(fault.Usage, "", "unexpected argument %q", c.args[0]).WithHint("use recover -p PID")
	}
	return c.revert(engine.NewRecovery)
}

func (c *command) revert(plan func(*inspect.Process) (*engine.Removal, error)) error {
	return c.each(func(pid int) (engine.Result, error) {
		p, closer, err := open(pid)
		if err != nil {
			return engine.Result{}, err
		}
		defer closer.Close()
		load(p)
		removal, err := plan(p)
		if err != nil {
			return engine.Result{}, err
		}
		return engine.Revert(c.ctx, removal, c.options())
	}, func(o outcome) {
		c.ui.Info("%d patch hunk(s) were successfully cancelled from PID '%d'", len(o.Patches), o.PID)
	})
}

type infoRow struct {
	PID         int      `json:"pid"`
	Comm        string   `json:"comm"`
	Target      string   `json:"target"`
	BuildID     string   `json:"build_id"`
	Number      int      `json:"applied_patch_number"`
	ID          string   `json:"patch_id"`
	Description string   `json:"description,omitempty"`
	Region      string   `json:"region"`
	Functions   []string `json:"functions"`
	Inactive    []string `json:"inactive,omitempty"` // replaced in turn by a later patch
	Foreign     bool     `json:"foreign,omitempty"`  // applied by another tool
}

// info lists the patches in the processes.
func info(c *command) error {
	if len(c.args) > 0 {
		return fault.New(fault.Usage, "", "unexpected argument %q", c.args[0]).WithHint("use info -p PID")
	}
	c.all = c.all || !c.given
	pids, err := c.processes()
	if err != nil {
		return err
	}
	rows := []infoRow{}
	var first error
	for _, pid := range pids {
		list, err := infoOf(pid)
		if c.passOver(pid, err) {
			continue
		}
		if err != nil {
			c.ui.Explain(err)
			if first == nil {
				first = &reported{err}
			}
			continue
		}
		if len(list) == 0 && !c.all && !c.ui.JSON() {
			c.ui.Note("pid %d: no patch is applied", pid)
		}
		for _, row := range list {
			c.printInfo(row)
			rows = append(rows, row)
		}
	}
	c.sayLeftOut()
	document := struct {
		Patches []infoRow   `json:"patches"`
		LeftOut int         `json:"left_out,omitempty"`
		Error   *ui.Failure `json:"error,omitempty"`
	}{Patches: rows, LeftOut: c.left.sum()}
	if first != nil {
		document.Error = ui.FailureOf(first)
	}
	if err := c.ui.Result(document); err != nil {
		return err
	}
	return first
}

func infoOf(pid int) ([]infoRow, error) {
	p, closer, err := open(pid)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	list, err := engine.List(p)
	if err != nil {
		return nil, fmt.Errorf("pid %d: %w", pid, err)
	}
	var rows []infoRow
	for _, i := range list {
		rows = append(rows, infoRow{
			i.PID, i.Comm, i.Target, i.BuildID, i.Number, i.ID, i.Description, fmt.Sprintf("%#x", i.Region), i.Functions, i.Inactive, i.Foreign,
		})
	}
	return rows, nil
}

func (c *command) printInfo(r infoRow) {
	c.ui.Info("%-22s%d", "Pid:", r.PID)
	c.ui.Info("%-22s%s", "Target:", r.Target)
	c.ui.Info("%-22s%s", "Build id:", r.BuildID)
	c.ui.Info("%-22s%d", "Applied patch number:", r.Number)
	c.ui.Info("%-22s%s", "Patch id:", r.ID)
	if r.Description != "" {
		c.ui.Info("%-22s%s", "Description:", r.Description)
	}
}
