package isolate

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a command may take to tidy up after SIGTERM before it is killed with everything it started. make
// uses it to remove what it has half built.
const patience = 5 * time.Second

// keeper runs a command and outlives it: when the program that asked for the command ends, SIGKILL included, the keeper ends
// the command and all its descendants, whatever process group or session they put themselves in. It is their subreaper,
// so that none of them gets out of its sight.
type keeper struct {
	parent  int // PID of the program that asked
	signals chan os.Signal
	ended   chan syscall.WaitStatus // of the command
	empty   chan struct{}           // closed when no descendant is left
}

// newKeeper makes this process the keeper of what it starts. It stays on one thread, whose death the kernel would take for
// that of the process.
func newKeeper(parent int) (*keeper, error) {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming the subreaper of the build: %w", err)
	}
	k := &keeper{parent: parent, signals: make(chan os.Signal, 8), ended: make(chan syscall.WaitStatus, 1), empty: make(chan struct{})}
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(k.signals, s)
		}
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0); err != nil {
		return nil, err
	}
	if k.orphaned() { // before the kernel was told
		return nil, fmt.Errorf("process %d ended", parent)
	}
	return k, nil
}

func (k *keeper) orphaned() bool { return os.Getppid() != k.parent }

// run runs the command and returns its exit status, 128 and the number of the signal that ended it. With endAll, what the
// command leaves running is ended too.
func (k *keeper) run(path string, args, env []string, endAll bool) (int, error) {
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, err
	}
	go k.reap(pid)
	status, interrupted := k.wait()
	if endAll && !interrupted {
		k.killAll()
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// reap collects the command and every orphan until there is none left.
func (k *keeper) reap(pid int) {
	defer close(k.empty)
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return
		case got == pid:
			k.ended <- ws
		}
	}
}

// wait returns when the command has ended. A signal gives it, and what it started, time to end. That its parent has died, the
// keeper passes on as SIGTERM to the process group, where any other signal came from; the kernel tells of it when the
// first thread of the parent is gone, so it may take a moment to show.
func (k *keeper) wait() (status syscall.WaitStatus, interrupted bool) {
	select {
	case status = <-k.ended:
		return status, false
	case <-k.signals:
	}
	passedOn := false
	for late := time.Now().Add(patience); time.Now().Before(late) && k.groupLives(); {
		if !passedOn && k.orphaned() {
			passedOn = true
			_ = syscall.Kill(0, syscall.SIGTERM)
		}
		time.Sleep(5 * time.Millisecond)
	}
	k.killAll()
	select {
	case status = <-k.ended:
	default: // it hangs in the kernel
	}
	return status, true
}

// groupLives reports whether a descendant in this process group is left: one that SIGTERM to the group reached.
func (k *keeper) groupLives() bool {
	group := syscall.Getpgrp()
	return slices.ContainsFunc(descendants(os.Getpid()), func(p process) bool { return p.group == group && !p.zombie })
}

// killAll kills all descendants and returns when they are gone. One that hangs in the kernel is left to it.
func (k *keeper) killAll() {
	for range 1000 {
		select {
		case <-k.empty:
			return
		case <-time.After(5 * time.Millisecond):
		}
		for _, p := range descendants(os.Getpid()) {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}

// process is one line of the process table.
type process struct {
	pid, parent, group int
	zombie             bool
}

// descendants lists the processes below pid.
func descendants(pid int) []process {
	children := map[int][]process{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(n); ok {
				children[p.parent] = append(children[p.parent], p)
			}
		}
	}
	list := slices.Clone(children[pid])
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i].pid]...)
	}
	return list
}

// readProcess reads /proc/PID/stat, of which the second field is a name in parentheses, the next are state, parent and group.
func readProcess(pid int) (process, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	p, state := process{pid: pid}, ""
	_, err = fmt.Sscan(string(data[bytes.LastIndexByte(data, ')')+1:]), &state, &p.parent, &p.group)
	p.zombie = state == "Z"
	return p, err == nil
}
