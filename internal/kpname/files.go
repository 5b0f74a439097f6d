package kpname

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files are the names, in a directory of patches, of the one for a BuildID. The first that is there counts.
func Files(buildID string) []string {
	return []string{filepath.Join(buildID, "latest", "kpatch.bin"), buildID + FileSuffix}
}

// isHex reports whether a name consists of lower-case hexadecimal digits, as a BuildID does.
func isHex(name string) bool { return name != "" && strings.Trim(name, "0123456789abcdef") == "" }

// BuildIDs returns, sorted, for which BuildIDs there may be patches in a directory.
func BuildIDs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		id, isFile := strings.CutSuffix(entry.Name(), FileSuffix)
		if isHex(id) && (isFile || isDir(filepath.Join(dir, id))) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// In returns the patch files that a path stands for: the path itself or, if it is a directory, those in it.
func In(path string) ([]string, error) {
	if !isDir(path) {
		return []string{path}, nil
	}
	ids, err := BuildIDs(path)
	var list []string
	for _, id := range ids {
		for _, name := range Files(id) {
			if file := filepath.Join(path, name); exists(file) {
				list = append(list, file)
				break
			}
		}
	}
	return list, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
