package main

import (
	"fmt"

	"gocare/engine"
	"gocare/internal/fault"
)

// begunRow is a patch whose functions had begun when a carectl was killed, and what that leaves.
type begunRow struct {
	PID     int      `json:"pid"`
	Target  string   `json:"target"`
	BuildID string   `json:"build_id"`
	ID      string   `json:"patch_id"`
	CVEs    []string `json:"cves,omitempty"`
	Region  string   `json:"region"`
	Change  string   `json:"change"` // "apply" or "remove"
	Message string   `json:"message"`
	State   string   `json:"state"`
	Hint    string   `json:"hint"`
}

func begunRows(pid int, begun []engine.Begun) (rows []begunRow) {
	for _, b := range begun {
		rows = append(rows, begunRow{
			PID: pid, Target: b.Target, BuildID: b.BuildID, ID: b.ID, CVEs: b.CVEs, Region: fmt.Sprintf("%#x", b.Region), Change: b.Change,
			Message: b.String(), State: b.State, Hint: b.Hint,
		})
	}
	return rows
}

// printBegun says it among what info lists.
func (c *command) printBegun(r begunRow) {
	c.rowsOf(r.PID, r.Target, r.BuildID)
	c.row("Patch id:", "%s", r.ID)
	c.row("Interrupted:", "%s", r.Message)
	c.row("State:", "%s", r.State)
	c.row("Hint:", "%s", r.Hint)
}

// noteBegun says it of a process that was to be recovered: it takes nothing back that functions wrote.
func (c *command) noteBegun(rows []begunRow) {
	for _, r := range rows {
		c.ui.Note("pid %d: %s; %s; %s", r.PID, r.Message, r.State, r.Hint)
	}
}

// recoverOne undoes in a process what was left half done, and says what nobody can undo.
func recoverOne(c *command) (func(int) (answer, error), error) {
	revert := c.revertOne(engine.NewRecovery)
	return func(pid int) (answer, error) {
		a, err := revert(pid)
		if err != nil && !nothingToRecover(err) {
			return a, err
		}
		if p, closer, lookErr := open(pid); lookErr == nil {
			c.load(p)
			a.Result.Begun = engine.ListBegun(p)
			_ = closer.Close() // only read from
		}
		return a, err
	}, nil
}

func nothingToRecover(err error) bool {
	e := fault.As(err)
	return e != nil && e.Code == fault.NothingToRecover
}
