package planner

import (
	"gocare/buildtree"
	"gocare/internal/srcpatch"
)

// KeepSources keeps a change in the store.
func KeepSources(store *buildtree.Store, change *srcpatch.Change) ([]SourceFile, error) {
	var files []SourceFile
	for _, c := range change.Files {
		before, err := store.PutBlob(c.Before)
		if err != nil {
			return nil, err
		}
		after, err := store.PutBlob(c.After)
		if err != nil {
			return nil, err
		}
		files = append(files, SourceFile{c.Old, c.New, before, after, c.Runs()})
	}
	return files, nil
}
