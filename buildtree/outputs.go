package buildtree

import "io/fs"

// ForgetOutputs removes what the recorded original build compiled and linked below a tree from a view of it, so that a build makes it
// anew: make does not know of units whose options alone changed. write writes files of the view, nil removes one.
func (s *Store) ForgetOutputs(tree string, write func(map[string][]byte, map[string]fs.FileMode) error) error {
	record, err := s.Load(Original)
	if err != nil {
		return err
	}
	gone := map[string][]byte{}
	forget := func(path string) {
		if inTree(path, tree) {
			gone[path] = nil
		}
	}
	for _, u := range record.Units {
		forget(u.Object)
	}
	for _, l := range record.Links {
		forget(l.Output)
	}
	if len(gone) == 0 {
		return nil
	}
	return write(gone, nil)
}
