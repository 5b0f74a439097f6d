package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is one command.
type Command struct {
	Dir   string
	Env   []string // besides our own
	Limit time.Duration
	Args  []string // the first is the program
}

// Result is how a command ended.
type Result struct {
	Status   int // -1: by a signal, or stopped by us
	Out, Err string
}

func (r Result) String() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s%s", r.Status, r.Out, r.Err))
}

// most is how much a command may print, in bytes; one that prints more is ended by the signal of a closed pipe.
const most = 16 << 20

// limited is a buffer that takes so much.
type limited struct{ buf bytes.Buffer }

func (b *limited) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > most {
		return 0, errors.New("too much output")
	}
	return b.buf.Write(p)
}

// Run runs the command in a process group of its own, of which it ends what is left.
func (c Command) Run(ctx context.Context) Result {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	var out, errs limited
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, &out, &errs
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails when none of it is left, as it should be
	}
	r := Result{Status: -1, Out: out.buf.String(), Err: errs.buf.String()}
	if cmd.ProcessState != nil {
		r.Status = cmd.ProcessState.ExitCode()
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.Err += err.Error()
	} else if r.Status < 0 {
		r.Err += cmd.ProcessState.String()
	}
	return r
}
