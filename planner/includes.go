package planner

import (
	"bytes"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"gocare/internal/lazyregexp"
)

// includeLine finds what a line includes: a name in quotes or angle brackets, else what a macro will say.
var includeLine = lazyregexp.New(`^[ \t]*#[ \t]*include(?:_next)?[ \t]*(["<][^">\n]*|[A-Za-z_])`)

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
		for name := range included(data) {
			if name[0] != '"' && name[0] != '<' {
				known = false
				return nil
			}
			names[filepath.Base(string(name[1:]))] = true
		}
		return nil
	})
	return names, known, err
}

// included yields what includeLine finds in a text. Only lines with the word are looked at: a tree has many others.
func included(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			at := bytes.Index(text, []byte("include"))
			if at < 0 {
				return
			}
			line, rest, _ := bytes.Cut(text[bytes.LastIndexByte(text[:at], '\n')+1:], []byte("\n"))
			for _, m := range includeLine.FindAllSubmatch(line, 1) {
				if !yield(m[1]) {
					return
				}
			}
			text = rest
		}
	}
}

// skipDir passes over hidden directories: version control, records.
func skipDir(d fs.DirEntry, err error) error {
	if err == nil && d.IsDir() {
		return filepath.SkipDir
	}
	return err
}
