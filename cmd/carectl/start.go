package main

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"gocare/engine"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// This process itself becomes the command, so that PID, parent, exit status, signals and open files are the command's own.
// A helper, which is no child of it, traces it from its execve to the command's entry point and patches it there:
//
//	carectl run ── starts ──▸ run-helper --fork ── starts ──▸ run-helper (own session)
//	   │  ◂── its PID ──────────────────────────────────────────── │
//	   │  ── "you may trace me" ────────────────────────────────▸  │
//	   │  ◂── 0: you are traced; else what to exit with ────────── │
//	   ▼ execve                                                    ▼ engine.Start

const (
	helperCommand = "run-helper"
	forkFlag      = "fork"
	helperFD      = 3 // of the helper: its end of the connection

	prSetPtracer = 0x59616d61 // PR_SET_PTRACER of <linux/prctl.h>
)

// Exit statuses of env(1), nohup(1) and the shell for a command that does not run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// withStatus is an error for which the exit status is another than its kind's.
type withStatus struct {
	status int
	error
}

func (e *withStatus) Unwrap() error { return e.error }

// runCommand becomes a command, patched before its main function runs. It returns only when that fails.
func runCommand(c *command) error {
	args, err := c.splitRun()
	if err != nil {
		return err
	}
	path, err := findCommand(args[0])
	if err != nil {
		return err
	}
	signal.Reset() // from here on they end this process as they would end the command
	if err := c.ctx.Err(); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	conn, err := c.startHelper()
	if err != nil {
		return fault.New(fault.Environment, "", "cannot start the process that patches").WithCause(err).WithState("the command was not started")
	}
	defer conn.Close()
	status, err := meet(conn)
	if err != nil {
		return fault.New(fault.Environment, "", "the process that patches has ended").WithCause(err).WithState("the command was not started")
	}
	if status != 0 { // it has said why
		return &withStatus{status, &reported{errors.New("refused")}}
	}
	return notExecuted(path, execute(path, args))
}

// splitRun parts the patches from the command behind the double dash.
func (c *command) splitRun() (args []string, err error) {
	const hint = "use carectl run FILE… -- CMD ARG…"
	i := slices.Index(c.args, "--")
	switch {
	case i < 0 || i == len(c.args)-1:
		return nil, fault.New(fault.Usage, "", "no command given").WithHint(hint)
	case i == 0:
		return nil, fault.New(fault.Usage, "", "no patch given").WithHint(hint)
	}
	args, c.args = c.args[i+1:], c.args[:i]
	return args, nil
}

// findCommand returns the path of a command as execvp(3) would find it.
func findCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", notExecuted(name, err)
	}
	if err := keepsPrivileges(path); err != nil {
		return "", err
	}
	return path, nil
}

// notExecuted says why a command does not run.
func notExecuted(name string, err error) error {
	status := exitNotExecutable
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		status = exitNotFound
	}
	var cause *exec.Error
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return &withStatus{status, fault.New(fault.Environment, "", "cannot run %q", name).WithCause(err).
		WithState("the command was not started").WithHint("name a program in PATH, or the path of one")}
}

// keepsPrivileges refuses a program that runs with privileges of its file: the kernel drops them when a user without
// privileges traces it.
func keepsPrivileges(path string) error {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() == 0 {
		return nil
	}
	_, err = syscall.Getxattr(path, "security.capability", nil)
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) == 0 && err != nil {
		return nil
	}
	return fault.Refuse(fault.PrivilegedProgram, path, "runs with privileges of its own, which it would lose").
		WithState("the command was not started")
}

// execute becomes the command; a file that is neither a program nor names an interpreter is a script of the shell.
func execute(path string, args []string) error {
	err := syscall.Exec(path, args, os.Environ())
	if err == syscall.ENOEXEC {
		if filepath.Base(path) == path {
			path = "./" + path
		}
		err = syscall.Exec("/bin/sh", append([]string{args[0], path}, args[1:]...), os.Environ())
	}
	return err
}

// startHelper starts the process that is to trace this one, and returns the connection to it.
func (c *command) startHelper() (*os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "helper"), os.NewFile(uintptr(fds[1]), "helper")
	defer theirs.Close()
	args := []string{"carectl", helperCommand, "--" + forkFlag, "--wait=" + c.wait.String()}
	for _, option := range []struct {
		name string
		set  bool
	}{{"--verbose", c.ui.Verbose()}, {"--json", c.ui.JSON()}, {"--" + signedFlag, c.signed}} {
		if option.set {
			args = append(args, option.name)
		}
	}
	args = append(args, "--", strconv.Itoa(os.Getpid()), strconv.Itoa(syscall.Gettid()))
	p, err := startSelf(append(args, c.args...), nil, theirs)
	if err == nil {
		_, err = p.Wait() // it only starts another: no child of this process may be left to the command
	}
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	return ours, nil
}

// startSelf starts this program again, with further files from helperFD on.
func startSelf(args []string, attr *syscall.SysProcAttr, more ...*os.File) (*os.Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	return os.StartProcess("/proc/self/exe", args, &os.ProcAttr{Files: append([]*os.File{null, os.Stdout, os.Stderr}, more...), Sys: attr})
}

// meet lets the helper trace this process and returns the status that it sends.
func meet(conn *os.File) (int, error) {
	var helper int64
	if err := binary.Read(conn, binary.LittleEndian, &helper); err != nil {
		return 0, err
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetPtracer, uintptr(helper), 0) // only Yama knows it
	var status [1]byte
	if _, err := conn.Write(status[:]); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(conn, status[:])
	return int(status[0]), err
}

// runHelper is the process that patches. With --fork it starts itself once more and ends, so that it is nobody's child.
func runHelper(c *command) error {
	conn := os.NewFile(helperFD, "connection")
	if c.fork {
		args := slices.DeleteFunc(slices.Clone(os.Args), func(arg string) bool { return arg == "--"+forkFlag })
		_, err := startSelf(args, &syscall.SysProcAttr{Setsid: true}, conn)
		return err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) // the command gets its own
	syscall.CloseOnExec(helperFD)
	l, err := c.launch(conn)
	if err == nil {
		err = engine.Start(c.ctx, l, c.options())
	}
	if err == nil {
		return nil
	}
	c.refused(err)
	_, _ = conn.Write([]byte{byte(ui.ExitCode(err))}) // fails only when the other side has ended
	return &reported{err}
}

// refused says why the command does not run.
func (c *command) refused(err error) int {
	if e := fault.As(err); e != nil && e.State == "" {
		e.WithState("the command was not started")
	}
	return c.ui.Fail(err)
}

// applied tells what was done to the command. Standard output and error are the command's own: what most programs need not know is said with
// -v alone.
func (c *command) applied(o outcome) {
	c.noteUnwinds(o)
	c.noteLater(o, c.ui.Progress)
	for _, r := range o.Patches {
		c.ui.Progress("pid %d: patch %s applied to %s, %d function(s)", o.PID, r.ID, r.Target, len(r.Functions))
	}
}

// launch reads the helper's arguments: PID, TID and the patches.
func (c *command) launch(conn *os.File) (engine.Launch, error) {
	if len(c.args) < 3 {
		return engine.Launch{}, fault.New(fault.Usage, "", "%s is for carectl run alone", helperCommand).WithHint("use carectl run")
	}
	var l engine.Launch
	var err1, err2 error
	l.PID, err1 = strconv.Atoi(c.args[0])
	l.TID, err2 = strconv.Atoi(c.args[1])
	if err := errors.Join(err1, err2); err != nil {
		return engine.Launch{}, err
	}
	if err := binary.Write(conn, binary.LittleEndian, int64(os.Getpid())); err != nil {
		return engine.Launch{}, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return engine.Launch{}, err
	}
	var err error
	c.args = c.args[2:]
	l.Library, err = c.openAll()
	l.Ready = func() error { _, err := conn.Write([]byte{0}); return err }
	l.Applied = func(r engine.Result) { c.applied(newOutcome(r)) }
	l.Failed = c.refused
	return l, err
}
