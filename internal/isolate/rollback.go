package isolate

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"

	"gocare/internal/fault"
)

// Recover rolls back what an in-place run that was killed left in the tree; without one it does nothing. Files made or
// changed since are moved into RescueName, not lost.
func Recover(tree string) error {
	j := &journal{tree: resolve(tree), rescue: true}
	if _, err := os.Lstat(j.dir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if locked(j.lockName()) {
		e := fault.New(fault.Busy, j.tree, "a build of another run is still at work in the tree")
		e.Code = fault.IsolateBusy
		return e.WithHint("try again when it has ended (fuser %s names it)", j.lockName())
	}
	info, err := os.Stat(j.path("alive"))
	if err != nil {
		j.until = time.Now()
	} else {
		j.until = info.ModTime().Add(grace)
	}
	return j.rollBack()
}

// rollBack puts the tree back and removes the journal. It may be interrupted and repeated.
func (j *journal) rollBack() error {
	if j.stop != nil {
		close(j.stop)
		<-j.ended
	}
	skip, list, err := j.read()
	if err == nil && list != nil {
		err = j.restore(skip, list)
	}
	if j.lock != nil {
		err = errors.Join(err, j.lock.Close())
	}
	if err != nil {
		return fault.New(fault.Environment, j.tree, "cannot put the tree back").WithCause(err).
			WithState("the files as they were are in %s", j.path("backup")).
			WithHint("run again when the cause is gone: the next run goes on with it")
	}
	if err := j.removeJournal(); err != nil {
		return fault.New(fault.Environment, j.dir(), "cannot remove the journal").WithCause(err)
	}
	if list != nil {
		return applyMeta(j.tree, list[0].Meta)
	}
	return nil
}

// removeJournal removes the manifest first, so that a half removed backup is never taken for a whole one.
func (j *journal) removeJournal() error {
	if err := os.Remove(j.path("manifest")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeAll(j.dir())
}

// read returns the manifest; list is nil when the run ended before it was complete, and so before it changed anything.
func (j *journal) read() (skip []string, list []entry, err error) {
	f, err := os.Open(j.path("manifest"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	dec := gob.NewDecoder(bufio.NewReader(f))
	if err := dec.Decode(&skip); err != nil {
		return nil, nil, fmt.Errorf("manifest: %w", err)
	}
	for {
		var e entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("manifest: %w", err)
		}
		if e.Path != "." && !filepath.IsLocal(e.Path) {
			return nil, nil, fmt.Errorf("manifest: %q is not in the tree", e.Path)
		}
		list = append(list, e)
	}
	if len(list) == 0 || list[0].Path != "." {
		return nil, nil, errors.New("manifest: damaged")
	}
	return skip, list, nil
}

// restore removes what is new, brings back what is gone or changed, then sets the attributes of directories.
func (j *journal) restore(skip []string, list []entry) error {
	known := map[string]bool{}
	for _, e := range list {
		known[e.Path] = true
	}
	if err := j.removeNew(append(skip, filepath.Join(j.tree, RescueName)), known); err != nil {
		return err
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Path < list[b].Path })
	leaders := j.leaders(list)
	for _, e := range list {
		if err := j.bringBack(e, leaders); err != nil {
			return err
		}
	}
	for i := len(list) - 1; i > 0; i-- {
		if list[i].Meta.Mode.IsDir() {
			if err := applyMeta(filepath.Join(j.tree, list[i].Path), list[i].Meta); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeNew removes everything the manifest does not know.
func (j *journal) removeNew(skip []string, known map[string]bool) error {
	return filepath.WalkDir(j.tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(j.tree, path)
		if err != nil {
			return err
		}
		if under(skip, path) {
			return skipOf(d)
		}
		if known[rel] || holds(path, skip) {
			return openUp(path, d)
		}
		if err := j.displace(path); err != nil {
			return err
		}
		return skipOf(d)
	})
}

// openUp makes a directory that the run closed readable again; restore sets its mode later.
func openUp(path string, d fs.DirEntry) error {
	if !d.IsDir() {
		return nil
	}
	info, err := d.Info()
	if err != nil || info.Mode()&0o700 == 0o700 {
		return err
	}
	return os.Chmod(path, info.Mode()&modeBits|0o700)
}

// holds tells whether one of the directories in skip is below path.
func holds(path string, skip []string) bool {
	for _, s := range skip {
		if Within(s, path) {
			return true
		}
	}
	return false
}

// displace removes path, or keeps it in the rescue directory when it may be the user's work.
func (j *journal) displace(path string) error {
	if !j.rescue || !newerThan(path, j.until) {
		return removeAll(path)
	}
	rel, err := filepath.Rel(j.tree, path)
	if err != nil {
		return err
	}
	to := filepath.Join(j.tree, RescueName, rel)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := removeAll(to); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		_ = os.Chmod(path, info.Mode()&modeBits|0o700) // moving a directory writes its ".."
	}
	return os.Rename(path, to)
}

// newerThan tells whether path or something below it changed after t.
func newerThan(path string, t time.Time) bool {
	found := false
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if e, lerr := entryOf(path, p); lerr == nil && time.Unix(e.Ctime.Unix()).After(t) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// leader is the first name of a file with several.
type leader struct {
	entry
	back bool // it is what it was
}

// leaders names for each file with several hard links the one to bring back first: one that still is the original
// inode, which may have names outside the tree too.
func (j *journal) leaders(list []entry) map[inode]*leader {
	count, leaders := map[inode]int{}, map[inode]*leader{}
	for _, e := range list {
		if e.Meta.Mode.IsDir() {
			continue
		}
		count[e.ID]++
		if _, ok := leaders[e.ID]; !ok {
			leaders[e.ID] = &leader{entry: e}
		}
		if now, err := entryOf(j.tree, filepath.Join(j.tree, e.Path)); err == nil && now.ID == e.ID {
			leaders[e.ID] = &leader{entry: e}
		}
	}
	for id, n := range count {
		if n < 2 {
			delete(leaders, id)
		}
	}
	return leaders
}

// bringBack makes one entry what it was. The names of one file are linked to its leader.
func (j *journal) bringBack(e entry, leaders map[inode]*leader) error {
	path := filepath.Join(j.tree, e.Path)
	if e.Meta.Mode.IsDir() {
		return j.bringDir(path)
	}
	first := leaders[e.ID]
	if first == nil {
		return j.bringFile(e)
	}
	if err := j.bringLeader(first); err != nil || first.Path == e.Path {
		return err
	}
	return j.linkTo(filepath.Join(j.tree, first.Path), path)
}

func (j *journal) bringLeader(l *leader) error {
	if l.back {
		return nil
	}
	l.back = true
	if err := j.bringDir(filepath.Dir(filepath.Join(j.tree, l.Path))); err != nil {
		return err
	}
	return j.bringFile(l.entry)
}

// bringDir makes path a directory again, and what is above it.
func (j *journal) bringDir(path string) error {
	if path != j.tree {
		if err := j.bringDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		err = j.displace(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Mkdir(path, 0o700)
}

// linkTo makes path another name of leader.
func (j *journal) linkTo(leader, path string) error {
	want, err := os.Lstat(leader)
	if err != nil {
		return err
	}
	if now, err := os.Lstat(path); err == nil && os.SameFile(want, now) {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		if err := j.displace(path); err != nil {
			return err
		}
	}
	return os.Link(leader, path)
}

// bringFile makes one file what it was. One that is still the same inode is written in place, which keeps names that it
// has outside the tree.
func (j *journal) bringFile(e entry) error {
	path := filepath.Join(j.tree, e.Path)
	now, err := entryOf(j.tree, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	same := err == nil && now.ID == e.ID && now.Meta.Mode.Type() == e.Meta.Mode.Type()
	if same && now.Ctime == e.Ctime {
		return nil
	}
	return j.replace(e, path, same && e.Meta.Mode.IsRegular())
}

// replace writes a file from the backup, into the same inode or as a new one.
func (j *journal) replace(e entry, path string, same bool) error {
	from := filepath.Join(j.path("backup"), e.Path)
	if j.rescue && same && newerThan(path, j.until) {
		same = false // keep what the user wrote
	}
	if same {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		if err := copyFile(from, path); err != nil {
			return err
		}
		return applyMeta(path, e.Meta)
	}
	if err := j.displace(path); err != nil {
		return err
	}
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) && e.Meta.Mode.Type() == fs.ModeSocket {
		return nil
	}
	if err != nil {
		return err
	}
	temp := j.path("restored")
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := copyNode(from, temp, info); err != nil {
		return err
	}
	if err := applyMeta(temp, e.Meta); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
