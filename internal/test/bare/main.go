// Bare stops a process as a commit does, with nothing to check: every thread is seized and stopped, the sleeping ones first, five bytes are written
// over themselves, and all are let go. What that costs the process is the least that any patch does. It prints for how many microseconds running
// threads were held.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"gocare/engine/inspect"
	"gocare/engine/trace"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: bare PID")
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	entry, err := inspect.Entry(pid)
	if err != nil {
		return err
	}
	return trace.Do(context.Background(), pid, func(s *trace.Session) error { return stop(s, int64(entry)) })
}

func stop(s *trace.Session, at int64) error {
	if err := errors.Join(s.Seize(), s.StopSleepers()); err != nil {
		return err
	}
	start := time.Now()
	if err := s.StopAll(); err != nil {
		return err
	}
	code := make([]byte, 5)
	if _, err := s.ReadAt(code, at); err != nil {
		return err
	}
	if _, err := s.WriteAt(code, at); err != nil {
		return err
	}
	s.DetachRunning()
	fmt.Println(time.Since(start).Microseconds())
	s.Detach()
	return nil
}
