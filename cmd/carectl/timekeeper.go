package main

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"gocare/engine"
	"gocare/internal/fault"
)

// A timekeeper is another process, in a session of its own, which ends in time what a command that is over has disturbed:
//
//	worker ── starts ──▸ timekeeper (own session)
//	   ▼                    │ ends the process' waits, each when its time is over
//	                        ▼

const timekeeperCommand = "run-timekeeper"

// keepTime starts the timekeeper of a process.
func keepTime(pid int, start uint64) error {
	p, err := startSelf([]string{"carectl", timekeeperCommand, strconv.Itoa(pid), strconv.FormatUint(start, 10)}, &syscall.SysProcAttr{Setsid: true})
	if err != nil {
		return err
	}
	return p.Release()
}

// runTimekeeper is the process that keeps time. Its arguments are the process' number and when that started.
func runTimekeeper(c *command) error {
	pid, start, err := keptProcess(c.args)
	if err != nil {
		return fault.New(fault.Usage, "", "%s is for carectl alone", timekeeperCommand).WithCause(err).WithHint("use the other commands")
	}
	_ = os.Chdir("/") // it may outlive a file system
	_ = engine.KeepTime(c.ctx, pid, start)
	return nil // nobody is left to be told
}

func keptProcess(args []string) (pid int, start uint64, err error) {
	if len(args) != 2 {
		return 0, 0, errors.New("two arguments are needed")
	}
	pid, err1 := strconv.Atoi(args[0])
	start, err2 := strconv.ParseUint(args[1], 10, 64)
	return pid, start, errors.Join(err1, err2)
}
