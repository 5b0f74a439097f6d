package wrapper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gocare/buildtree"
)

// assemblesInside reports whether a compiler assembles without running as.
func (p *Process) assemblesInside(c compiler, args []string) bool {
	path := c.path
	if abs := p.absDriver(path); abs != "" {
		path = abs
	}
	if to, err := filepath.EvalSymlinks(path); err == nil && !isClang(path) {
		path = to
	}
	return isClang(path) && !buildtree.ParseDriver(args).Has("-fno-integrated-as")
}

// compileInside runs a compiler that assembles inside as it is, then compiles each source once more, to assembly, for
// the record.
func (p *Process) compileInside(c compiler, args, env []string, stage buildtree.Stage) int {
	argv := expandResponse(args, p.Dir)
	sources := buildtree.ParseDriver(argv).Sources()
	store := p.openStore()
	if store == nil || len(sources) == 0 {
		return become(c.path, c.argv0, args, env)
	}
	tool, err := start(c.path, append([]string{c.argv0}, args...), env, [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	if err != nil {
		return complain(err.Error())
	}
	st, err := tool.wait()
	if err != nil {
		return complain(err.Error())
	}
	if !st.ok() {
		return st.end()
	}
	run := insideRun{p: p, store: store, env: env, argv: argv, driver: p.absDriver(c.path)}
	for _, src := range sources {
		if err := run.record(stage, src); err != nil {
			_ = store.LogError(p.abs(src), err)
		}
	}
	return st.end()
}

// insideRun is one run of a compiler that assembles inside.
type insideRun struct {
	p      *Process
	store  *buildtree.Store
	env    []string
	argv   []string // response files expanded
	driver string
}

// record writes the record of one source.
func (r *insideRun) record(stage buildtree.Stage, src string) error {
	if src == "-" {
		return errors.New("source on standard input of a compiler that assembles inside: not recorded")
	}
	u := buildtree.Unit{Dir: r.p.Dir, Driver: r.driver, Argv: r.argv, Source: src, As: r.driver, AsArgs: r.asArgs(), Env: r.p.compileEnv()}
	u.Lang = langOf(src, driverCall{path: r.driver, argv: r.argv}, nil)
	for _, a := range r.argv {
		if strings.HasPrefix(a, "-flto") {
			u.Lang = "lto"
		}
	}
	asm, err := r.again(u.CompileArgs(src, ""))
	if err != nil {
		return err
	}
	object, data, err := r.object(&u)
	if err != nil {
		return err
	}
	u.Object, u.ObjectID, u.AllocID = object, buildtree.DigestOf(data), allocDigest(data)
	u.Includes = strings.Contains(string(asm), ".incbin") || strings.Contains(string(asm), ".include")
	if u.AsmID, err = r.store.PutBlob(asm); err != nil {
		return err
	}
	return r.store.AddUnit(stage, u)
}

// object returns the object of a unit: what -c wrote, else, as that of a link is gone, the same made again.
func (r *insideRun) object(u *buildtree.Unit) (path string, data []byte, err error) {
	d := buildtree.ParseDriver(r.argv)
	if d.Has("-c") {
		out := d.Output()
		if out == "" {
			base := filepath.Base(u.Source)
			out = strings.TrimSuffix(base, filepath.Ext(base)) + ".o"
		}
		path = r.p.written(out)
		data, err = os.ReadFile(path)
		return path, data, err
	}
	args := u.CompileArgs(u.Source, "")
	for i, a := range args {
		if a == "-S" || a == "-E" {
			args[i] = "-c"
		}
	}
	data, err = r.again(args)
	return filepath.Join(os.TempDir(), string(buildtree.DigestOf(data))+".o"), data, err
}

// again runs the driver with the empty output in args replaced by a file of the store, and returns what it wrote.
func (r *insideRun) again(args []string) ([]byte, error) {
	if args == nil {
		return nil, errors.New("not compiled from C or C++: not recorded")
	}
	tmp, err := r.store.TempFile("again-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	for i := 1; i < len(args); i++ {
		if args[i] == "" && args[i-1] == "-o" {
			args[i] = tmp
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	c, err := start(r.driver, append([]string{r.driver}, args...), r.env, [3]*os.File{null, null, null})
	if err != nil {
		return nil, err
	}
	st, err := c.wait()
	if err != nil {
		return nil, err
	}
	if !st.ok() {
		return nil, fmt.Errorf("%s %s: ended with status %d, signal %d", r.driver, strings.Join(args, " "), st.code, st.signal)
	}
	return os.ReadFile(tmp)
}

// asArgs returns the arguments that make the driver assemble for the same target.
func (r *insideRun) asArgs() []string {
	args := []string{"-c", "-x", "assembler"}
	for i, a := range r.argv {
		switch {
		case a == "-target" && i+1 < len(r.argv):
			args = append(args, a, r.argv[i+1])
		case strings.HasPrefix(a, "--target=") || strings.HasPrefix(a, "-m") || strings.HasPrefix(a, "-Wa,"):
			args = append(args, a)
		}
	}
	return args
}
