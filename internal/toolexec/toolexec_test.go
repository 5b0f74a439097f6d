package toolexec

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func sh(script string) Cmd { return Cmd{Path: "/bin/sh", Args: []string{"-c", script}} }

func TestRun(t *testing.T) {
	dir := t.TempDir()
	c := sh(`cat; echo "$X $(pwd)"; echo note >&2`)
	c.Dir, c.Env, c.Stdin = dir, []string{"X=set", "PATH=" + os.Getenv("PATH")}, strings.NewReader("in ")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	res, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Stdout), "in set "+dir+"\n"; got != want {
		t.Errorf("standard output %q, want %q", got, want)
	}
	if string(res.Stderr) != "note\n" || stderr.String() != "note\n" || res.ExitCode != 0 {
		t.Errorf("standard error %q and %q, exit code %d", res.Stderr, stderr.String(), res.ExitCode)
	}
	var stdout bytes.Buffer
	c = sh("echo out")
	c.Stdout = &stdout
	if res, err = Run(context.Background(), c); err != nil || res.Stdout != nil || stdout.String() != "out\n" {
		t.Errorf("with a writer: %q kept, %q written, %v", res.Stdout, stdout.String(), err)
	}
}

func TestRunFails(t *testing.T) {
	cases := []struct {
		name   string
		cmd    Cmd
		code   int
		signal syscall.Signal
		last   string
		is     error
	}{
		{name: "exit status", cmd: sh("echo first >&2; echo 'a.c:1: error: x' >&2; exit 3"), code: 3, last: "a.c:1: error: x"},
		{name: "signal", cmd: sh("kill -KILL $$"), code: -1, signal: syscall.SIGKILL},
		{name: "no such program", cmd: Cmd{Path: "no-such-program"}, code: -1, is: exec.ErrNotFound},
		{name: "no such directory", cmd: Cmd{Path: "/bin/sh", Dir: "/no/such/directory"}, code: -1, is: os.ErrNotExist},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Run(context.Background(), c.cmd)
			var fail *Error
			if !errors.As(err, &fail) {
				t.Fatalf("Run: %v, want an *Error", err)
			}
			if fail.ExitCode != c.code || fail.Signal != c.signal || fail.lastLine() != c.last {
				t.Errorf("exit code %d, signal %v, last line %q; want %d, %v, %q", fail.ExitCode, fail.Signal, fail.lastLine(), c.code, c.signal, c.last)
			}
			if fail.Argv[0] != c.cmd.Path || !strings.Contains(err.Error(), c.cmd.Path) || !strings.Contains(err.Error(), c.last) {
				t.Errorf("message %q names neither the command nor its last line", err)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func TestRunCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := sh("echo ready >&2; exec cat")
	c.Stdin = r
	c.Stderr = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }) // once it runs
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v, want context canceled", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTail(t *testing.T) {
	tl := &tail{}
	for range 100 {
		_, _ = tl.Write(bytes.Repeat([]byte("x"), tailSize/3))
	}
	_, _ = tl.Write([]byte("end"))
	if got := tl.bytes(); len(got) != tailSize || !bytes.HasSuffix(got, []byte("xend")) || cap(tl.buf) > 8*tailSize {
		t.Errorf("kept %d bytes of capacity %d ending in %q", len(got), cap(tl.buf), got[len(got)-4:])
	}
}
