package buildtree

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gocare/internal/fault"
)

// storeName is the directory a store lives in when KPATCH_ASM_DIR does not say otherwise.
const storeName = ".gocare"

// buildFiles mark a directory that a build starts from.
var buildFiles = []string{"Makefile", "makefile", "GNUmakefile", "lpmakefile", "build.ninja", "CMakeCache.txt", "config.status"}

// FindStore returns the directory of the store for a command that runs in dir (absolute); it need not exist yet. It is
// what KPATCH_ASM_DIR says; else the nearest .gocare above dir that belongs to dir's owner or to this user; else one in
// the build root: the nearest directory with .git that is no submodule, else the outermost one with a build file, else dir itself, never /,
// $HOME, a directory anyone may write to, or one of another owner.
func FindStore(dir string, getenv func(string) string) (string, error) {
	if s := getenv("KPATCH_ASM_DIR"); s != "" {
		return absIn(dir, s), nil
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return "", err
	}
	if s := nearestStore(dir, owner); s != "" {
		return s, nil
	}
	root := buildRoot(dir, owner, getenv("HOME"))
	if root == "" {
		return "", fault.New(fault.Environment, dir, "no directory to keep a record in: not in a source tree").
			WithHint("work in a directory of its own, with the Makefile, below the home directory; or name one with KPATCH_ASM_DIR")
	}
	return filepath.Join(root, storeName), nil
}

func nearestStore(dir string, owner uint32) string {
	for d := dir; ; d = filepath.Dir(d) {
		store := filepath.Join(d, storeName)
		if o, err := ownerOf(store); err == nil && (o == owner || o == uint32(os.Geteuid())) {
			return store
		}
		if d == filepath.Dir(d) {
			return ""
		}
	}
}

// buildRoot walks up from dir while the owner stays the same, out of a submodule of git, too, which is built with what holds it.
func buildRoot(dir string, owner uint32, home string) string {
	outermost := ""
	for d := dir; mayHoldStore(d, owner, home); d = filepath.Dir(d) {
		switch {
		case isSubmodule(d):
			outermost = d
		case exists(filepath.Join(d, ".git")):
			return d
		}
		for _, name := range buildFiles {
			if exists(filepath.Join(d, name)) {
				outermost = d
			}
		}
	}
	if outermost == "" && mayHoldStore(dir, owner, home) {
		return dir
	}
	return outermost
}

// isSubmodule reports whether a directory is the work tree of a submodule of git, whose repository is in that of another.
func isSubmodule(dir string) bool {
	link, err := os.ReadFile(filepath.Join(dir, ".git"))
	return err == nil && strings.HasPrefix(string(link), "gitdir:") && strings.Contains(string(link), "/modules/")
}

func mayHoldStore(dir string, owner uint32, home string) bool {
	if dir == "/" || home != "" && dir == filepath.Clean(home) {
		return false
	}
	fi, err := os.Stat(dir)
	return err == nil && fi.Mode()&os.ModeSticky == 0 && statOwner(fi) == owner
}

// ownerOf returns the user that a directory belongs to.
func ownerOf(dir string) (uint32, error) {
	fi, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	if !fi.IsDir() {
		return 0, fmt.Errorf("%s: not a directory", dir)
	}
	return statOwner(fi), nil
}

func statOwner(fi os.FileInfo) uint32 { return fi.Sys().(*syscall.Stat_t).Uid }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
