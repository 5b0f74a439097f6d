package patcher

import (
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/csource"
	"gocare/internal/srcpatch"
	"gocare/planner"
)

// sources is what the comparison knows about the source patch.
type sources struct {
	edits   *srcpatch.Edits
	changes []srcpatch.FileChange
	dirs    planner.Dirs
}

// loadSources reads back what KeepSources kept.
func loadSources(store *buildtree.Store, files []planner.SourceFile, dirs planner.Dirs) (*sources, error) {
	var changes []srcpatch.FileChange
	for _, f := range files {
		before, err := store.Blob(f.Before)
		if err != nil {
			return nil, err
		}
		after, err := store.Blob(f.After)
		if err != nil {
			return nil, err
		}
		c := srcpatch.FileChange{Old: f.Old, New: f.New, Before: before, After: after}
		changes = append(changes, c.WithRuns(f.Lines))
	}
	return &sources{srcpatch.NewEdits(changes), changes, dirs}, nil
}

func (s *sources) of(u *planner.Unit) *srcpatch.Edits {
	return s.edits.In(s.dirs.Source, u.Record.Dir)
}

// linesMoved is the immediate rule for one unit: whether code that differs in numbers alone differs in numbers of lines that moved.
func (s *sources) linesMoved(u *planner.Unit) func(diffasm.LineChange) bool {
	edits := s.of(u)
	return func(c diffasm.LineChange) bool { return edits.OnlyMoved(c.Orig, c.Patched, c.Pairs, c.Variable) }
}

// names reports whether a function or variable of the patched sources names another one, or may do so as there are no sources.
func (s *sources) names(name string) bool {
	return len(s.changes) == 0 || slices.ContainsFunc(s.changes, func(c srcpatch.FileChange) bool { return csource.NamedInside(string(c.After), name) })
}
