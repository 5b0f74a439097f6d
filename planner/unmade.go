package planner

import (
	"os"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/internal/isolate"
)

// Unmade is a file of the tree of which no compile or link is recorded.
type Unmade struct {
	Path  string
	Touch string // an object that went into it: a build that does not know of the file makes it again after this; "" if none is known
}

// ListUnmade lists the files without a record that a patch may have to look into: what was installed of them, or what a recorded link
// took in. Those that were made once more before are left out.
func ListUnmade(b Builds) ([]Unmade, error) {
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil || len(orig.Units)+len(orig.Links) == 0 {
		return nil, err
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return nil, err
	}
	v := inventory{&b, orig}
	_, unrecorded := v.split(files)
	var list []Unmade
	for _, f := range unrecorded {
		made := v.madeAs(f)
		if data, err := os.ReadFile(made); err == nil && b.Store.Remade(made, buildtree.DigestOf(data)) == "" {
			list = append(list, Unmade{made, v.objectIn(f)})
		}
	}
	for i := range orig.Links {
		for _, path := range v.unmadeInputs(&orig.Links[i]) {
			list = append(list, Unmade{Path: path})
		}
	}
	return list, nil
}

// unmadeInputs lists the inputs of a link in the tree that neither a compile nor a link is known to have written.
func (v inventory) unmadeInputs(l *buildtree.Link) (list []string) {
	for _, in := range l.Inputs {
		path := in.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(l.Dir, path)
		}
		known := in.ObjectID == "" || in.Member != "" || v.orig.UnitFor(l, in) != nil || v.orig.LinkByOutput(path) != nil ||
			slices.ContainsFunc(v.orig.Units, func(u buildtree.Unit) bool { return u.Object == path })
		if !known && isolate.Within(path, v.b.Dirs.Tree) {
			list = append(list, filepath.Clean(path))
		}
	}
	return list
}
