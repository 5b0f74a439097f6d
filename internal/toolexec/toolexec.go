package toolexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Cmd is one command to run.
type Cmd struct {
	Dir    string   // working directory; "" is the caller's
	Env    []string // the whole environment as NAME=value; nil is the caller's
	Path   string   // program, looked up in PATH when it has no slash
	Args   []string // without the program
	Stdin  io.Reader
	Stdout io.Writer // gets a copy of standard output; Result has it only when this is nil
	Stderr io.Writer // gets a copy of standard error
}

// Result is what a command left.
type Result struct {
	Stdout   []byte // nil when Cmd.Stdout was set
	Stderr   []byte // its last bytes, see tailSize
	ExitCode int
}

// tailSize is how much of standard error is kept, in bytes.
const tailSize = 16 << 10

// waitDelay is how long after the end of a command, or of its context, its children may still hold its output open.
const waitDelay = 5 * time.Second

// Error is a command that could not be run or did not end with status 0.
type Error struct {
	Argv     []string
	Dir      string
	ExitCode int            // -1 when it did not exit
	Signal   syscall.Signal // 0 when no signal ended it
	Stderr   []byte         // the last bytes of its standard error
	Err      error
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("%s: %v", strings.Join(e.Argv, " "), e.Err)
	if last := e.lastLine(); last != "" {
		msg += ": " + last
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// lastLine returns the last line that the command wrote to standard error and that is not empty.
func (e *Error) lastLine() string {
	text := strings.TrimSpace(string(e.Stderr))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Run runs a command to its end, or kills it when ctx ends. A command that fails returns its Result and an *Error.
func Run(ctx context.Context, c Cmd) (Result, error) {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.WaitDelay = c.Dir, c.Env, c.Stdin, waitDelay
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	stderr := &tail{also: c.Stderr}
	cmd.Stderr = stderr
	err := cmd.Run()
	res := Result{Stderr: stderr.bytes(), ExitCode: -1}
	if c.Stdout == nil {
		res.Stdout = stdout.Bytes()
	}
	if cmd.ProcessState != nil {
		res.ExitCode = cmd.ProcessState.ExitCode()
	}
	if err == nil {
		return res, nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	fail := &Error{Argv: append([]string{c.Path}, c.Args...), Dir: c.Dir, ExitCode: res.ExitCode, Stderr: res.Stderr, Err: err}
	if cmd.ProcessState != nil {
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
			fail.Signal = ws.Signal()
		}
	}
	return res, fail
}

// tail keeps the last tailSize bytes written to it.
type tail struct {
	also io.Writer
	buf  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append([]byte(nil), t.bytes()...)
	}
	if t.also == nil {
		return len(p), nil
	}
	return t.also.Write(p)
}

func (t *tail) bytes() []byte { return t.buf[max(0, len(t.buf)-tailSize):] }
