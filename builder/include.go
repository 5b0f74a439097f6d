package builder

import (
	_ "embed"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/srcpatch"
)

// header is what source patches may include.
//
//go:embed include/gocare.h
var header []byte

// headerName is what a source patch calls it.
const headerName = "gocare.h"

// include gives the patched build, and what is compiled of it later, a copy of the header, where a source patch asks for it. Compilers look
// there last but for their own directories.
func (t *Tree) include(change *srcpatch.Change) error {
	wanted := slices.ContainsFunc(change.Files, func(f srcpatch.FileChange) bool { return strings.Contains(string(f.After), headerName) })
	if !wanted {
		return nil
	}
	dir := filepath.Join(t.Store.Dir(), buildtree.IncludeDir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return recordFailure(t.Store.Dir(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, headerName), header, 0o644); err != nil {
		return recordFailure(t.Store.Dir(), err)
	}
	t.included = dir
	return nil
}

// includeVars are the variables that name directories to a compiler, for C and for C++.
var includeVars = []string{"C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"}

// withInclude adds the directory of the header to an environment.
func (t *Tree) withInclude(env []string) []string {
	if t.included == "" {
		return env
	}
	for _, name := range includeVars {
		path := t.included
		if before := t.getenv(name); before != "" {
			path = before + string(filepath.ListSeparator) + path
		}
		env = append(env, name+"="+path)
	}
	return env
}
