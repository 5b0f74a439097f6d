package planner

import (
	"path/filepath"

	"gocare/internal/srcpatch"
)

// Affected counts the units of the original that read a file which a change alters below a directory. A patched build that makes nothing
// else makes so many.
func (r *Reads) Affected(change *srcpatch.Change, source string) (units int) {
	changed := map[string]bool{}
	for _, f := range change.Files {
		if f.Old != "" {
			changed[filepath.Join(source, f.Old)] = true
		}
	}
	for _, u := range r.units {
		for _, read := range u.files {
			if changed[filepath.Clean(read.Path)] {
				units++
				break
			}
		}
	}
	return units
}
