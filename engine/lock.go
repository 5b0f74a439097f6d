package engine

import (
	"fmt"
	"log/syslog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"

	"gocare/engine/inspect"
	"gocare/internal/fault"
)

// lock keeps a second carectl away from a process for as long as this one changes it.
func lock(p *inspect.Process) (unlock func(), err error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d-%d", p.PID, p.StartTime))
	for {
		l := flock.New(path)
		ok, err := l.TryLock()
		if err != nil {
			e := fault.New(fault.Environment, path, "cannot lock").WithCause(err)
			return nil, e.WithState("process unchanged and running")
		}
		if !ok {
			e := fault.New(fault.Busy, fmt.Sprintf("pid %d", p.PID), "another carectl is working on it")
			e.Code = fault.Locked
			return nil, e.WithState("process unchanged and running").WithHint("try again when it has ended")
		}
		if sameFile(l, path) {
			return func() {
				_ = os.Remove(path) // before the lock is given up: the next one makes its own
				_ = l.Close()
			}, nil
		}
		_ = l.Close() // removed by its last owner while this one waited
	}
}

func sameFile(l *flock.Flock, path string) bool {
	locked, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(locked, named)
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
