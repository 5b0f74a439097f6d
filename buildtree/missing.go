package buildtree

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Missing says what a record lacks, a line each: inputs of links that no recorded compile made, though they are in the tree, and assembly
// that is gone from the store.
func (s *Store) Missing(r *Record, tree string) (list []string) {
	for i := range r.Links {
		l := &r.Links[i]
		for _, in := range l.Inputs {
			if why := r.lacks(l, in, tree); why != "" {
				list = append(list, fmt.Sprintf("%s: %s: %s", l.Output, in, why))
			}
		}
	}
	for i := range r.Units {
		if u := &r.Units[i]; u.AsmID != "" && !s.has(u.AsmID) {
			list = append(list, fmt.Sprintf("%s: its assembly is not in the store", u.Object))
		}
	}
	return append(list, r.Damaged...)
}

// lacks says what is not known of an input, "" if nothing that a patch may need is.
func (r *Record) lacks(l *Link, in Input, tree string) string {
	if r.UnitFor(l, in) != nil || r.madeByLTO(l, in) || r.partialLink(in.ObjectID) != nil {
		return ""
	}
	switch {
	case in.ObjectID == "" && in.SameNameID == "":
		return "it was gone before the link was recorded"
	case in.SameNameID != "":
		return "the archive has several members of that name"
	case inTree(l.abs(in.Path), tree):
		return "no compile of it is recorded"
	}
	return ""
}

// Size returns how many bytes the store's files have.
func (s *Store) Size() (bytes int64, err error) {
	err = filepath.WalkDir(s.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if fi, err := entry.Info(); err == nil {
			bytes += fi.Size()
		}
		return nil
	})
	return bytes, err
}

// CompileCommand is an entry of a compilation database. Clang 14 documentation, "JSON Compilation Database Format Specification".
type CompileCommand struct {
	Directory string   `json:"directory"`
	File      string   `json:"file"`
	Output    string   `json:"output"`
	Arguments []string `json:"arguments"`
}

// CompileCommands lists the recorded compiles, but for those whose source is not known.
func (r *Record) CompileCommands() []CompileCommand {
	list := []CompileCommand{}
	for i := range r.Units {
		u := &r.Units[i]
		if u.Source == "" || u.Source == "-" {
			continue
		}
		c := CompileCommand{Directory: u.Dir, File: u.Source, Output: u.Object}
		if u.Driver != "" && u.Argv != nil {
			c.Arguments = append([]string{u.Driver}, u.Argv...)
		} else {
			c.Arguments = append(slices.Concat([]string{u.As}, u.AsArgs), "-o", u.Object, u.Source)
		}
		list = append(list, c)
	}
	return list
}

// inTree reports whether an absolute path is that of a tree or below it.
func inTree(path, tree string) bool {
	rel, err := filepath.Rel(tree, path)
	return err == nil && filepath.IsLocal(rel)
}
