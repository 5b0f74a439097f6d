package isolate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gocare/internal/fault"
)

// scratchPrefix starts the names of our directories in a temporary directory; pid and start time follow.
const scratchPrefix = "gocare-view-"

// scratch is a directory that holds what a view adds to its tree. Every process of the view has a shared lock on the
// file "lock" in it.
type scratch struct {
	dir   string
	lock  *os.File
	watch *watcher // nil if it could not be started: then the next run removes what a killed one leaves
}

func (s *scratch) lockName() string { return filepath.Join(s.dir, "lock") }

// scratchDirs lists where scratch directories may be made: the one asked for first.
func (s *Sandbox) scratchDirs(asked string) []string {
	var out []string
	seen := map[string]bool{}
	for _, dir := range []string{asked, os.TempDir(), "/var/tmp", "/dev/shm"} {
		if dir == "" || seen[dir] || Within(resolve(dir), s.real) {
			continue
		}
		seen[dir] = true
		out = append(out, dir)
	}
	return out
}

// newScratch makes a scratch directory, after removing those that killed runs left in the same place.
func newScratch(in string) (*scratch, error) {
	removeStale(in)
	id, err := processID(os.Getpid())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(in, scratchPrefix+id+"-")
	if err != nil {
		return nil, err
	}
	lock, err := lockShared(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &scratch{dir: dir, lock: lock}
	s.watch, _ = startWatcher(s)
	return s, nil
}

func (s *scratch) remove() error {
	err := s.lock.Close()
	if rm := removeAll(s.dir); rm != nil {
		return fault.New(fault.Environment, s.dir, "cannot remove the scratch directory").WithCause(rm).
			WithHint("remove it by hand; the tree is unchanged")
	}
	return errors.Join(err, s.watch.stop())
}

func lockShared(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// locked tells whether some process holds the lock file.
func locked(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// removeStale removes scratch directories of ours whose maker is gone and which no process uses any more.
func removeStale(in string) {
	dirs, _ := filepath.Glob(filepath.Join(in, scratchPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || ownerOf(info) != os.Geteuid() {
			continue
		}
		parts := strings.SplitN(strings.TrimPrefix(filepath.Base(dir), scratchPrefix), "-", 3)
		if len(parts) < 3 || running(parts[0], parts[1]) || locked(filepath.Join(dir, "lock")) {
			continue
		}
		_ = removeAll(dir) // somebody else's next run tries again
	}
}

// processID returns "PID-STARTTIME", which no two processes share between two boots.
func processID(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: unknown format", pid)
	}
	return fmt.Sprintf("%d-%s", pid, fields[19]), nil
}

func running(pid, start string) bool {
	var n int
	if _, err := fmt.Sscan(pid, &n); err != nil {
		return true
	}
	id, err := processID(n)
	return err == nil && id == pid+"-"+start
}

// removeAll removes dir although builds left directories without permissions in it (overlay's own work directory has
// none).
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	// WalkDir reads a directory after the callback saw it, so that one pass opens all levels.
	return os.RemoveAll(dir)
}

// openOverlay tries each scratch directory until the kernel takes one as an upper layer: one that is on an overlay
// itself, as in most containers, it refuses.
func (s *Sandbox) openOverlay(ctx context.Context, asked string) error {
	if dir := closedTo(s.writes); dir != "" {
		return fmt.Errorf("%s belongs to another user or group, and a layer over it keeps that", dir)
	}
	return s.openIn(ctx, asked, Overlay, func(*scratch) error { return nil })
}

// closedTo returns one of the directories in which this user cannot make files through a layer: one that another user keeps to himself, or
// of a group that a user namespace does not have. It is "" if there is none. In a copy they are all his own.
func closedTo(dirs []string) string {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		for ; errors.Is(err, fs.ErrNotExist) && dir != "/"; info, err = os.Stat(dir) {
			dir = filepath.Dir(dir)
		}
		if err != nil || os.Geteuid() == 0 {
			continue
		}
		if ownerOf(info) != os.Geteuid() && unix.Access(dir, unix.W_OK|unix.X_OK) != nil || int(info.Sys().(*syscall.Stat_t).Gid) != os.Getegid() {
			return dir
		}
	}
	return ""
}

// openCopy copies the tree into the first scratch directory that has room.
func (s *Sandbox) openCopy(ctx context.Context, asked string) error {
	sp := &spec{Tree: s.real}
	if err := sp.probeNamespaces(ctx); err != nil { // before copying anything
		return err
	}
	return s.openIn(ctx, asked, Copy, func(sc *scratch) error {
		return copyTree(ctx, s.real, filepath.Join(sc.dir, "copy"), s.shared)
	})
}

// openIn makes the view with the first scratch directory that works.
func (s *Sandbox) openIn(ctx context.Context, asked string, m Mode, fill func(*scratch) error) error {
	var all []string
	for _, in := range s.scratchDirs(asked) {
		err := s.openAt(ctx, in, m, fill)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all = append(all, fmt.Sprintf("in %s: %v", in, err))
	}
	return errors.New(strings.Join(all, "; "))
}

func (s *Sandbox) openAt(ctx context.Context, in string, m Mode, fill func(*scratch) error) error {
	sc, err := newScratch(in)
	if err != nil {
		return err
	}
	if err := fill(sc); err != nil {
		return errors.Join(err, sc.remove())
	}
	sp := &spec{Tree: s.real, Mode: m, Scratch: sc.dir, Shared: s.shared, Lock: sc.lockName()}
	if err := sp.probeNamespaces(ctx); err != nil {
		return errors.Join(err, sc.remove())
	}
	s.scratch, s.names, s.user = sc, true, sp.User
	return nil
}
