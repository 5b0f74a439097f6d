package patcher

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gocare/diffasm"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
	"gocare/planner"
)

// declared tells how files changed that a unit's debug information names, for telling static locals apart by their source:
// those that the patches changed, and the system's, which no build changes. Of others nothing is known: they may be generated.
func (s *sources) declared(u *planner.Unit) func(file string) *diffasm.SourceFile {
	known := map[string]*diffasm.SourceFile{}
	mapped := slices.ContainsFunc(u.Record.Argv, func(a string) bool { return strings.Contains(a, "prefix-map=") })
	return func(name string) *diffasm.SourceFile {
		f, ok := known[name]
		if !ok {
			f = s.file(u.Record.Dir, name, mapped)
			known[name] = f
		}
		return f
	}
}

func (s *sources) file(dir, name string, mapped bool) *diffasm.SourceFile {
	path := s.path(dir, name)
	for _, c := range s.changes {
		if c.Old != "" && c.New != "" && realPath(filepath.Join(s.dirs.Source, c.New)) == path {
			return lineOrigins(c)
		}
	}
	if isolate.Within(path, "/usr") && !isolate.Within(path, realPath(s.dirs.Tree)) && !mapped {
		return &diffasm.SourceFile{Unchanged: true}
	}
	return nil
}

// leftAlone reads the sources of a unit that the patches do not change, as the tree has them, but for the system's.
func (s *sources) leftAlone(u *planner.Unit) func(file string) []string {
	known := map[string][]string{}
	return func(name string) []string {
		text, ok := known[name]
		if !ok {
			if data, err := os.ReadFile(s.path(u.Record.Dir, name)); err == nil && s.file(u.Record.Dir, name, false) == nil {
				text = lines(data)
			}
			known[name] = text
		}
		return text
	}
}

// path is where a unit that was compiled in dir has a file.
func (s *sources) path(dir, name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return realPath(name)
}

// values tells of the values of expressions of a unit.
func (m *maker) values(u *planner.Unit) func() *srcpatch.Values {
	return sync.OnceValue(func() *srcpatch.Values {
		files := m.filesOf(u)
		var read func(file string) bool
		if slices.Contains(files[1:], files[0]) { // all that it reads is known
			read = func(file string) bool { return slices.Contains(files, m.sources.path(m.sources.dirs.Source, file)) }
		}
		return m.sources.of(u).Values(read, srcpatch.NamesOf(m.textsOf(files)...))
	})
}

// filesOf lists the files that a unit was compiled from, its source first, and then all that the record knows but for the system's: their places
// in the tree.
func (m *maker) filesOf(u *planner.Unit) []string {
	paths := []string{m.sources.path(u.Record.Dir, u.Record.Source)}
	if lists, err := m.store.ReadLists(); err == nil {
		reads, _ := lists.Get(u.Record.Reads)
		for _, r := range reads {
			if !isolate.Within(r.Path, "/usr") {
				paths = append(paths, m.sources.path("", r.Path))
			}
		}
	}
	return paths
}

func (m *maker) textsOf(files []string) (texts [][]byte) {
	slices.Sort(files)
	for _, path := range slices.Compact(files) {
		if data, err := os.ReadFile(path); err == nil {
			texts = append(texts, data)
		}
	}
	return texts
}

func lineOrigins(c srcpatch.FileChange) *diffasm.SourceFile {
	return &diffasm.SourceFile{Before: lines(c.Before), After: lines(c.After), Origin: c.Origins()}
}

func lines(text []byte) []string { return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") }

func realPath(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return filepath.Clean(path)
}
