package main

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"gocare/engine"
	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// hostRow is what there is to say of a process.
type hostRow struct {
	PID      int           `json:"pid"`
	Comm     string        `json:"comm"`
	UID      int           `json:"uid"`
	Patches  []infoRow     `json:"-"`                  // applied; the document has them apart
	Begun    []begunRow    `json:"-"`                  // likewise: what carectls that were killed have left
	Objects  []objectRow   `json:"objects,omitempty"`  // that a patch given is for
	Outdated []outdatedRow `json:"outdated,omitempty"` // that run from a file which is gone
}

type infoRow struct {
	PID         int          `json:"pid"`
	Comm        string       `json:"comm"`
	Target      string       `json:"target"`
	BuildID     string       `json:"build_id"`
	Number      int          `json:"applied_patch_number"`
	ID          string       `json:"patch_id"`
	Description string       `json:"description,omitempty"`
	CVEs        []string     `json:"cves,omitempty"`
	Region      string       `json:"region"`
	Functions   list[string] `json:"functions"`
	Inactive    []string     `json:"inactive,omitempty"` // replaced in turn by a later patch
	Foreign     bool         `json:"foreign,omitempty"`  // applied by another tool
}

// States of an object that a patch given is for.
const (
	vulnerable = "vulnerable" // it runs what the patch would replace
	patched    = "patched"
)

// objectRow is how an object of a process stands to a patch.
type objectRow struct {
	Target   string      `json:"target"`
	Path     string      `json:"path"`
	BuildID  string      `json:"build_id"`
	ID       string      `json:"patch_id"`
	File     string      `json:"file"`
	CVEs     []string    `json:"cves,omitempty"`
	Signed   string      `json:"signature,omitempty"` // "signed", or the code of what speaks against its signature
	State    string      `json:"state"`
	By       []string    `json:"by,omitempty"`       // ids of the patches applied that have what this one changes
	Obstacle *ui.Failure `json:"obstacle,omitempty"` // why this one cannot be applied now
}

type outdatedRow struct {
	Target      string       `json:"target"`
	Path        string       `json:"path"`
	BuildID     string       `json:"build_id"`
	State       inspect.Disk `json:"state"`
	DiskBuildID string       `json:"disk_build_id,omitempty"` // of the file that is at the path now
}

// survey is all that info found.
type survey struct {
	Patches   []infoRow     `json:"patches"`
	Begun     []begunRow    `json:"begun,omitempty"`
	Processes []hostRow     `json:"processes"`
	Failed    []failedRow   `json:"failed,omitempty"` // of these nothing is known
	Summary   surveySummary `json:"summary"`
	LeftOut   int           `json:"left_out,omitempty"`
	Error     *ui.Failure   `json:"error,omitempty"`
}

type failedRow struct {
	PID   int         `json:"pid"`
	Error *ui.Failure `json:"error"`
}

// surveySummary counts processes.
type surveySummary struct {
	Processes  int `json:"processes"`  // looked at
	Applied    int `json:"applied"`    // with a patch
	Vulnerable int `json:"vulnerable"` // to a patch given
	Patched    int `json:"patched"`    // concerned by patches given, and not vulnerable
	Obstructed int `json:"obstructed"` // vulnerable, and cannot be patched now
	Outdated   int `json:"outdated"`   // that run from a file which is gone
}

// initPID is the process that starts all others.
const initPID = 1

// info lists the patches in the processes, or how these stand to patches.
func info(c *command) error {
	c.all = c.all || !c.given
	if err := c.checkPatches(); err != nil {
		return err
	}
	pids, err := c.looked()
	if err != nil {
		return err
	}
	found := &survey{Patches: []infoRow{}, Processes: []hostRow{}, Summary: surveySummary{Processes: len(pids)}}
	var first error
	c.askAll(pids, func(pid int, a answer, err error) {
		switch {
		case c.passOver(pid, err):
		case c.all && pid == initPID && fault.As(err) != nil && fault.As(err).Code == fault.Permission:
			c.left.count(pid) // what keeps root off it is no failure: nobody patches it with all others
		case err != nil:
			c.ui.Explain(err)
			found.Failed = append(found.Failed, failedRow{pid, ui.FailureOf(err)})
			if first == nil {
				first = &reported{err}
			}
		case a.Host != nil:
			found.add(*a.Host)
			c.printHost(a.Host)
		case !c.all && !c.ui.JSON() && len(c.args) == 0:
			c.ui.Note("pid %d: no patch is applied", pid)
		}
	})
	return c.conclude(found, first)
}

// checkPatches refuses patches that cannot be read, before any process is looked at, and a CVE that none of them names.
func (c *command) checkPatches() error {
	if i := slices.IndexFunc(c.args, isPID); i >= 0 {
		return fault.New(fault.Usage, "", "unexpected argument %q", c.args[i]).WithHint("use info -p PID")
	}
	if len(c.args) == 0 {
		return nil
	}
	if err := c.leaveOutOtherMachines(); err != nil {
		return err
	}
	library, err := c.openAll()
	if err != nil || c.cve == "" {
		return err
	}
	named, err := library.Naming(c.cve)
	if err == nil && !named {
		err = fault.Refuse(fault.CveUnknown, "", "no patch given says that it fixes %s", strings.ToUpper(c.cve)).WithState("no process was looked at")
	}
	return err
}

// leaveOutOtherMachines leaves out patches that are for no process of this machine, unless all are.
func (c *command) leaveOutOtherMachines() error {
	check, first := c.signatures()
	if first != nil {
		return first
	}
	var ours []string
	for _, path := range c.args {
		_, err := engine.OpenLibrary([]string{path}, check)
		if e := fault.As(err); e == nil || e.Code != fault.FormatMachine {
			ours = append(ours, path) // what else is wrong with it is said by those who use it
			continue
		}
		c.ui.Note("%v: left out", err)
		first = cmp.Or(first, err)
	}
	if len(ours) == 0 {
		return first
	}
	c.args = ours
	return nil
}

// looked returns the processes to look at: those asked for, or all but this one.
func (c *command) looked() ([]int, error) {
	if !c.all {
		return c.pids, nil
	}
	pids, err := inspect.Numbers()
	var list []int
	for _, pid := range pids {
		if pid != os.Getpid() {
			list = append(list, pid)
		}
	}
	return list, err
}

func (s *survey) add(h hostRow) {
	s.Patches = append(s.Patches, h.Patches...)
	s.Begun = append(s.Begun, h.Begun...)
	states := map[string]bool{}
	obstructed := false
	for _, o := range h.Objects {
		states[o.State] = true
		obstructed = obstructed || o.Obstacle != nil
	}
	for count, holds := range map[*int]bool{
		&s.Summary.Applied: len(h.Patches) > 0, &s.Summary.Vulnerable: states[vulnerable], &s.Summary.Obstructed: obstructed,
		&s.Summary.Patched: states[patched] && !states[vulnerable], &s.Summary.Outdated: len(h.Outdated) > 0,
	} {
		if holds {
			*count++
		}
	}
	if len(h.Objects)+len(h.Outdated)+len(h.Patches)+len(h.Begun) > 0 {
		s.Processes = append(s.Processes, h)
	}
}

// conclude writes what was found, and decides the exit code: 1 if a process could not be judged, else 3 if one is vulnerable.
func (c *command) conclude(found *survey, failed error) error {
	c.sayLeftOut()
	found.LeftOut = c.left.sum()
	if s := found.Summary; len(c.args) > 0 {
		c.ui.Note("%d vulnerable %s, of which %d cannot be patched now; %d patched", s.Vulnerable, processes(s.Vulnerable), s.Obstructed, s.Patched)
	}
	if c.prometheus != "" && c.ctx.Err() == nil { // of a part of the processes the numbers would say that others are well
		if err := writeMetrics(c.prometheus, found, c.args); err != nil {
			return err
		}
	}
	if failed != nil {
		found.Error = ui.FailureOf(failed)
	}
	if err := c.ui.Result(found); err != nil {
		return err
	}
	if failed == nil && found.Summary.Vulnerable > 0 {
		return &reported{fault.New(fault.Busy, "", "not all processes are patched")}
	}
	return failed
}

func (c *command) printHost(h *hostRow) {
	if len(c.args) == 0 {
		for _, row := range h.Patches {
			c.printInfo(row)
		}
	}
	for _, row := range h.Begun {
		c.printBegun(row)
	}
	for _, o := range h.Objects {
		c.printObject(h, o)
	}
	for _, o := range h.Outdated {
		if c.outdated {
			c.rowsOf(h.PID, o.Target, o.BuildID)
			c.row("File:", "%s, %s", o.Path, o.State)
		}
	}
}

func (c *command) row(name, format string, args ...any) {
	c.ui.Info("%-22s"+format, append([]any{name}, args...)...)
}

// rowsOf begins what is said of an object in a process.
func (c *command) rowsOf(pid int, target, buildID string) {
	c.row("Pid:", "%d", pid)
	c.row("Target:", "%s", target)
	c.row("Build id:", "%s", buildID)
}

func (c *command) printInfo(r infoRow) {
	c.rowsOf(r.PID, r.Target, r.BuildID)
	c.row("Applied patch number:", "%d", r.Number)
	c.row("Patch id:", "%s", r.ID)
	if r.Description != "" {
		c.row("Description:", "%s", r.Description)
	}
}

func (c *command) printObject(h *hostRow, o objectRow) {
	c.rowsOf(h.PID, o.Target, o.BuildID)
	c.row("Patch id:", "%s", o.ID)
	if len(o.CVEs) > 0 {
		c.row("Fixes:", "%s", strings.Join(o.CVEs, ", "))
	}
	c.row("Signature:", "%s", o.Signed)
	c.row("State:", "%s", o.State)
	if o.Obstacle != nil {
		c.row("Obstacle:", "%s", o.Obstacle.Message)
		if o.Obstacle.Hint != "" {
			c.row("Hint:", "%s", o.Obstacle.Hint)
		}
	}
}
