package engine

import (
	"context"
	"errors"
	"fmt"
	"log/syslog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/internal/fault"
)

// Held is a process that no other carectl changes until Release, and what it was when that began: what is planned then is what is
// found when it is done.
type Held struct {
	Process *inspect.Process
	lock    *os.File
	waits   *trace.Waits // that stops disturb
	keep    func(pid int, start uint64) error
}

// Hold waits for its turn to change a process, for at most opt.Wait, and looks at the process. Its objects are not loaded.
func Hold(ctx context.Context, pid int, opt Options) (*Held, error) {
	before, err := inspect.Status(pid)
	if err != nil {
		return nil, whyNot(pid)
	}
	f, err := lock(ctx, pid, before.StartTime, opt)
	if err != nil {
		return nil, err
	}
	p, err := inspect.Look(pid)
	if err == nil && p.StartTime != before.StartTime {
		_ = p.Close()
		err = fault.Refuse(fault.NoSuchProcess, fmt.Sprintf("pid %d", pid), "has ended")
	}
	if err != nil {
		unlock(f)
		return nil, err
	}
	return &Held{Process: p, lock: f, waits: takeWaits(pid, f, opt), keep: opt.Keep}, nil
}

// whyNot says why a process cannot be looked at.
func whyNot(pid int) error {
	p, err := inspect.Look(pid)
	if err != nil {
		return err
	}
	_ = p.Close()
	return fault.Refuse(fault.NoSuchProcess, fmt.Sprintf("pid %d", pid), "has ended")
}

// Release gives the turn to the next and closes the process.
func (h *Held) Release() {
	h.leaveWaits()
	unlock(h.lock)
	_ = h.Process.Close() // only read from
}

// of refuses a plan that was made when another may have changed the process.
func (h *Held) of(p *inspect.Process) error {
	if p == h.Process {
		return nil
	}
	return fault.New(fault.Bug, fmt.Sprintf("pid %d", p.PID), "the plan is for another look at the process").
		WithState("process unchanged and running")
}

// lock keeps a second carectl away from a process for as long as this one changes it.
func lock(ctx context.Context, pid int, start uint64, opt Options) (f *os.File, err error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	sweep(dir)
	path := filepath.Join(dir, lockName(pid, start))
	attempt := func() (busy, err error) {
		f, err = tryLock(path)
		if err == nil && f == nil {
			busy = locked(pid)
		}
		return busy, err
	}
	err = new(Timing).retry(opt.Wait, attempt, opt.betweenAttempts(ctx))
	return f, interrupted(pid, err)
}

// lockName returns the name of the lock of a process; that number may have been another process' before.
func lockName(pid int, start uint64) string { return fmt.Sprintf("%d-%d", pid, start) }

// sweep removes the locks, and the waits, that runs which were killed have left of processes that have ended since. Nobody else wants to have these.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir) // else they stay
	for _, e := range entries {
		var pid int
		var start uint64
		name := strings.TrimSuffix(e.Name(), waitsSuffix)
		if _, err := fmt.Sscanf(name, "%d-%d", &pid, &start); err != nil || name != lockName(pid, start) {
			continue
		}
		if s, err := inspect.Status(pid); err == nil && s.StartTime == start {
			continue
		}
		if f, err := tryLock(filepath.Join(dir, name)); err == nil && f != nil {
			removeLeft(f)
			unlock(f)
		}
	}
}

// unlock gives a lock up.
func unlock(f *os.File) {
	_ = os.Remove(f.Name()) // before the lock is given up: the next one makes its own
	_ = f.Close()
}

// Abandon gives up the lock of a process that was given to a guard, where who had taken it was killed before it said what to guard. It removes no
// other file.
func Abandon(f *os.File) {
	var pid int
	var start uint64
	dir, err := lockDir()
	name := filepath.Base(f.Name())
	if _, scanErr := fmt.Sscanf(name, "%d-%d", &pid, &start); err != nil || scanErr != nil || f.Name() != filepath.Join(dir, lockName(pid, start)) {
		_ = f.Close()
		return
	}
	unlock(f)
}

func locked(pid int) error {
	e := fault.New(fault.Busy, fmt.Sprintf("pid %d", pid), "another carectl is working on it")
	e.Code = fault.Locked
	return e.WithState("process unchanged and running").WithHint("try again when it has ended, or wait longer with --wait=30s")
}

// tryLock locks the file of a name. It returns nil if another has the lock. The lock ends with every copy of the file that is open.
func tryLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		switch {
		case err == nil && sameFile(f, path):
			return f, nil
		case err == nil: // removed by its last owner in between
			_ = f.Close()
			continue
		case errors.Is(err, syscall.EINTR):
			_ = f.Close()
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return nil, f.Close()
		}
		return nil, fault.New(fault.Environment, path, "cannot lock").WithCause(err).WithState("process unchanged and running")
	}
}

func sameFile(locked *os.File, path string) bool {
	have, err := locked.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(have, named)
}

// lockDir returns where locks lie: /run/gocare for root, else the user's own run-time directory.
func lockDir() (string, error) {
	dir := "/run/gocare"
	if os.Geteuid() != 0 {
		dir = os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = fmt.Sprintf("%s/gocare-%d", os.TempDir(), os.Geteuid())
		} else {
			dir = filepath.Join(dir, "gocare")
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fault.New(fault.Environment, dir, "cannot make the directory for locks").WithCause(err).
			WithState("process unchanged and running")
	}
	if info, err := os.Lstat(dir); err != nil || !ownDir(info) {
		return "", fault.New(fault.Environment, dir, "is not a directory of this user alone").WithCause(err).
			WithState("process unchanged and running").WithHint("remove it, or set XDG_RUNTIME_DIR")
	}
	return dir, nil
}

// ownDir reports whether nobody else can put files into a directory.
func ownDir(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// record writes one line to the system log, if there is one: who did what to which process.
func record(p *inspect.Process, what, id, target string, cause error) {
	w, err := syslog.New(syslog.LOG_NOTICE|syslog.LOG_AUTH, "gocare")
	if err != nil {
		return // no system log here
	}
	defer w.Close()
	line := fmt.Sprintf("uid %d: patch %s of %s %s: pid %d (%s)", os.Getuid(), id, target, what, p.PID, p.Comm)
	if cause != nil {
		line += ": " + cause.Error()
	}
	_ = w.Notice(line)
}
