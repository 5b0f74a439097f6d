package wrapper

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gocare/buildtree"
)

// compilerCaches hand out objects that they kept, without running a compiler.
var compilerCaches = []string{"ccache", "sccache"}

// CacheDir returns where records of what compiler caches keep are, of which each outlives the tree that it was compiled in; "" for
// nowhere.
func CacheDir(getenv func(string) string) string {
	for _, base := range cacheDirs(getenv) {
		if fi, err := os.Stat(base); os.IsNotExist(err) || err == nil && fi.IsDir() && ownedByUs(base) {
			return filepath.Join(base, "cached")
		}
	}
	return ""
}

// keepCached keeps a unit where another build finds it, if a compiler cache ran the compiler with this pid: it will hand out the object
// again, and there is no compile to record then.
func (p *Process) keepCached(store *buildtree.Store, u buildtree.Unit, pid int) error {
	if !cached(pid) {
		return nil
	}
	dir := CacheDir(p.getenv)
	if dir == "" || os.MkdirAll(filepath.Dir(dir), 0o700) != nil {
		return nil
	}
	cache, err := buildtree.CreateStore(dir)
	if err != nil {
		return err
	}
	return cache.KeepCached(store, u)
}

// cached reports whether a compiler cache runs the process with this pid.
func cached(pid int) bool {
	for range maxAncestors {
		if pid = parentOf(pid); pid <= 1 {
			return false
		}
		exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		if err == nil && slices.Contains(compilerCaches, filepath.Base(exe)) {
			return true
		}
	}
	return false
}
