package testkit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Deadline bounds every wait for a live program.
const Deadline = 30 * time.Second

// Proc is a live program. Its standard output is read line by line as it comes, so it never blocks on a full pipe.
// When the test ends it is killed, after a check that nothing traces it and that it is not stopped.
type Proc struct {
	PID int

	t       testing.TB
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stderr  *lockedBuffer
	changed chan struct{} // capacity 1: a line was added, or the output ended

	mu      sync.Mutex
	lines   []string // not yet returned
	ended   bool
	stopped bool // may be stopped at the end
}

// Start starts a program.
func Start(t testing.TB, name string, args ...string) *Proc {
	t.Helper()
	return StartCmd(t, exec.Command(name, args...))
}

// StartCmd starts a prepared command (directory, environment); its standard streams must be unset.
func StartCmd(t testing.TB, cmd *exec.Cmd) *Proc {
	t.Helper()
	p := &Proc{t: t, cmd: cmd, stderr: &lockedBuffer{}, changed: make(chan struct{}, 1)}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, output, err := os.Pipe() // not StdoutPipe: Wait would close it before the last lines are read
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, cmd.Stdout, cmd.Stderr = stdin, output, p.stderr
	cmd.WaitDelay = time.Second // a forked child may keep standard error open
	err = cmd.Start()
	_ = output.Close()
	if err != nil {
		t.Fatal(err)
	}
	p.PID = cmd.Process.Pid
	awaitMapped(p.PID)
	go p.read(stdout)
	t.Cleanup(p.end)
	return p
}

// awaitMapped waits until the kernel has mapped a program, the last of which is the vector that it tells the program: a start has
// succeeded a little before that.
func awaitMapped(pid int) {
	for {
		vector, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
		if err != nil || len(vector) == 0 || vector[0] != 0 { // it may have ended
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *Proc) read(stdout *os.File) {
	defer stdout.Close()
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		p.mu.Unlock()
		p.signal()
	}
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.signal()
}

func (p *Proc) signal() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Next returns the next line of standard output, without its end.
func (p *Proc) Next() string {
	p.t.Helper()
	return p.WaitFunc("a line", func(string) bool { return true })
}

// WaitLine skips lines until one holds substring, and returns it.
func (p *Proc) WaitLine(substring string) string {
	p.t.Helper()
	return p.WaitFunc(strconv.Quote(substring), func(line string) bool { return strings.Contains(line, substring) })
}

// WaitFunc skips lines until match accepts one, and returns it; what names the thing waited for in the failure.
func (p *Proc) WaitFunc(what string, match func(line string) bool) string {
	p.t.Helper()
	timeout := time.NewTimer(Deadline)
	defer timeout.Stop()
	var skipped []string
	for {
		line, ok, ended := p.take()
		switch {
		case ok && match(line):
			return line
		case ok:
			skipped = append(skipped, line)
			continue
		case ended:
			p.t.Fatalf("pid %d: output ended before %s; lines: %q; standard error: %s", p.PID, what, tail(skipped), p.stderr)
		}
		select {
		case <-p.changed:
		case <-timeout.C:
			p.t.Fatalf("pid %d: no %s within %s; lines: %q; standard error: %s", p.PID, what, Deadline, tail(skipped), p.stderr)
		}
	}
}

func tail(lines []string) []string { return lines[max(0, len(lines)-20):] }

func (p *Proc) take() (line string, ok, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lines) == 0 {
		return "", false, p.ended
	}
	line, p.lines = p.lines[0], p.lines[1:]
	return line, true, false
}

// Drain drops the lines that were read so far, so that the next one is new.
func (p *Proc) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
}

// Send writes a line to the program's standard input.
func (p *Proc) Send(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		p.t.Fatalf("pid %d: %v; standard error: %s", p.PID, err, p.stderr)
	}
}

// CloseInput closes the program's standard input.
func (p *Proc) CloseInput() { _ = p.stdin.Close() }

// Stderr returns what the program has written to its standard error.
func (p *Proc) Stderr() string { return p.stderr.String() }

// AllowStopped says that the test leaves the program stopped (by a signal, not by a tracer) on purpose.
func (p *Proc) AllowStopped() { p.stopped = true }

// Wait waits for the program to end by itself and returns its exit status, or minus the signal that ended it.
func (p *Proc) Wait() int {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // the status is in ProcessState
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(Deadline):
		p.t.Fatalf("pid %d: still running after %s", p.PID, Deadline)
	}
	return exitStatus(p.cmd)
}

func (p *Proc) end() {
	if p.cmd.ProcessState != nil {
		return
	}
	if err := untouched(p.PID, p.stopped); err != nil {
		p.t.Errorf("pid %d at the end of the test: %v", p.PID, err)
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // always "signal: killed"
}

// untouched reports a thread that is traced, or stopped unless that is allowed.
func untouched(pid int, stopped bool) error {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		state, tracer := statusField(text, "State"), statusField(text, "TracerPid")
		if tracer != "0" || strings.HasPrefix(state, "t") {
			return fmt.Errorf("%s: state %s, traced by %s", file, state, tracer)
		}
		if strings.HasPrefix(state, "T") && !stopped {
			return fmt.Errorf("%s: state %s", file, state)
		}
	}
	return nil
}

func statusField(text []byte, name string) string {
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
