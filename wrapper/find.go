package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lookPath returns the first executable of that name in a list of directories that is none of those in not, and
// whether an earlier one was passed over because it was.
func lookPath(name, dirs string, not ...os.FileInfo) (path string, skipped bool) {
	for _, dir := range filepath.SplitList(dirs) {
		if dir == "" {
			dir = "."
		}
		p := filepath.Join(dir, name)
		fi, err := os.Stat(p)
		if err != nil || fi.IsDir() || fi.Mode()&0o111 == 0 {
			continue
		}
		if sameAsAny(fi, not) {
			skipped = true
			continue
		}
		return p, skipped
	}
	return "", skipped
}

func sameAsAny(fi os.FileInfo, others []os.FileInfo) bool {
	for _, o := range others {
		if os.SameFile(fi, o) {
			return true
		}
	}
	return false
}

// self returns what the running program is, for comparison by device and inode.
func (p *Process) self() []os.FileInfo {
	var list []os.FileInfo
	for _, path := range []string{"/proc/self/exe", p.Exe} {
		if fi, err := os.Stat(path); err == nil {
			list = append(list, fi)
		}
	}
	return list
}

// compiler is a real compiler driver: the file to execute and the name it is to see as its own.
type compiler struct{ path, argv0 string }

// realCompiler finds the compiler to stand in for: KPCCREAL or KPCXXREAL, else the first gcc, else the first cc in PATH
// that is not carecc. It is called by the bare name where a PATH search for that finds it too, as messages begin with it.
func (p *Process) realCompiler(cxx bool) (compiler, error) {
	names, variable := []string{"gcc", "cc"}, "KPCCREAL"
	if cxx {
		names, variable = []string{"g++", "c++"}, "KPCXXREAL"
	}
	if real := p.getenv(variable); real != "" {
		if strings.Contains(real, "/") {
			return compiler{real, real}, nil
		}
		names = []string{real}
	}
	for _, name := range names {
		path, skipped := lookPath(name, p.getenv("PATH"), p.self()...)
		if path == "" {
			continue
		}
		if skipped {
			return compiler{path, path}, nil
		}
		return compiler{path, name}, nil
	}
	return compiler{}, fmt.Errorf("no %s in PATH; set %s to the compiler", strings.Join(names, " or "), variable)
}

// absDriver resolves COLLECT_GCC, argv[0] of the driver, to an absolute path.
func (p *Process) absDriver(argv0 string) string {
	if argv0 == "" {
		return ""
	}
	if strings.Contains(argv0, "/") {
		return p.abs(argv0)
	}
	path, _ := lookPath(argv0, p.getenv("PATH"), p.self()...)
	if path == "" {
		return ""
	}
	return p.abs(path)
}
