package wrapper

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ShimDir returns the directory whose as and ld are links to exe, and makes it if need be.
func ShimDir(exe string, getenv func(string) string) (string, error) {
	h := fnv.New64a()
	h.Write([]byte(exe))
	name := fmt.Sprintf("shim-%x", h.Sum64())
	var errs []error
	for _, base := range cacheDirs(getenv) {
		dir := filepath.Join(base, name)
		if shimReady(dir, exe) {
			return dir, nil
		}
		err := makeShim(base, dir, exe)
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// cacheDirs lists where a shim directory may be, best first.
func cacheDirs(getenv func(string) string) []string {
	var dirs []string
	if d := getenv("XDG_CACHE_HOME"); filepath.IsAbs(d) {
		dirs = append(dirs, filepath.Join(d, "gocare"))
	}
	if d := getenv("HOME"); filepath.IsAbs(d) && d != "/" && ownedByUs(d) {
		dirs = append(dirs, filepath.Join(d, ".cache", "gocare"))
	}
	tmp := getenv("TMPDIR")
	if !filepath.IsAbs(tmp) {
		tmp = "/tmp"
	}
	return append(dirs, filepath.Join(tmp, fmt.Sprintf("gocare-%d", os.Geteuid())))
}

// shimReady reports whether dir is ours and whole. The last link is made last.
func shimReady(dir, exe string) bool {
	last := linkers[len(linkers)-1]
	to, err := os.Readlink(filepath.Join(dir, last))
	return err == nil && to == exe && ownedByUs(filepath.Dir(dir)) && ownedByUs(dir)
}

// makeShim makes the links, each under a temporary name and renamed, as other builds may be using them.
func makeShim(base, dir, exe string) error {
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return err
	}
	if !ownedByUs(base) {
		return fmt.Errorf("%s belongs to another user", base)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range append([]string{"as"}, linkers...) {
		tmp := filepath.Join(dir, fmt.Sprintf(".%s-%d", name, os.Getpid()))
		os.Remove(tmp)
		if err := os.Symlink(exe, tmp); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ownedByUs reports whether path is a directory (no symbolic link) of the effective user that no other may write to.
func ownedByUs(path string) bool {
	fi, err := os.Lstat(path)
	if err != nil || !fi.IsDir() || fi.Mode()&0o002 != 0 {
		return false
	}
	return fi.Sys().(*syscall.Stat_t).Uid == uint32(os.Geteuid())
}

// prependPath puts dir in front of a list of directories, once.
func prependPath(dir, list string) string {
	rest := removePath(list, func(d string) bool { return filepath.Clean(d) == dir })
	if rest == "" {
		return dir
	}
	return dir + ":" + rest
}

// removePath takes directories out of a list.
func removePath(list string, remove func(string) bool) string {
	var kept []string
	for _, d := range filepath.SplitList(list) {
		if d != "" && !remove(d) {
			kept = append(kept, d)
		}
	}
	return strings.Join(kept, ":")
}

// Env returns the assignments that make any gcc run with them record into storeDir, for the stage that KPATCH_STAGE names. carecc is the
// absolute path of that program.
func Env(carecc, storeDir string) []string {
	shim, err := ShimDir(carecc, os.Getenv)
	if err != nil {
		shim = filepath.Join(storeDir, "shim")
		_ = makeShim(storeDir, shim, carecc) // without it nothing is recorded, and the caller finds no record
	}
	return append([]string{
		"COMPILER_PATH=" + prependPath(shim, os.Getenv("COMPILER_PATH")),
		"PATH=" + withClang(shim, carecc, os.Getenv("PATH")), // for a Makefile that runs as and ld itself
		"KPATCH_ASM_DIR=" + storeDir,
	}, compileHere...)
}

// ShellEnv returns shell lines that make any gcc run after them record, with CC left as it is.
func ShellEnv(carecc string, getenv func(string) string) (string, error) {
	shim, err := ShimDir(carecc, getenv)
	if err != nil {
		return "", err
	}
	text := "export COMPILER_PATH=" + shellQuote(prependPath(shim, getenv("COMPILER_PATH"))) + "\n"
	text += "export PATH=" + shellQuote(withClang(shim, carecc, getenv("PATH"))) + "\n" // for a Makefile that runs as and ld itself
	for _, v := range compileHere {
		text += "export " + v + "\n"
	}
	return text, nil
}
