package buildtree

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Take adds to the original's record those compiles and links of another stage that wrote what is wanted, by path: the same command made
// the same bytes. It returns how many there are.
func (s *Store) Take(from Stage, wanted map[string]Digest) (taken int, err error) {
	path, err := s.logPath(from)
	if err != nil {
		return 0, err
	}
	to, err := s.logPath(Original)
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	unpack, err := s.unpacker()
	if err != nil {
		return 0, err
	}
	defer unpack.close()
	var links []*Link
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		u, l, err := decodeLine(line, unpack)
		if err != nil || !wrote(u, l, wanted) {
			continue
		}
		if err := s.appendLine(to, line); err != nil {
			return taken, err
		}
		if l != nil {
			links = append(links, l)
		}
		taken++
	}
	return taken, s.keepInputs(links)
}

// keepInputs keeps the objects of links which nothing but the units of a stage that will be forgotten can make again.
func (s *Store) keepInputs(links []*Link) error {
	remakable := s.remakableIn(Original)
	for _, l := range links {
		for _, in := range l.Inputs {
			if in.ObjectID == "" || remakable[in.ObjectID] || s.has(in.ObjectID) {
				continue
			}
			data, err := s.Blob(in.ObjectID)
			if err == nil {
				_, err = s.PutBlob(data)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// What became of a file that was made once more for the record.
const (
	MadeUnrecorded = "unrecorded" // what made it was not recorded
	MadeOtherwise  = "otherwise"  // it came out another, or not at all
)

// Remade says what became of a file when it was made once more, "" if it was not.
func (s *Store) Remade(path string, id Digest) string { return s.Answer(remadeKey(path, id)) }

// SetRemade keeps what became of files for Remade: by is the stage that they were made for, missing are those that were not made.
func (s *Store) SetRemade(by Stage, files map[string]Digest, missing []string) error {
	r, err := s.Load(by)
	if err != nil {
		return err
	}
	for path, id := range files {
		became := MadeUnrecorded
		if slices.Contains(missing, path) || r.LinkByOutput(path) != nil || slices.ContainsFunc(r.Units, func(u Unit) bool { return u.Object == path }) {
			became = MadeOtherwise
		}
		if err := s.PutAnswer(remadeKey(path, id), became); err != nil {
			return err
		}
	}
	return nil
}

func remadeKey(path string, id Digest) string { return "remade\x00" + path + "\x00" + string(id) }

// wrote reports whether a compile or link wrote what is wanted at its path; a partial link may have written it elsewhere, for the build to
// move or copy.
func wrote(u *Unit, l *Link, wanted map[string]Digest) bool {
	switch {
	case u != nil:
		return u.ObjectID != "" && wanted[u.Object] == u.ObjectID
	case l != nil:
		here := wanted[l.Output] == l.OutputID
		return l.OutputID != "" && (here || l.Partial && slices.Contains(slices.Collect(maps.Values(wanted)), l.OutputID))
	}
	return false
}
