package wrapper

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gocare/buildtree"
)

// compile is the part of the compiler driver.
func (p *Process) compile(cxx bool) int {
	real, args, err := p.command(cxx)
	if err != nil {
		return complain(err.Error())
	}
	env := p.handOver(p.Env, real.path)
	stage := p.stage()
	if p.getenv("KPATCH_STAGE") != "configure" {
		args = p.adjustArgs(args)
	}
	p.debugLine(real, args)
	if stage != "" && worthRecording(args, p.Dir) && !p.sentHere(args) && p.hasLinker(args) {
		args, env = p.recording(real, args, env)
		if p.assemblesInside(real, args) {
			return p.compileInside(real, args, env, stage)
		}
		if store := p.openStore(); store != nil {
			env = withBegan(p.listReads(store, args, env), store)
		}
	}
	return become(real.path, real.argv0, args, env)
}

// recording points the compiler at the shim directory. Without one it compiles all the same. Directories of -B come before those of
// COMPILER_PATH: where the command has some, ours is the first of them.
func (p *Process) recording(c compiler, args, env []string) (recordedArgs, recordedEnv []string) {
	shim, err := ShimDir(p.Exe, p.getenv)
	if err != nil {
		if store := p.openStore(); store != nil {
			_ = store.LogError(p.stage(), p.Dir, err)
		}
		return args, env
	}
	env = withEnv(env, "COMPILER_PATH", prependPath(shim, p.getenv("COMPILER_PATH")))
	for _, v := range compileHere {
		name, value, _ := strings.Cut(v, "=")
		env = withEnv(env, name, value)
	}
	if argv := expandResponse(args, p.Dir); len(buildtree.ToolDirs(argv)) > 0 && !(buildtree.IsClang(c.path) && storesCommand(argv)) {
		args = append([]string{"-B" + shim}, args...)
	}
	return args, env
}

// storesCommand reports whether a command line asks for its record in the object: clang writes it there whole, gcc without -B.
func storesCommand(argv []string) bool {
	d := buildtree.ParseDriver(argv)
	return slices.ContainsFunc([]string{"-frecord-gcc-switches", "-grecord-gcc-switches", "-frecord-command-line", "-grecord-command-line"}, d.Has)
}

// compileHere makes programs that start compilers start one for each compile, on this machine.
var compileHere = []string{"CCACHE_DISABLE=1", "DISTCC_HOSTS=localhost"}

// adjustArgs does what KPCC_REMOVE_ARGS and KPCC_APPEND_ARGS ask for.
func (p *Process) adjustArgs(args []string) []string {
	remove, add := splitArgs(p.getenv("KPCC_REMOVE_ARGS")), splitArgs(p.getenv("KPCC_APPEND_ARGS"))
	if len(remove)+len(add) == 0 {
		return args
	}
	var out []string
	for _, a := range args {
		if !slices.Contains(remove, a) {
			out = append(out, a)
		}
	}
	return append(out, add...)
}

func splitArgs(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ";"), func(a string) bool { return a == "" })
}

// debugLine appends the command to the file that KPCC_DEBUG names.
func (p *Process) debugLine(real compiler, args []string) {
	path := p.getenv("KPCC_DEBUG")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	line := real.path
	for _, a := range args {
		line += " " + shellQuote(a)
	}
	_, _ = f.WriteString(line + "\n")
}

func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=+./,:@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	if strings.ContainsAny(s, "\n\r\t") {
		return "$" + strings.ReplaceAll("'"+strings.Trim(strconv.Quote(s), `"`)+"'", `\"`, `"`)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// probeMarks are parts of paths that only configure's probes have.
var probeMarks = []string{"conftest.", "CMakeTmp", "CMakeScratch", "meson-private", "qemu-conf."}

func isProbe(args []string, dir string) bool {
	for _, m := range probeMarks {
		if strings.Contains(dir, m) || slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, m) }) {
			return true
		}
	}
	return false
}

// sentHere reports whether distccd compiles this for another machine, where the tree is that a record belongs to.
func (p *Process) sentHere(args []string) bool {
	sent := func(arg string) bool { return strings.HasPrefix(filepath.Base(arg), "distccd_") }
	return p.getenv("_DISTCC_SAFEGUARD") != "" && slices.ContainsFunc(args, sent)
}

// asksLinker reports whether an option makes the linker say something of itself, in place of a link. --version-script is none.
func asksLinker(arg string) bool {
	options, passed := strings.CutPrefix(arg, "-Wl,")
	return passed && slices.ContainsFunc(strings.Split(options, ","), func(o string) bool {
		return slices.Contains([]string{"--version", "-version", "--help", "-help", "--target-help", "-target-help"}, o)
	})
}

// worthRecording reports whether a compiler's command line may run as or ld on something to remember.
func worthRecording(args []string, dir string) bool {
	if isProbe(args, dir) {
		return false
	}
	queries := []string{
		"-print-", "--print-", "-dumpversion", "-dumpfullversion", "-dumpmachine", "-dumpspecs", "--version", "--help", "--target-help", "-###",
	}
	for _, a := range args {
		if a == "-E" || asksLinker(a) || slices.ContainsFunc(queries, func(q string) bool { return strings.HasPrefix(a, q) }) {
			return false
		}
	}
	d := buildtree.ParseDriver(expandResponse(args, dir))
	switch {
	case d.Has("-E") || d.Has("-M") || d.Has("-MM") || d.Has("-S") || d.Has("-fsyntax-only"):
		return false
	case d.Output() == os.DevNull || len(d.Inputs()) == 0:
		return false
	}
	return true
}

// hasLinker reports whether the linker that -fuse-ld asks for is there. If not, collect2 must not find our link either:
// it is to say so in its own words.
func (p *Process) hasLinker(args []string) bool {
	for _, a := range args {
		if name, ok := strings.CutPrefix(a, "-fuse-ld="); ok {
			if path, _ := p.lookPath("ld."+name, p.getenv("PATH")); path == "" {
				return false
			}
		}
	}
	return true
}

// sharedStore opens the store for this command to record in, nil where there can be none.
func (p *Process) sharedStore() *buildtree.Store {
	s := p.openStore()
	if s == nil || s.Share() != nil {
		return nil
	}
	return s
}

// openStore opens the store for this command, nil where there can be none.
func (p *Process) openStore() *buildtree.Store {
	dir, err := buildtree.FindStore(p.Dir, p.getenv)
	if err != nil {
		return nil
	}
	s, err := buildtree.CreateStore(filepath.Clean(dir))
	if err != nil {
		return nil
	}
	return s
}
