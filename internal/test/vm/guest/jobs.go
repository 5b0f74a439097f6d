//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"gocare/internal/test/vm/request"
)

// jobsTool is the name under which the guest's first program runs what the host asks for.
const jobsTool = "jobs"

// doJobs runs the jobs that the host puts into a folder, until the host says that there are no more.
func doJobs(folder string) int {
	done := map[string]bool{}
	for ; ; time.Sleep(5 * time.Millisecond) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			fmt.Println("guest:", err)
			return 1
		}
		for _, e := range entries {
			if e.Name() == request.End {
				return 0
			}
			dir := filepath.Join(folder, e.Name())
			text, err := os.ReadFile(filepath.Join(dir, request.QuestionFile))
			if err != nil || done[dir] {
				continue
			}
			done[dir] = true
			if err := request.Reply(dir, doJob(text)); err != nil {
				fmt.Println("guest:", err)
				return 1
			}
		}
	}
}

// doJob runs one job in a process group of its own, of which it ends what is left.
func doJob(text []byte) (a request.Answer) {
	var q request.Question
	if err := json.Unmarshal(text, &q); err != nil {
		return request.Answer{Status: -1, Stderr: []byte(err.Error())}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(q.Seconds)*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, q.Tool, q.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = q.Dir, &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails when none of it is left, as it should be
	}
	a = request.Answer{Status: -1, Stdout: out.Bytes(), Stderr: errs.Bytes()}
	if cmd.ProcessState != nil {
		a.Status = cmd.ProcessState.ExitCode()
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		a.Stderr = append(a.Stderr, err.Error()...)
	} else if a.Status < 0 {
		a.Stderr = append(a.Stderr, cmd.ProcessState.String()...)
	}
	return a
}
