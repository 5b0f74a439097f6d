package isolate

import (
	"bytes"
	"context"
	"encoding/gob"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"

	"gocare/internal/fault"
)

// WriteFiles writes or deletes (nil content) files in the view; the tree itself stays as it is. Paths are absolute and in
// the tree. modes gives permission bits where they are to change. Time stamps are those of the call, later than
// anything built before it.
func (s *Sandbox) WriteFiles(changes map[string][]byte, modes map[string]fs.FileMode) error {
	var edits []edit
	for path, data := range changes {
		rel, err := s.relative(path)
		if err != nil {
			return err
		}
		edits = append(edits, edit{Path: rel, Data: data, Delete: data == nil, Mode: modes[path]})
	}
	sort.Slice(edits, func(i, j int) bool { return edits[i].Path < edits[j].Path })
	var input bytes.Buffer
	if err := gob.NewEncoder(&input).Encode(edits); err != nil {
		return err
	}
	if _, err := s.spec("write").do(context.Background(), input.Bytes()); err != nil {
		return fault.New(fault.Environment, s.tree, "cannot write into the view of the tree").WithCause(err)
	}
	return nil
}

// relative returns an absolute path, written with or without the tree's symbolic links, relative to the tree.
func (s *Sandbox) relative(path string) (string, error) {
	for _, base := range []string{s.tree, s.real} {
		rel, err := filepath.Rel(base, path)
		if err == nil && filepath.IsLocal(rel) && rel != "." {
			return rel, nil
		}
	}
	return "", fault.Refuse(fault.IsolatePath, path, "the file is not in the tree %s", s.tree)
}

// stampAndRename gives temp the exact time of now, later than what the kernel's coarser clock gave to files built a
// moment ago, and puts it in place.
func stampAndRename(root *os.Root, temp, name string) error {
	now := time.Now()
	if err := root.Chtimes(temp, now, now); err != nil {
		return err
	}
	return root.Rename(temp, name)
}
