package planner

import (
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/lazyregexp"
)

// identifiers finds what may be a name of C.
var identifiers = lazyregexp.New(`[A-Za-z_]\w*`)

// FilterMatches reports whether a filter may keep any function: one of the original's, or one that the patched sources name. It is asked
// before the patched version is built. Where names are not known (a stripped binary, C++) it may.
func FilterMatches(b Builds, keep func(symbol string) bool) (bool, error) {
	for _, f := range b.Change.Files {
		if slices.ContainsFunc(identifiers.FindAllString(string(f.After), -1), keep) {
			return true, nil
		}
	}
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(orig.Units, func(u buildtree.Unit) bool { return u.Lang == "c++" }) {
		return true, nil
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return false, err
	}
	v := inventory{&b, orig}
	for _, f := range files {
		link := v.linkOf(f)
		if link == nil {
			continue
		}
		binary, err := LoadObject(b.Store, link.Binary())
		if err != nil {
			return false, err
		}
		if len(binary.Symbols) == 0 {
			return true, nil
		}
		for i := range binary.Symbols {
			name := binary.Symbols[i].Name
			plain, _, _ := strings.Cut(name, ".")
			if keep(name) || keep(plain) {
				return true, nil
			}
		}
	}
	return false, nil
}
