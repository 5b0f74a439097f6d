package wrapper

import (
	"os"
	"path/filepath"
	"strings"

	"gocare/internal/lazyregexp"
)

// compilerName matches the names of compilers and of what is written before them, with a machine in front and a version behind.
var compilerName = lazyregexp.New(`^(?:[\w.]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|c99|c89|ccache|sccache|distcc)(?:-[\d.]+)?$`)

// command returns the real compiler with its arguments: what stands behind our own name where that is a command (carecc gcc -c x.c, as
// CCACHE_PREFIX=carecc has it), else what we stand for.
func (p *Process) command(cxx bool) (compiler, []string, error) {
	args := p.Argv[1:]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && compilerName.MatchString(filepath.Base(args[0])) {
		if path := p.program(args[0]); path != "" {
			return compiler{path, args[0]}, args[1:], nil
		}
	}
	real, err := p.realCompiler(cxx)
	return real, args, err
}

// program returns the path of a command other than carecc, "" if it is none, or a file of the working directory that has its name.
func (p *Process) program(name string) string {
	if !strings.Contains(name, "/") {
		if _, err := os.Stat(p.abs(name)); err == nil {
			return "" // an input: the linker takes any name
		}
		path, _ := p.lookPath(name, p.getenv("PATH"))
		return path
	}
	fi, err := os.Stat(p.abs(name))
	if err != nil || fi.IsDir() || fi.Mode()&0o111 == 0 || p.tried(name) || p.isCarecc(name, fi) {
		return ""
	}
	return name
}
