package wrapper

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gocare/buildtree"
)

// realTool finds the real as or ld: what the driver says without our directory in COMPILER_PATH, asked once and kept in
// the store; without a driver, the first in PATH that is not carecc.
func (p *Process) realTool(name string, d driverCall, s *buildtree.Store) (string, error) {
	compilerPath := removePath(p.getenv("COMPILER_PATH"), func(dir string) bool { return p.isShim(dir, name) })
	if d.path == "" || buildtree.IsClang(d.path) {
		return p.firstTool(name, d, compilerPath)
	}
	key := toolKey(name, d.path, append([]string{compilerPath, p.getenv("GCC_EXEC_PREFIX"), p.getenv("PATH")}, p.toolOptions(d)...)...)
	if s != nil {
		if path := s.Answer(key); path != "" && p.usable(path) {
			return path, nil
		}
	}
	path, err := p.askDriver(name, d, compilerPath)
	if err == nil && s != nil {
		_ = s.PutAnswer(key, path) // asked again next time
	}
	return path, err
}

// firstTool looks for a tool as clang does, for another machine by a name that begins with that: in the directories of -B, which may also be how the tool's path begins, then in
// COMPILER_PATH and PATH.
func (p *Process) firstTool(name string, d driverCall, compilerPath string) (string, error) {
	for _, dir := range buildtree.ToolDirs(d.argv) {
		if path, _ := p.lookPath(name, p.abs(dir)); path != "" {
			return path, nil
		}
		if path := p.abs(dir + name); p.usable(path) {
			return path, nil
		}
	}
	path := ""
	if target := buildtree.TargetOption(d.argv); target != "" {
		path, _ = p.lookPath(target+"-"+name, compilerPath+":"+p.getenv("PATH"))
	}
	if path == "" {
		path, _ = p.lookPath(name, compilerPath+":"+p.getenv("PATH"))
	}
	if path == "" {
		return "", fmt.Errorf("no %s in PATH", name)
	}
	return path, nil
}

// toolKey is all that the answer depends on.
func toolKey(name, driver string, rest ...string) string {
	key := name + "\x00" + driver + "\x00" + strings.Join(rest, "\x00")
	if fi, err := os.Stat(driver); err == nil {
		key += fmt.Sprint("\x00", fi.Size(), fi.ModTime().UnixNano())
	}
	return key
}

// toolOptions returns the options of a driver by which it finds its tools.
func (p *Process) toolOptions(d driverCall) (options []string) {
	for _, dir := range buildtree.ToolDirs(d.argv) {
		if !p.isShim(dir, "as") {
			options = append(options, "-B"+dir)
		}
	}
	return options
}

// askDriver runs the driver with -print-prog-name.
func (p *Process) askDriver(name string, d driverCall, compilerPath string) (string, error) {
	cmd := exec.Command(d.path, append(p.toolOptions(d), "-print-prog-name="+name)...)
	cmd.Env = withEnv(p.Env, "COMPILER_PATH", compilerPath)
	cmd.Dir = p.Dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s -print-prog-name=%s: %w", d.path, name, err)
	}
	path := strings.TrimSpace(string(out))
	if !strings.Contains(path, "/") {
		path, _ = p.lookPath(path, p.getenv("PATH"))
	}
	if path = p.abs(path); !p.usable(path) {
		return "", fmt.Errorf("%s names no %s but ours", d.path, name)
	}
	return path, nil
}

// usable reports whether path is a program other than carecc, and does not lead back here.
func (p *Process) usable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && !fi.IsDir() && !p.tried(path) && !p.isCarecc(path, fi)
}

// isShim reports whether a directory's tool of that name is carecc, or leads back to it.
func (p *Process) isShim(dir, name string) bool {
	path := filepath.Join(dir, name)
	fi, err := os.Stat(path)
	return err == nil && (p.tried(path) || p.isCarecc(path, fi))
}
