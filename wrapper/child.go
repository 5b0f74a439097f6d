package wrapper

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"
)

// forwarded are the signals that end a tool; they are passed on so that it can tidy up.
var forwarded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// child is a real tool at work. It is started without package os, whose first StartProcess forks once more to try out
// pidfds: a tenth of the time that small units take to assemble.
type child struct{ pid int }

// start runs path with our own standard files, or with others in their place.
func start(path string, argv, env []string, files [3]*os.File) (*child, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, forwarded...)
	fds := []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: env, Files: fds})
	if err != nil {
		return nil, &os.PathError{Op: "exec", Path: path, Err: err}
	}
	go func() {
		for s := range signals {
			_ = syscall.Kill(pid, s.(syscall.Signal))
		}
	}()
	return &child{pid}, nil
}

// status is how a tool ended.
type status struct {
	code   int
	signal syscall.Signal // 0 when it exited
}

func (s status) ok() bool { return s.code == 0 && s.signal == 0 }

// wait waits for the tool to end.
func (c *child) wait() (status, error) {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return status{}, os.NewSyscallError("wait4", err)
		}
	}
	if ws.Signaled() {
		return status{signal: ws.Signal()}, nil
	}
	return status{code: ws.ExitStatus()}, nil
}

// end returns the exit status to end with, or ends this process by the signal that ended the tool.
func (s status) end() int {
	if s.signal == 0 {
		return s.code
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // the tool has left its core already
	defaultAction(s.signal)
	runtime.LockOSThread() // sent to this thread the signal acts before the call returns
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(s.signal))
	return 128 + int(s.signal)
}

// defaultAction undoes the handler of Go's run time; signal.Reset leaves the one for SIGSEGV and its like.
func defaultAction(s syscall.Signal) {
	signal.Reset(s)
	var act [4]uintptr // struct kernel_sigaction: handler (0 is SIG_DFL), flags, restorer, mask
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
}
