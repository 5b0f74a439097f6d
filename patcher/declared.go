package patcher

import (
	"path/filepath"
	"slices"
	"strings"

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
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, name)
	}
	path = realPath(path)
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
