package wrapper

import (
	"bytes"
	"os"
	"path/filepath"

	"gocare/buildtree"
	"gocare/internal/elfobj"
)

// files lists what the linker read beside objects and libraries: linker scripts, given with -T or as inputs, what these include, version
// scripts, lists of symbols, plain data (-b binary).
func (r *linkRun) files(mapText []byte) []buildtree.File {
	f := fileList{r: r, dirs: buildtree.SearchDirs(r.args), seen: map[string]bool{}, list: []buildtree.File{}}
	for _, path := range buildtree.FileOptions(r.args) {
		f.add(path, true)
	}
	for _, path := range append(readLoads(mapText).loaded, r.call.files...) {
		f.add(path, false)
	}
	return f.list
}

// fileList collects files, each once.
type fileList struct {
	r    *linkRun
	dirs []string // of -L
	seen map[string]bool
	list []buildtree.File
}

// add takes a file and what it includes. What is no file, or an input of another kind that no option names, is none.
func (f *fileList) add(name string, named bool) {
	path := f.find(name)
	if path == "" || f.seen[path] {
		return
	}
	f.seen[path] = true
	if path == f.r.p.written(f.r.call.output) || !named && isInput(path) {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	f.list = append(f.list, buildtree.File{Path: path, ID: buildtree.DigestOf(data)})
	if bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 {
		return
	}
	for _, included := range buildtree.Included(data) {
		f.add(included, false)
	}
}

// find returns where the linker finds a file: in its directory, else in those of -L.
func (f *fileList) find(name string) string {
	for _, dir := range append([]string{""}, f.dirs...) {
		path := f.r.p.abs(filepath.Join(dir, name))
		if filepath.IsAbs(name) {
			path = name
		}
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// isInput reports whether a file is an object, a library or an archive, which the record has as such.
func isInput(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	head := make([]byte, 32)
	n, _ := f.Read(head)
	head = head[:n]
	return elfobj.IsELF(head) || isBitcode(head) || bytes.HasPrefix(head, []byte("!<arch>")) || bytes.HasPrefix(head, []byte(thinMagic))
}
