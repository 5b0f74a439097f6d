package planner

import (
	"debug/elf"

	"gocare/buildtree"
	"gocare/internal/elfobj"
)

func LoadObject(store *buildtree.Store, id buildtree.Digest) (*elfobj.File, error) {
	data, err := store.Blob(id)
	if err != nil {
		return nil, err
	}
	return elfobj.Parse(data)
}

// AddUndefined adds the names that an object looks for elsewhere.
func AddUndefined(names map[string]bool, f *elfobj.File) {
	if f == nil {
		return
	}
	for i := range f.Symbols {
		if s := &f.Symbols[i]; s.Section == int(elf.SHN_UNDEF) && s.Name != "" {
			names[s.Name] = true
		}
	}
}
