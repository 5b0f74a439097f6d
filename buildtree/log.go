package buildtree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// entry is one line of a stage's log, a unit or a link.
type entry struct {
	Again      Digest `json:"again,omitempty"`    // digest of the unit's object if that can be made again; see Remakable
	Root       string `json:"root,omitempty"`     // root of the tree that the paths are of, "" for that in the file root
	Packed     string `json:"unit.zst,omitempty"` // a Unit, as pack and base64Text leave its JSON
	PackedLink string `json:"link.zst,omitempty"` // a Link, as compress and base64Text leave it
	Link       *Link  `json:"link,omitempty"`     // likewise, of an older version
}

// AddUnit appends a unit to a stage's log.
func (s *Store) AddUnit(st Stage, u Unit) error {
	s.ForgetErrors(st, u.Object, absIn(u.Dir, u.Source), u.Dir)
	e, err := s.unitEntry(&u)
	if err != nil {
		return err
	}
	return s.add(st, e)
}

func (s *Store) unitEntry(u *Unit) (entry, error) {
	text, err := json.Marshal(u)
	if err != nil {
		return entry{}, err
	}
	packed, err := s.pack(text)
	e := entry{Packed: string(base64Text(packed))}
	if u.remakable() {
		e.Again = u.ObjectID
	}
	return e, err
}

// AddLink appends a link to a stage's log.
func (s *Store) AddLink(st Stage, l Link) error {
	e, err := linkEntry(&l)
	if err != nil {
		return err
	}
	return s.add(st, e)
}

func linkEntry(l *Link) (entry, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return entry{}, err
	}
	packed, err := compress(text, 0, nil)
	return entry{PackedLink: string(base64Text(packed))}, err
}

// LinkOf is how LogError calls the link that writes a file.
func LinkOf(output string) string { return "link of " + output }

func (s *Store) add(st Stage, e entry) error {
	if s.Moved() {
		e.Root = s.Root() // Follow is still to come
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path, err := s.logPath(st)
	if err != nil {
		return err
	}
	return s.appendLine(path, line)
}

func (s *Store) logPath(st Stage) (string, error) {
	if st != Original && st != Patched && st != Unpatched {
		return "", fmt.Errorf("no stage is called %q", st)
	}
	return filepath.Join(s.dir, string(st)+".jsonl"), nil
}

// Reset forgets a stage's records, and what could not be recorded. Blobs stay.
func (s *Store) Reset(st Stage) error {
	path, err := s.logPath(st)
	if err != nil {
		return err
	}
	s.ForgetErrors(st)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Load reads a stage's records; none is no error. A later record for the same output replaces an earlier one. Whoever loads what did not change
// since gets the same value, which is not to be changed.
func (s *Store) Load(st Stage) (*Record, error) {
	path, err := s.logPath(st)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.loaded.mu.Lock()
	defer s.loaded.mu.Unlock()
	if last := s.loaded.of[st]; last.record != nil && bytes.Equal(last.data, data) {
		return last.record, nil
	}
	units, err := s.unpacker()
	if err != nil {
		return nil, err
	}
	defer units.close()
	record := decodeLog(path, data, units)
	record.indexed() // so that whoever shares it only reads
	if s.loaded.of == nil {
		s.loaded.of = map[Stage]loadedLog{}
	}
	s.loaded.of[st] = loadedLog{data, record}
	return record, nil
}

// loaded are the records that were loaded last: one run of patchmake asks many times for the same.
type loaded struct {
	mu sync.Mutex
	of map[Stage]loadedLog
}

// loadedLog is the text of a log, and the record that it is.
type loadedLog struct {
	data   []byte
	record *Record
}

// Recorded counts the compiles that were recorded in all stages.
func (s *Store) Recorded() (units int) {
	for _, st := range stages {
		path, _ := s.logPath(st)
		data, _ := os.ReadFile(path) // without it nothing was
		units += bytes.Count(data, []byte(`"unit.zst":`))
	}
	return units
}

// decodeLog decodes a log; path is for messages.
func decodeLog(path string, data []byte, unpack unpacker) *Record {
	r := &Record{}
	var units []Unit
	var links []Link
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		unit, link, err := decodeLine(line, unpack)
		switch {
		case err != nil:
			r.Damaged = append(r.Damaged, fmt.Sprintf("%s:%d: %v", path, number, err))
		case unit != nil:
			units = append(units, *unit)
		case link != nil:
			links = append(links, *link)
		}
	}
	nameSources(units)
	r.Units, r.older = latest(units, func(u *Unit) string { return u.Object })
	r.Links, _ = latest(links, func(l *Link) string { return l.Output })
	r.flatten()
	return r
}

// decodeLine decodes one entry.
func decodeLine(line []byte, unpack unpacker) (*Unit, *Link, error) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil || e.Link != nil {
		return nil, e.Link, err
	}
	packed, err := base64Bytes([]byte(e.Packed + e.PackedLink)) // one of which is empty
	if err != nil || len(packed) == 0 {
		return nil, nil, err
	}
	text, err := unpack.decode(packed)
	if err != nil {
		return nil, nil, err
	}
	if e.PackedLink != "" {
		l := &Link{}
		return nil, l, json.Unmarshal(text, l)
	}
	u := &Unit{}
	return u, nil, json.Unmarshal(text, u)
}

// latest keeps the last of those with the same key, in order, and returns the others apart.
func latest[T any](all []T, key func(*T) string) (current, older []T) {
	last := make(map[string]int, len(all))
	for i := range all {
		last[key(&all[i])] = i
	}
	for i := range all {
		if last[key(&all[i])] == i {
			current = append(current, all[i])
		} else {
			older = append(older, all[i])
		}
	}
	return current, older
}

// nameSources finds the sources of units that one run of the driver made from files with the same base name: it compiles
// in the order of its command line. Where the numbers do not agree the source stays unknown.
func nameSources(units []Unit) {
	runs := map[string][]*Unit{}
	for i := range units {
		if u := &units[i]; u.Source == "" && u.DriverID != "" {
			runs[u.DriverID] = append(runs[u.DriverID], u)
		}
	}
	for _, run := range runs {
		var open []string
		for _, src := range ParseDriver(run[0].Argv).Sources() {
			if sameBase(src, run[0].Argv) {
				open = append(open, src)
			}
		}
		for i, u := range run {
			if len(open) == len(run) {
				u.Source = open[i]
			}
		}
	}
}

// sameBase reports whether another source on the command line has the base name of src.
func sameBase(src string, argv []string) bool {
	n := 0
	for _, s := range ParseDriver(argv).Sources() {
		if filepath.Base(s) == filepath.Base(src) {
			n++
		}
	}
	return n > 1
}
