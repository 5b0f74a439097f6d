package planner

import (
	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// linkOf finds the link that made an installed file: by its bytes, else by BuildID, which survives strip. Of several links with that BuildID
// it is the one that loads the same.
func (v inventory) linkOf(f installed) *buildtree.Link {
	var same []*buildtree.Link
	for i := len(v.orig.Links) - 1; i >= 0; i-- {
		switch l := &v.orig.Links[i]; {
		case l.Partial:
		case l.OutputID == f.digest:
			return l
		case f.buildID != "" && l.BuildID == f.buildID:
			same = append(same, l)
		}
	}
	for _, l := range same {
		if len(same) == 1 || v.loadsSame(f, l) {
			return l
		}
	}
	return nil
}

// loadsSame reports whether an installed file and what a link wrote load the same.
func (v inventory) loadsSame(f installed, l *buildtree.Link) bool {
	a, err := elfobj.Load(f.path)
	if err != nil {
		return false
	}
	b, err := LoadObject(v.b.Store, l.Binary())
	return err == nil && Difference(a, b) == ""
}

// sameBuildIDs refuses a changed program or library of which another that is installed has the BuildID: a process is known by that alone, and
// the patch of one would be taken for the other's.
func (v inventory) sameBuildIDs(changed []pairedLink, files []installed) error {
	for _, l := range changed {
		for _, f := range files {
			if f.buildID == "" || f.buildID != l.link.BuildID || f.path == l.path || f.digest == l.link.OutputID || v.loadsSame(f, l.link) {
				continue
			}
			return fault.Refuse(fault.SameBuildID, l.path, "%s is another program and has the same BuildID %s", f.path, f.buildID)
		}
	}
	return nil
}
