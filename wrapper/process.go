package wrapper

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gocare/buildtree"
)

// Process is one run of carecc.
type Process struct {
	Argv []string // with argv[0]
	Env  []string // NAME=value
	Dir  string   // absolute working directory
	Exe  string   // absolute path of carecc itself
}

// linkers are the names that collect2 looks for.
var linkers = []string{"ld", "ld.bfd", "ld.gold", "ld.lld", "ld.mold"}

// Run plays the part that the command's name asks for and returns the exit status. Where it only hands over to the real
// tool it does not return.
func Run(p Process) int {
	name := p.name()
	if name == "as" {
		return p.assemble()
	}
	for _, l := range linkers {
		if name == l {
			return p.link(name)
		}
	}
	return p.compile(strings.Contains(name, "++"))
}

// name is the name that the command was called by.
func (p *Process) name() string {
	if len(p.Argv) == 0 {
		return ""
	}
	return filepath.Base(p.Argv[0])
}

// getenv returns the last value of a variable.
func (p *Process) getenv(name string) string {
	for i := len(p.Env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(p.Env[i], "="); ok && k == name {
			return v
		}
	}
	return ""
}

// withEnv returns env with a variable set.
func withEnv(env []string, name, value string) []string {
	out := make([]string, 0, len(env)+1)
	for _, e := range env {
		if k, _, _ := strings.Cut(e, "="); k != name {
			out = append(out, e)
		}
	}
	return append(out, name+"="+value)
}

// stage returns the stage to record for, "" for none.
func (p *Process) stage() buildtree.Stage {
	stage := buildtree.Stage(p.getenv("KPATCH_STAGE"))
	if stage == "" {
		stage = cmp.Or(p.announced(), buildtree.Original)
	}
	switch stage {
	case buildtree.Original, buildtree.Patched, buildtree.Unpatched:
		return stage
	}
	return ""
}

// become replaces this process by the real tool. It returns only on failure, with the shell's exit status for it.
func become(path, argv0 string, args, env []string) int {
	err := syscall.Exec(path, append([]string{argv0}, args...), env)
	return complain(path + ": " + err.Error())
}

// complain writes one line to standard error for what the user would otherwise not see, and returns 127.
func complain(msg string) int {
	os.Stderr.WriteString("carecc: error: " + msg + "\n")
	return 127
}

// abs returns path as seen from the working directory.
func (p *Process) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.Dir, path)
}

// written returns the path of a file just written as the kernel has it: no symbolic link in its directory.
func (p *Process) written(path string) string {
	path = p.abs(path)
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}
