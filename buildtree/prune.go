package buildtree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Pruned is what Prune took away.
type Pruned struct {
	Blobs int   `json:"blobs"` // files, and texts in packs
	Lines int   `json:"lines"` // of logs
	Bytes int64 `json:"bytes"` // of all these
}

// ErrInUse says that a compile or a link is being recorded.
var ErrInUse = errors.New("a build is being recorded")

// Share keeps Prune and Follow away for as long as this process runs: what it puts into the store is not named by a log yet.
func (s *Store) Share() error {
	f, err := os.OpenFile(s.usersPath(), os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	s.give(s.usersPath())
	s.users = f // else it would be closed when it is collected
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
}

func (s *Store) usersPath() string { return filepath.Join(s.dir, "users") }

// lockUsers keeps away whoever records. It returns ErrInUse while somebody does.
func (s *Store) lockUsers() (unlock func(), err error) {
	f, err := os.OpenFile(s.usersPath(), os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	s.give(s.usersPath())
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, ErrInUse
	}
	return func() { f.Close() }, nil
}

// Prune takes away what the record of the original build, and the files that keep names beside it, do not need any more: superseded units,
// what earlier runs made. It returns ErrInUse, and does nothing, while something is recorded. keep names files in the store whose digests are needed.
func (s *Store) Prune(keep ...string) (Pruned, error) {
	unlock, err := s.lockUsers()
	if err != nil {
		return Pruned{}, err
	}
	defer unlock()
	needed := needs{digests: map[Digest]bool{}, lists: map[Digest]bool{}}
	var p Pruned
	if err := s.pruneLog(&needed, &p); err != nil {
		return p, err
	}
	for _, name := range keep {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
		needed.addAll(data)
	}
	if err := s.pruneReads(needed.lists, &p); err != nil {
		return p, err
	}
	return p, errors.Join(s.pruneBlobs(needed.digests, &p), s.prunePacks(needed.digests, &p), s.pruneTemporary())
}

// needs are what the record needs.
type needs struct {
	digests map[Digest]bool
	lists   map[Digest]bool // names in the log of lists
}

// addAll adds all that looks like a digest: as many hexadecimal digits in a row.
func (n *needs) addAll(text []byte) {
	digits := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && isHex(text[i]) {
			digits++
			continue
		}
		if digits == digestLength {
			n.digests[Digest(text[i-digits:i])] = true
		}
		digits = 0
	}
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// addUnit adds whatever a unit names.
func (n *needs) addUnit(u *Unit) error {
	n.lists[u.Reads], n.lists[readsOf(u)] = true, true
	text, err := json.Marshal(u)
	n.addAll(text)
	return err
}

// logLine is an entry with its text.
type logLine struct {
	text []byte
	unit *Unit
	link *Link
}

// pruneLog takes superseded entries out of the original's log and collects what the others need.
func (s *Store) pruneLog(n *needs, p *Pruned) error {
	path, err := s.logPath(Original)
	if err != nil {
		return err
	}
	lines, err := s.logLines(path)
	if err != nil {
		return err
	}
	last, linked := map[string]int{}, map[Digest]bool{}
	for i, l := range lines {
		if l.unit != nil {
			last["unit "+l.unit.Object] = i
		} else if l.link != nil {
			last["link "+l.link.Output] = i
		}
	}
	for i, l := range lines {
		if l.link != nil && last["link "+l.link.Output] == i {
			if err := n.addLink(l.link, linked); err != nil {
				return err
			}
		}
	}
	var kept []byte
	dropped := 0
	for i, l := range lines {
		switch {
		case l.unit == nil && l.link == nil: // damaged, to be reported
		case l.link != nil && last["link "+l.link.Output] != i,
			// What one run of a driver compiled is known by all of its units, see nameSources.
			l.unit != nil && last["unit "+l.unit.Object] != i && l.unit.DriverID == "" && !linked[l.unit.ObjectID]:
			dropped++
			p.Bytes += int64(len(l.text))
			continue
		case l.unit != nil:
			if err := n.addUnit(l.unit); err != nil {
				return err
			}
		}
		kept = append(append(append(kept, '\n'), l.text...), '\n')
	}
	if p.Lines += dropped; dropped == 0 {
		return nil
	}
	return s.writeFile(path, kept)
}

// addLink adds whatever a link names; linked gets its inputs.
func (n *needs) addLink(l *Link, linked map[Digest]bool) error {
	for _, in := range l.Inputs {
		linked[in.ObjectID] = true
	}
	text, err := json.Marshal(l)
	n.addAll(text)
	return err
}

func (s *Store) logLines(path string) (lines []logLine, err error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	unpack, err := s.unpacker()
	if err != nil {
		return nil, err
	}
	defer unpack.close()
	for text := range bytes.Lines(data) {
		if text = bytes.TrimSpace(text); len(text) > 0 {
			l := logLine{text: text}
			l.unit, l.link, _ = decodeLine(text, unpack)
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// pruneReads keeps the last list of each name that is needed, and of the files those that are in one. It writes both logs anew: who reads
// the one before and the other after that finds that their sums do not agree.
func (s *Store) pruneReads(needed map[Digest]bool, p *Pruned) error {
	lists, err := s.ReadLists()
	if err != nil {
		return err
	}
	var kept, files []byte
	number, keptLists := map[int]int{}, 0
	for _, name := range slices.Sorted(maps.Keys(lists.packed)) {
		sum, old, err := parseNumbers(lists.packed[name], len(lists.files))
		if !needed[name] || err != nil {
			continue
		}
		numbers := make([]int, 0, len(old))
		for _, n := range old {
			if _, has := number[n]; !has {
				number[n] = len(number)
				files = append(files, lists.files[n].String()...)
			}
			numbers = append(numbers, number[n])
		}
		kept = append(append(kept, readsLine(name, sum, numbers)...), '\n')
		keptLists++
	}
	dropped := lists.lines - keptLists + len(lists.files) - len(number)
	if dropped == 0 {
		return nil
	}
	p.Lines += dropped
	p.Bytes += max(0, lists.size-int64(len(kept)+len(files)))
	return errors.Join(s.writeFile(s.filesPath(), files), s.writeFile(s.readsPath(), kept))
}

// leftBehind is how old a temporary file is that no tool writes any more.
const leftBehind = 24 * time.Hour

// pruneTemporary removes what tools that were killed left behind.
func (s *Store) pruneTemporary() error {
	entries, err := os.ReadDir(s.tmpDir())
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > leftBehind {
			_ = os.RemoveAll(filepath.Join(s.tmpDir(), e.Name())) // the next time, perhaps
		}
	}
	return err
}
