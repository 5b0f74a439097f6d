package main

import (
	"encoding/binary"
	"os"
	"syscall"

	"gocare/engine"
	"gocare/internal/fault"
)

// A timekeeper is another process, in a session of its own, which ends in time what a command that is over has disturbed:
//
//	worker ── starts ──▸ timekeeper (own session)
//	   │  ── process ─────▸ │ ends its waits, each when its time is over
//	   ▼                    ▼

const timekeeperCommand = "run-timekeeper"

// kept is what a timekeeper is told.
type kept struct {
	PID   int64
	Start uint64
}

// keepTime starts the timekeeper of a process.
func keepTime(pid int, start uint64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	if err := binary.Write(w, binary.NativeEndian, kept{PID: int64(pid), Start: start}); err != nil {
		return err
	}
	p, err := startSelf([]string{"carectl", timekeeperCommand}, &syscall.SysProcAttr{Setsid: true}, r)
	if err != nil {
		return err
	}
	return p.Release()
}

// runTimekeeper is the process that keeps time.
func runTimekeeper(c *command) error {
	syscall.CloseOnExec(helperFD)
	var k kept
	if err := binary.Read(os.NewFile(helperFD, "connection"), binary.NativeEndian, &k); err != nil {
		return fault.New(fault.Usage, "", "%s is for carectl alone", timekeeperCommand).WithCause(err).WithHint("use the other commands")
	}
	_ = os.Chdir("/") // it may outlive a file system
	_ = engine.KeepTime(c.ctx, int(k.PID), k.Start)
	return nil // nobody is left to be told
}
