package isolate

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// The journal of an in-place run is a directory in the tree:
//
//	lock       held shared by every process of the run
//	alive      its time of change says until when the run was seen at work
//	backup/    a copy of the tree
//	manifest   a list (gob) of everything in the tree; there from when backup is complete
const (
	journalName = ".gocare-journal"
	// RescueName is the directory in the tree into which Recover moves what was made or changed there after a killed run
	// was last seen at work: it may be the user's.
	RescueName = ".gocare-rescued"

	heartbeat = time.Second
	grace     = 5 * time.Second // between a killed run's last heartbeat and what is taken for the user's work
)

// entry is one file or directory as it was before the run.
type entry struct {
	Path  string // relative to the tree
	Meta  meta
	Size  int64
	ID    inode
	Ctime syscall.Timespec // of the original: any write or change of attributes moves it, and nothing sets it back
	Link  string           // target of a symbolic link
}

// journal puts a tree back.
type journal struct {
	tree   string
	lock   *os.File
	stop   chan struct{} // closed to end the heartbeat
	ended  chan struct{}
	rescue bool // move what is newer than alive aside instead of removing it
	until  time.Time
}

func (j *journal) dir() string      { return filepath.Join(j.tree, journalName) }
func (j *journal) lockName() string { return filepath.Join(j.dir(), "lock") }
func (j *journal) path(name string) string {
	return filepath.Join(j.dir(), name)
}

// openInPlace backs the tree up.
func (s *Sandbox) openInPlace(ctx context.Context) error {
	j := &journal{tree: s.real, stop: make(chan struct{}), ended: make(chan struct{})}
	var root syscall.Stat_t
	if err := syscall.Stat(s.real, &root); err != nil {
		return err
	}
	if err := os.Mkdir(j.dir(), 0o700); err != nil {
		return err
	}
	var err error
	if j.lock, err = lockShared(j.lockName()); err != nil {
		return errors.Join(err, os.RemoveAll(j.dir()))
	}
	if err := j.fill(ctx, s.shared, root); err != nil {
		return errors.Join(err, j.lock.Close(), removeAll(j.dir()), touchBack(s.real, root))
	}
	go j.beat()
	s.journal = j
	sp := &spec{Tree: s.real}
	s.names = sp.probeNamespaces(ctx) == nil
	s.user = sp.User
	return nil
}

// touchBack gives a directory back the times it had.
func touchBack(path string, st syscall.Stat_t) error {
	return os.Chtimes(path, time.Unix(st.Atim.Unix()), time.Unix(st.Mtim.Unix()))
}

// beat moves the time of the file "alive" on until stop is closed.
func (j *journal) beat() {
	defer close(j.ended)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case now := <-tick.C:
			_ = os.Chtimes(j.path("alive"), now, now)
		}
	}
}

// fill makes the backup and then, complete in one step, the manifest.
func (j *journal) fill(ctx context.Context, shared []string, root syscall.Stat_t) error {
	skip := append([]string{j.dir()}, shared...)
	if err := os.WriteFile(j.path("alive"), nil, 0o600); err != nil {
		return err
	}
	list, err := survey(j.tree, skip)
	if err != nil {
		return err
	}
	list[0].Meta.Atime, list[0].Meta.Mtime = root.Atim, root.Mtim
	if err := copyTree(ctx, j.tree, j.path("backup"), skip); err != nil {
		return err
	}
	f, err := os.Create(j.path("manifest.new"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := gob.NewEncoder(w)
	if err := enc.Encode(skip); err != nil {
		return err
	}
	for _, e := range list {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(j.path("manifest.new"), j.path("manifest"))
}

// survey lists a tree, parents first, without what is below the directories in skip.
func survey(tree string, skip []string) ([]entry, error) {
	var list []entry
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if under(skip, path) {
			return skipOf(d)
		}
		e, err := entryOf(tree, path)
		if err == nil {
			list = append(list, e)
		}
		return err
	})
	return list, err
}

func skipOf(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func entryOf(tree, path string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	rel, err := filepath.Rel(tree, path)
	if err != nil {
		return entry{}, err
	}
	st := info.Sys().(*syscall.Stat_t)
	e := entry{
		Path: rel, Size: st.Size, ID: inode{Dev: st.Dev, Ino: st.Ino}, Ctime: st.Ctim,
		Meta: meta{UID: int(st.Uid), GID: int(st.Gid), Mode: info.Mode(), Atime: st.Atim, Mtime: st.Mtim},
	}
	if info.Mode().Type() == fs.ModeSymlink {
		e.Link, err = os.Readlink(path)
	}
	return e, err
}
