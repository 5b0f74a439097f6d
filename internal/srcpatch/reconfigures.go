package srcpatch

import (
	"path"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
)

// Reconfigures reports whether a file changes that build systems read, by its name.
func (c *Change) Reconfigures() bool {
	return slices.ContainsFunc(c.Files, func(f FileChange) bool { return saysHowToBuild(f.Old) || saysHowToBuild(f.New) })
}

func saysHowToBuild(file string) bool {
	patterns := []string{"[Mm]akefile*", "GNUmakefile*", "lpmakefile", "*.mk", "*.mak", "*.cmake", "CMakeLists.txt", "meson*", "*.am", "*.ac", "configure*", "*.ninja"}
	return slices.ContainsFunc(patterns, func(p string) bool { return doublestar.MatchUnvalidated(p, path.Base(file)) })
}
