package planner

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gocare/internal/lazyregexp"
)

// includeLine finds what a line includes: a name in quotes or angle brackets, else what a macro will say.
var includeLine = lazyregexp.New(`(?m)^[ \t]*#[ \t]*include(?:_next)?[ \t]*(["<][^">\n]*|[A-Za-z_])`)

// maxSource is the size in bytes over which a file is taken for data, not for a source.
const maxSource = 16 << 20

// includedNames collects the base names that the files below root include. known is false when an include says it by a
// macro, so that the names do not tell all.
func includedNames(root string) (names map[string]bool, known bool, err error) {
	names, known = map[string]bool{}, true
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return skipDir(d, err)
		}
		if !d.Type().IsRegular() || !known {
			return nil
		}
		if fi, err := d.Info(); err != nil || fi.Size() > maxSource {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 {
			return err
		}
		for _, m := range includeLine.FindAllSubmatch(data, -1) {
			if c := m[1][0]; c != '"' && c != '<' {
				known = false
				return nil
			}
			names[filepath.Base(string(m[1][1:]))] = true
		}
		return nil
	})
	return names, known, err
}

// skipDir passes over hidden directories: version control, records.
func skipDir(d fs.DirEntry, err error) error {
	if err == nil && d.IsDir() {
		return filepath.SkipDir
	}
	return err
}
