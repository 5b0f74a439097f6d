package planner

import (
	"gocare/buildtree"
	"gocare/internal/elfobj"
)

// LoadObject reads an object, or a linked file, that a record keeps.
func LoadObject(store *buildtree.Store, id buildtree.Digest) (*elfobj.File, error) {
	data, err := store.Blob(id)
	if err != nil {
		return nil, err
	}
	return elfobj.Parse(data)
}
