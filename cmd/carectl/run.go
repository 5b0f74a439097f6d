package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"gocare/engine"
	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// command is one run of a command.
type command struct {
	request
	ctx      context.Context
	ui       *ui.UI
	left     passedOver
	workers  *supervisor          // nil: none was needed yet
	keeps    bool                 // a worker that keeps to one processor
	progress func(string, ...any) // of a worker: tells that it gets on
	alive    func()               // of a worker: likewise, with nothing to tell
	reads    func(size int64)     // of a worker: tells that it reads so many bytes of a file
}

// action makes a command's function what the CLI library calls.
func action(exit *int, f func(*command) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		u := newUI(c.App.Writer, c.App.ErrWriter, c.Bool("verbose"), c.Bool("json"))
		r, err := newRequest(c)
		if err == nil {
			cmd := &command{request: r, ctx: c.Context, ui: u}
			err = f(cmd)
			cmd.workers.close()
		}
		if errors.As(err, new(*reported)) {
			*exit = ui.ExitCode(err)
		} else {
			*exit = u.Fail(err)
		}
		if status := new(withStatus); errors.As(err, &status) {
			*exit = status.status
		}
		return nil
	}
}

// outcome is what became of one process.
type outcome struct {
	PID      int           `json:"pid"`
	Comm     string        `json:"comm,omitempty"`
	Status   string        `json:"status"` // "done", "skipped", "failed"
	Patches  []patchResult `json:"patches,omitempty"`
	Removed  []patchResult `json:"removed,omitempty"`          // that these replace
	FreezeUS int64         `json:"freeze_us,omitempty"`        // microseconds that running threads were held, in the last attempt
	FailedUS int64         `json:"failed_freeze_us,omitempty"` // likewise, in earlier attempts, at most
	HeldUS   int64         `json:"held_us,omitempty"`          // that a thread which was led out of a function waited for others
	Attempts int           `json:"attempts,omitempty"`
	Unwinds  bool          `json:"unwinds,omitempty"`           // no unwinder knows the patch, and something may unwind
	MayMiss  bool          `json:"may_miss_unwinder,omitempty"` // one that is loaded later does not know the patch
	Begun    []begunRow    `json:"begun,omitempty"`             // what recovering leaves
	Error    *ui.Failure   `json:"error,omitempty"`

	err error
}

type patchResult struct {
	ID        string       `json:"id"`
	Target    string       `json:"target"`
	BuildID   string       `json:"build_id"`
	Region    string       `json:"region"`
	Functions list[string] `json:"functions"`
	Reused    bool         `json:"reused,omitempty"` // its data keep the values of the time before
	Over      []over       `json:"over,omitempty"`
}

// over is a function in which the patch took the place of another one.
type over struct {
	Function string `json:"function"`
	Patch    string `json:"patch"`
}

func newOutcome(r engine.Result) outcome {
	o := outcome{PID: r.PID, Comm: r.Comm, Status: "done", Unwinds: r.Unwinds, MayMiss: r.MayMiss}
	o.took(&r.Timing)
	o.Patches, o.Removed = patchResults(r.Patches), patchResults(r.Removed)
	return o
}

// took says what the attempts took, whatever came of them.
func (o *outcome) took(t *engine.Timing) {
	o.Attempts = t.Attempts
	o.FreezeUS, o.FailedUS, o.HeldUS = t.Freeze.Microseconds(), t.Failed.Microseconds(), t.Held.Microseconds()
}

func patchResults(patches []engine.PatchResult) (list []patchResult) {
	for _, p := range patches {
		result := patchResult{p.ID, p.Target, p.BuildID, fmt.Sprintf("%#x", p.Region), p.Functions, p.Reused, nil}
		for _, f := range p.Over {
			result.Over = append(result.Over, over{f.Function, f.ID})
		}
		list = append(list, result)
	}
	return list
}

// each has every process asked for changed and reports: done with a result, skipped (only with -p all) or failed.
func (c *command) each(done func(outcome)) error {
	pids, err := c.processes()
	if err != nil {
		return err
	}
	outcomes := c.missing(pids)
	if len(outcomes) > 0 {
		return c.sum(outcomes)
	}
	for _, pid := range pids {
		if c.ctx.Err() != nil {
			outcomes = append(outcomes, failed(pid, notReached(pid)))
			break
		}
		a, err := c.ask(pid)
		o := newOutcome(a.Result)
		if err != nil {
			o = failed(pid, err)
			o.took(&a.Result.Timing)
		}
		o.Begun = begunRows(pid, a.Result.Begun)
		if c.passOver(pid, err) && len(o.Begun) == 0 {
			o.Status = "skipped"
		}
		switch o.Status {
		case "done":
			done(o)
		case "failed":
			c.explain(pid, err)
		}
		c.noteBegun(o.Begun)
		outcomes = append(outcomes, o)
	}
	return c.sum(outcomes)
}

// missing tells of numbers that are no processes. Where several were asked for, none is changed then: the numbers may be wrong, or old.
func (c *command) missing(pids []int) (outcomes []outcome) {
	if c.all || len(pids) < 2 {
		return nil
	}
	for _, pid := range pids {
		if err := inspect.Exists(pid); err != nil {
			err = fault.Leaves(err, "no process was changed")
			c.explain(pid, err)
			outcomes = append(outcomes, failed(pid, err))
		}
	}
	return outcomes
}

func notReached(pid int) error {
	return fault.Refuse(fault.Interrupted, fmt.Sprintf("pid %d", pid), "not reached before the interrupt")
}

// explain says why something failed for a process.
func (c *command) explain(pid int, err error) {
	if e := fault.As(err); e != nil && e.Code == fault.NotApplicable {
		c.ui.Info("No patch(es) applicable to PID '%d' have been found", pid)
	}
	c.ui.Explain(err)
}

func failed(pid int, err error) outcome {
	return outcome{PID: pid, Status: "failed", Error: ui.FailureOf(err), err: err}
}

// reported is an error that was explained already; it decides the exit code.
type reported struct{ err error }

func (r *reported) Error() string { return r.err.Error() }
func (r *reported) Unwrap() error { return r.err }

// sum writes the JSON document and decides the exit code: 0 if at least one process was changed and none failed, 3 if all
// failures were busy processes, else 1.
func (c *command) sum(outcomes []outcome) error {
	var first error
	done := 0
	var shown []outcome
	for _, o := range outcomes {
		switch {
		case o.Status == "done":
			done++
		case o.Status == "skipped":
			continue
		case first == nil || ui.ExitCode(first) == ui.ExitBusy && ui.ExitCode(o.err) != ui.ExitBusy:
			first = o.err
		}
		shown = append(shown, o)
	}
	var err error
	if first != nil {
		err = &reported{first}
	} else if done == 0 {
		err = c.nothingDone("was")
	}
	c.sayLeftOut()
	document := struct {
		Processes []outcome   `json:"processes"`
		LeftOut   int         `json:"left_out,omitempty"`
		Error     *ui.Failure `json:"error,omitempty"`
	}{Processes: shown, LeftOut: c.left.sum()}
	if document.Processes == nil {
		document.Processes = []outcome{}
	}
	if err != nil {
		document.Error = ui.FailureOf(err)
	}
	if jsonErr := c.ui.Result(document); jsonErr != nil {
		return jsonErr
	}
	return err
}

// processes returns the processes asked for; all are those of the machine but this one and init.
func (c *command) processes() ([]int, error) {
	if !c.all {
		return c.pids, nil
	}
	pids, err := inspect.PIDs()
	if err != nil {
		return nil, err
	}
	var list []int
	for _, pid := range pids {
		if pid != 1 && pid != os.Getpid() {
			list = append(list, pid)
		}
	}
	return list, nil
}

func (c *command) options() engine.Options {
	progress := c.progress
	if progress == nil {
		progress = c.ui.Progress
	}
	return engine.Options{Wait: c.wait, Hold: c.hold, Progress: progress, Alive: c.alive, Unmap: c.unmap, Mix: c.mix, Guard: c.guard, Keep: keepTime}
}

// wanted asks for files to be applied as the command line says.
func (c *command) wanted(files []*engine.File) engine.Request {
	return engine.Request{Files: files, Replace: c.old, Over: c.over, Unloads: c.unloads}
}

// open looks at a process and, if it needs to be understood in full, loads its objects.
func open(pid int) (*inspect.Process, io.Closer, error) {
	p, err := inspect.Look(pid)
	if err != nil {
		if e := fault.As(err); e != nil && e.State == "" {
			e.WithState("it was not changed")
		}
		return nil, nil, err
	}
	return p, p, nil
}
