package main

import (
	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/srcpatch"
)

// sourceFile is one file that the patches change, as the plan keeps it.
type sourceFile struct {
	Old    string           `json:"old"`
	New    string           `json:"new"`
	Before buildtree.Digest `json:"before"`
	After  buildtree.Digest `json:"after"`
	Lines  []srcpatch.Run   `json:"lines"`
}

// sourceFiles keeps a change in the store.
func (w *workspace) sourceFiles(change *srcpatch.Change) ([]sourceFile, error) {
	var files []sourceFile
	for _, c := range change.Files {
		before, err := w.store.PutBlob(c.Before)
		if err != nil {
			return nil, err
		}
		after, err := w.store.PutBlob(c.After)
		if err != nil {
			return nil, err
		}
		files = append(files, sourceFile{c.Old, c.New, before, after, c.Runs()})
	}
	return files, nil
}

// sources is what the comparison knows about the source patch.
type sources struct {
	edits   *srcpatch.Edits
	changes []srcpatch.FileChange
	root    string
	tree    string
}

// loadSources reads back what sourceFiles kept.
func (w *workspace) loadSources(p *plan) (*sources, error) {
	var changes []srcpatch.FileChange
	for _, f := range p.Files {
		before, err := w.store.Blob(f.Before)
		if err != nil {
			return nil, err
		}
		after, err := w.store.Blob(f.After)
		if err != nil {
			return nil, err
		}
		c := srcpatch.FileChange{Old: f.Old, New: f.New, Before: before, After: after}
		changes = append(changes, c.WithRuns(f.Lines))
	}
	return &sources{srcpatch.NewEdits(changes), changes, w.o.SourceDir, w.tree}, nil
}

func (s *sources) of(u unit) *srcpatch.Edits {
	return s.edits.In(s.root, u.Record.Dir)
}

// moved is the immediate rule for one unit.
func (s *sources) moved(u unit) func(diffasm.LineChange) bool {
	edits := s.of(u)
	return func(c diffasm.LineChange) bool { return edits.OnlyMoved(c.Orig, c.Patched, c.Pairs, c.Variable) }
}
