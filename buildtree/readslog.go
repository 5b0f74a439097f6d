package buildtree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PutReads keeps a list of files and returns its digest.
func (s *Store) PutReads(reads []Read) (Digest, error) {
	text := FormatReads(reads)
	d := DigestOf(text)
	return d, s.putReads(d, text)
}

// PutReadsOf keeps the list of what a unit reads, in place of the one that was recorded with it.
func (s *Store) PutReadsOf(u *Unit, reads []Read) error {
	return s.putReads(readsOf(u), FormatReads(reads))
}

// readsOf names the list that PutReadsOf keeps, whichever load of the record a unit comes from.
func readsOf(u *Unit) Digest {
	return DigestOf([]byte("reads\x00" + u.Object + "\x00" + string(u.ObjectID)))
}

// putReads appends a list by a name: a later one of a name replaces an earlier one.
func (s *Store) putReads(name Digest, text []byte) error {
	packed, err := s.pack(readsKind, text)
	if err != nil {
		return err
	}
	return s.appendLine(s.readsPath(), append([]byte(string(name)+" "), base64Text(packed)...))
}

func (s *Store) readsPath() string { return filepath.Join(s.dir, "reads.log") }

// ReadLists are the lists of files that units read, still compressed.
type ReadLists struct {
	packed map[Digest][]byte
	unpack unpacker
}

// ReadLists reads all of them. The caller closes them.
func (s *Store) ReadLists() (*ReadLists, error) {
	data, err := os.ReadFile(s.readsPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	unpack, err := s.unpacker(readsKind)
	if err != nil {
		return nil, err
	}
	lists := &ReadLists{packed: map[Digest][]byte{}, unpack: unpack}
	for line := range bytes.Lines(data) {
		if name, packed, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" ")); ok {
			lists.packed[Digest(name)] = packed
		}
	}
	return lists, nil
}

// Close frees what reading the lists takes.
func (l *ReadLists) Close() { l.unpack.close() }

// Get returns the list with a digest.
func (l *ReadLists) Get(d Digest) ([]Read, error) {
	text, err := l.text(d)
	if err == nil && DigestOf(text) != d {
		err = fmt.Errorf("list of files %s: content does not match its digest", d)
	}
	if err != nil {
		return nil, err
	}
	return ParseReads(text), nil
}

// Of returns what PutReadsOf kept for a unit, and whether there is any.
func (l *ReadLists) Of(u *Unit) ([]Read, bool) {
	text, err := l.text(readsOf(u))
	if err != nil {
		return nil, false
	}
	return ParseReads(text), true
}

func (l *ReadLists) text(name Digest) ([]byte, error) {
	line, ok := l.packed[name]
	if !ok {
		return nil, fmt.Errorf("list of files %s: %w", name, fs.ErrNotExist)
	}
	packed, err := base64Bytes(line)
	if err != nil {
		return nil, err
	}
	return l.unpack.decode(packed)
}
