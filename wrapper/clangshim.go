package wrapper

import (
	"os"
	"path/filepath"
	"strings"

	"gocare/internal/lazyregexp"
)

// clang assembles inside, and looks for no assembler that could record what it compiles. So where PATH has one, a link to carecc of its name
// stands in front of it. A name that PATH does not have must not come to be: builds look which compilers there are.

var clangName = lazyregexp.New(`^clang(\+\+)?(-[0-9]+)?$`)

// isClangName compiles no expression for other names: it is asked for each compile.
func isClangName(name string) bool {
	return strings.HasPrefix(name, "clang") && clangName.MatchString(name)
}

// withClang is PATH with the links of shim in front, and links for the clangs that it has.
func withClang(shim, carecc, path string) string {
	dir := filepath.Join(shim, "compilers") // no name of a program, as shim is in PATH
	path = removePath(path, func(d string) bool { return filepath.Clean(d) == dir })
	if clangLinks(dir, carecc, clangsIn(path)) {
		path = prependPath(dir, path)
	}
	return prependPath(shim, path)
}

// clangsIn lists the names of clangs in a list of directories.
func clangsIn(path string) map[string]bool {
	names := map[string]bool{}
	for _, dir := range filepath.SplitList(path) {
		entries, _ := os.ReadDir(dir) // what cannot be read has none for us
		for _, e := range entries {
			if isClangName(e.Name()) {
				if _, err := os.Stat(filepath.Join(dir, e.Name())); err == nil {
					names[e.Name()] = true
				}
			}
		}
	}
	return names
}

// clangLinks makes dir hold links of these names and no others, and reports whether it has any.
func clangLinks(dir, carecc string, names map[string]bool) bool {
	if len(names) > 0 && os.MkdirAll(dir, 0o700) != nil {
		return false
	}
	old, _ := os.ReadDir(dir) // none yet
	for _, e := range old {
		if !names[e.Name()] {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	made := false
	for name := range names {
		link := filepath.Join(dir, name)
		if to, err := os.Readlink(link); err != nil || to != carecc {
			os.Remove(link)
			if os.Symlink(carecc, link) != nil {
				continue
			}
		}
		made = true
	}
	return made
}
