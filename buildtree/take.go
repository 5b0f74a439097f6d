package buildtree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// Take adds to the original's record those compiles and links of another stage that wrote what is wanted, by path: the same command made
// the same bytes. It returns how many there are.
func (s *Store) Take(from Stage, wanted map[string]Digest) (taken int, err error) {
	path, err := s.logPath(from)
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for line := range bytes.Lines(data) {
		var e entry
		if json.Unmarshal(line, &e) != nil || !e.wrote(wanted) {
			continue
		}
		if err := s.add(Original, e); err != nil {
			return taken, err
		}
		taken++
	}
	return taken, nil
}

// wrote reports whether a compile or link wrote what is wanted at its path.
func (e *entry) wrote(wanted map[string]Digest) bool {
	switch {
	case e.Unit != nil:
		return e.Unit.ObjectID != "" && wanted[e.Unit.Object] == e.Unit.ObjectID
	case e.Link != nil:
		return e.Link.OutputID != "" && wanted[e.Link.Output] == e.Link.OutputID
	}
	return false
}
