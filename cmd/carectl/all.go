package main

import (
	"os"

	"gocare/engine/inspect"
	"gocare/internal/fault"
)

// passedOver counts the processes that -p all did not look at for lack of rights.
type passedOver struct {
	others    int // of other users
	protected int // of this user
}

// skip is an error for which a process is passed over when all are asked for.
var skip = map[fault.Code]bool{
	fault.NotApplicable: true, fault.NotApplied: true, fault.AlreadyApplied: true, fault.KernelThread: true, fault.Zombie: true,
	fault.NoProcess: true, fault.NoSuchProcess: true, fault.Machine: true, fault.NothingToRecover: true,
}

// passOver reports whether a process with this error is left out: all were asked for, and the patch does not concern it, or
// the user has no rights over it. Nothing is out of root's reach, so there that is a failure.
func (c *command) passOver(pid int, err error) bool {
	e := fault.As(err)
	if !c.all || e == nil {
		return false
	}
	switch {
	case skip[e.Code]:
	case e.Code == fault.Permission && os.Geteuid() != 0:
		c.left.count(pid)
	default:
		return false
	}
	if e.Code == fault.AlreadyApplied {
		c.ui.Note("%v", err)
	} else {
		c.ui.Progress("skipped: %v", err)
	}
	return true
}

func (p *passedOver) count(pid int) {
	if uid, err := inspect.Owner(pid); err == nil && uid == os.Geteuid() {
		p.protected++
		return
	}
	p.others++
}

func (p *passedOver) sum() int { return p.others + p.protected }

// sayLeftOut says in a line what passOver counted.
func (c *command) sayLeftOut() {
	if n := c.left.others; n > 0 {
		c.ui.Note("%d %s of other users left out", n, processes(n))
	}
	if n := c.left.protected; n > 0 {
		c.ui.Note("%d %s of this user left out, which the kernel protects (set-user-ID, not dumpable, kernel.yama.ptrace_scope)", n, processes(n))
	}
}

func processes(n int) string {
	if n == 1 {
		return "process"
	}
	return "processes"
}

// nothingDone is the error when no process was concerned.
func (c *command) nothingDone(what string) error {
	e := fault.Refuse(fault.NothingDone, "", "no process %s changed", what).WithState("all processes unchanged and running")
	if c.left.sum() > 0 {
		return e.WithHint("see which were passed over, and why, with -v; run as root for those left out")
	}
	return e.WithHint("see which were passed over, and why, with -v")
}
