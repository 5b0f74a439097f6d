package patcher

import (
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/internal/isolate"
)

// Unmade lists files of the tree of which no compile or link is recorded, and that a patch may have to look into: what was installed of
// them, or what a recorded link took in.
func Unmade(b Builds) ([]string, error) {
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil || len(orig.Units)+len(orig.Links) == 0 {
		return nil, err
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return nil, err
	}
	c := &comparison{b: &b, orig: orig}
	_, unrecorded := c.split(files)
	var list []string
	for _, f := range unrecorded {
		if made := c.madeAs(f); made != "" {
			list = append(list, made)
		}
	}
	for i := range orig.Links {
		list = append(list, c.unmadeInputs(&orig.Links[i])...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// unmadeInputs lists the inputs of a link in the tree that neither a compile nor a link is known to have written.
func (c *comparison) unmadeInputs(l *buildtree.Link) (list []string) {
	for _, in := range l.Inputs {
		path := in.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(l.Dir, path)
		}
		known := in.ObjectID == "" || in.Member != "" || c.orig.UnitFor(l, in) != nil || c.orig.LinkByOutput(path) != nil ||
			slices.ContainsFunc(c.orig.Units, func(u buildtree.Unit) bool { return u.Object == path })
		if !known && isolate.Within(path, c.b.Dirs.Tree) {
			list = append(list, filepath.Clean(path))
		}
	}
	return list
}
