package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lookPath returns the first executable of that name in a list of directories that is no carecc and was not tried, and whether an
// earlier one was passed over because it was.
func (p *Process) lookPath(name, dirs string) (path string, skipped bool) {
	for _, dir := range filepath.SplitList(dirs) {
		if dir == "" {
			dir = "."
		}
		path := filepath.Join(dir, name)
		fi, err := os.Stat(path)
		if err != nil || fi.IsDir() || fi.Mode()&0o111 == 0 {
			continue
		}
		if p.tried(path) || p.isCarecc(path, fi) {
			skipped = true
			continue
		}
		return path, skipped
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
// that is not carecc; a KPCCREAL that is one, or that leads back here, counts as none. It is called by the bare name where a PATH search for that finds it too, as messages begin with it.
func (p *Process) realCompiler(cxx bool) (compiler, error) {
	names, variable := []string{"gcc", "cc"}, "KPCCREAL"
	if cxx {
		names, variable = []string{"g++", "c++"}, "KPCXXREAL"
	}
	if name := p.name(); isClangName(name) { // a link of ours, see clangLinks
		path, _ := p.lookPath(name, p.getenv("PATH"))
		if path == "" {
			return compiler{}, fmt.Errorf("no %s in PATH but ours", name)
		}
		return compiler{path, path}, nil
	}
	switch real := p.getenv(variable); {
	case strings.Contains(real, "/"):
		if fi, err := os.Stat(real); err != nil || !p.tried(real) && !p.isCarecc(real, fi) {
			return compiler{real, real}, nil
		}
	case real != "":
		names = []string{real}
	}
	for _, name := range names {
		path, skipped := p.lookPath(name, p.getenv("PATH"))
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
	path, _ := p.lookPath(argv0, p.getenv("PATH"))
	if path == "" {
		return ""
	}
	return p.abs(path)
}
