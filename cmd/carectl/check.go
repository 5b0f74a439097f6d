package main

import (
	"fmt"

	"gocare/engine"
	"gocare/internal/ui"
)

type checkDocument struct {
	Processes []checkProcess `json:"processes"`
	LeftOut   int            `json:"left_out,omitempty"`
	Error     *ui.Failure    `json:"error,omitempty"`
}

type checkProcess struct {
	PID     int          `json:"pid"`
	Comm    string       `json:"comm"`
	Patches []checkPatch `json:"patches"`
	Removed []string     `json:"removed,omitempty"` // ids of patches that these replace
	Actions []string     `json:"actions,omitempty"` // what runs in the stop, in order
}

type checkPatch struct {
	ID        string              `json:"id"`
	Target    string              `json:"target"`
	BuildID   string              `json:"build_id"`
	Region    string              `json:"region"`
	Size      int                 `json:"size"` // bytes
	Reused    bool                `json:"reused"`
	Functions list[checkFunction] `json:"functions"`
}

type checkFunction struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Length   uint32 `json:"length"` // bytes
	OldBytes string `json:"old_bytes"`
	Jump     string `json:"jump"`
	New      string `json:"new"`
	Over     string `json:"over,omitempty"` // id of the patch whose version is replaced
}

// check says what patch would do and changes nothing.
func check(c *command) error {
	if err := c.needPatches(); err != nil {
		return err
	}
	if _, err := c.openAll(); err != nil {
		return err
	}
	pids, err := c.processes()
	if err != nil {
		return err
	}
	document := checkDocument{Processes: []checkProcess{}}
	var first error
	for _, pid := range pids {
		a, err := c.ask(pid)
		if c.passOver(pid, err) {
			continue
		}
		if err != nil {
			c.explain(pid, err)
			if first == nil {
				first = &reported{err}
			}
			continue
		}
		c.printCheck(a.Plan)
		document.Processes = append(document.Processes, a.Plan)
	}
	if first == nil && len(document.Processes) == 0 {
		first = c.nothingDone("would be")
	}
	c.sayLeftOut()
	document.LeftOut = c.left.sum()
	if first != nil {
		document.Error = ui.FailureOf(first)
	}
	if err := c.ui.Result(document); err != nil {
		return err
	}
	return first
}

// checkOne says what patch would do to a process.
func checkOne(c *command) (func(pid int) (answer, error), error) {
	library, err := c.open()
	return func(pid int) (answer, error) {
		p, closer, err := open(pid)
		if err != nil {
			return answer{}, err
		}
		defer closer.Close()
		files, err := filesFor(library, p)
		if err != nil {
			return answer{}, err
		}
		c.load(p)
		plan, err := engine.NewPlan(p, c.wanted(files))
		if err != nil {
			return answer{}, err
		}
		return answer{Plan: describe(plan)}, nil
	}, err
}

func describe(plan *engine.Plan) checkProcess {
	process := checkProcess{PID: plan.Process.PID, Comm: plan.Process.Comm, Actions: plan.Actions()}
	if plan.Replaces != nil {
		for _, r := range plan.Replaces.Patches {
			process.Removed = append(process.Removed, r.ID)
		}
	}
	for _, pp := range plan.Patches {
		cp := checkPatch{
			ID: pp.File.Patch.ID, Target: pp.Object.Name, BuildID: pp.Object.BuildID,
			Region: fmt.Sprintf("%#x", uint64(pp.Image.Base)), Size: len(pp.Image.Bytes), Reused: pp.Reuse,
		}
		for _, f := range pp.Functions {
			cp.Functions = append(cp.Functions, checkFunction{
				Name: f.Name, Address: fmt.Sprintf("%#x", uint64(f.Old)), Length: f.OldSize, OldBytes: fmt.Sprintf("%x", f.OldBytes[:len(f.Hook)]),
				Jump: fmt.Sprintf("%x", f.Hook), New: fmt.Sprintf("%#x", uint64(f.New)), Over: f.Over,
			})
		}
		process.Patches = append(process.Patches, cp)
	}
	return process
}

func (c *command) printCheck(process checkProcess) {
	for _, id := range process.Removed {
		c.ui.Info("%-22s%s of PID '%d'", "Removes:", id, process.PID)
	}
	for _, p := range process.Patches {
		c.rowsOf(process.PID, p.Target, p.BuildID)
		c.ui.Info("%-22s%s", "Patch id:", p.ID)
		c.ui.Info("%-22s%s, %d bytes", "Region:", p.Region, p.Size)
		for _, f := range p.Functions {
			c.ui.Info("%-22s%s at %s, %d bytes: %s becomes %s, a jump to %s", "Function:", f.Name, f.Address, f.Length, f.OldBytes, f.Jump, f.New)
		}
	}
	for _, a := range process.Actions {
		c.ui.Info("%-22s%s", "Runs:", a)
	}
}
