package wrapper

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocare/buildtree"
	"gocare/internal/lazyregexp"
)

// assemblesInside reports whether a compiler assembles without running as.
func (p *Process) assemblesInside(c compiler, args []string) bool {
	path := c.path
	if abs := p.absDriver(path); abs != "" {
		path = abs
	}
	return buildtree.IsClang(path) && !buildtree.ParseDriver(args).Has("-fno-integrated-as")
}

// compileInside runs a compiler that assembles inside as it is, then compiles each source once more, to assembly, for
// the record. At -O0 clang's own objects have long jumps where that assembly has short ones (-mrelax-all): addresses and
// lengths are taken from the object.
func (p *Process) compileInside(c compiler, args, env []string, stage buildtree.Stage) int {
	argv, from := readResponses(args, p.Dir)
	sources := buildtree.ParseDriver(argv).Sources()
	store := p.sharedStore()
	if store == nil || len(sources) == 0 {
		return become(c.path, c.argv0, args, env)
	}
	run := insideRun{p: p, store: store, env: env, argv: argv, from: from, driver: p.absDriver(c.path), began: began(store)}
	st, err := run.first(c, args, slices.Contains(sources, "-"))
	if err != nil {
		return complain(err.Error())
	}
	if !st.ok() {
		return st.end()
	}
	for _, src := range sources {
		if err := run.record(stage, src); err != nil {
			_ = store.LogError(stage, p.abs(src), err)
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
	from   []string // these files
	driver string
	began  time.Time
	late   string // a file that was written since then, "" for none
	stdin  []byte // what was read from standard input, if a source came from there
}

// first runs the compiler as its caller wants it, and keeps what it reads from standard input if asked to.
func (r *insideRun) first(c compiler, args []string, keep bool) (status, error) {
	files := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	var feed *os.File
	if keep {
		rd, wr, err := os.Pipe()
		if err != nil {
			return status{}, err
		}
		defer rd.Close()
		files[0], feed = rd, wr
	}
	tool, err := start(c.path, append([]string{c.argv0}, args...), r.env, files)
	if err != nil {
		return status{}, err
	}
	if feed != nil {
		files[0].Close() // else writing to a compiler that has ended would block for ever
		if r.stdin, err = passOn(os.Stdin, feed); err != nil {
			return status{}, err
		}
	}
	return tool.wait()
}

// record writes the record of one source.
func (r *insideRun) record(stage buildtree.Stage, src string) error {
	u := buildtree.Unit{Dir: r.p.Dir, Driver: r.driver, Argv: r.argv, Responses: r.from, Source: src, As: r.driver, AsArgs: r.asArgs(), Env: r.p.compileEnv()}
	u.Time = r.began.UnixNano()
	u.Lang = langOf(src, driverCall{path: r.driver, argv: r.argv}, nil)
	r.late = ""
	asm, err := r.assembly(&u)
	if err != nil {
		return err
	}
	object, data, err := r.object(&u)
	if err != nil {
		return err
	}
	if r.late != "" {
		if asm, err = r.settled(&u, data); err != nil {
			return err
		}
	}
	if isBitcode(data) {
		u.Lang = "lto"
	}
	u.Object, u.ObjectID, u.AllocID = object, buildtree.DigestOf(data), allocDigest(data)
	u.Includes = strings.Contains(string(asm), ".incbin") || strings.Contains(string(asm), ".include")
	if u.Included, err = r.included(&u, asm); err != nil {
		return err
	}
	u.Programs = r.p.programs(r.store, &u)
	if u.AsmID, err = r.store.PutAssembly(asm); err != nil {
		return err
	}
	if err := r.p.keepCached(r.store, u, os.Getpid()); err != nil {
		_ = r.store.LogError(stage, u.Object, err)
	}
	return r.store.AddUnit(stage, u)
}

// included returns the files that an assembly source reads by itself (.incbin, .include), which clang lists nowhere: those of its text, as the
// preprocessor leaves it. Of a compiled source clang writes their content into the assembly.
func (r *insideRun) included(u *buildtree.Unit, asm []byte) (reads []buildtree.Read, err error) {
	if u.Lang != "asm" {
		return nil, nil
	}
	for _, m := range asmFile.FindAllSubmatch(asm, -1) {
		for _, dir := range append([]string{u.Dir}, u.IncludeDirs()...) {
			path := buildtree.ReadPath(buildtree.ReadPath(u.Dir, dir), string(m[1]))
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			read, err := buildtree.ReadNow(path, r.began)
			if err != nil {
				return nil, err
			}
			reads = append(reads, read)
			break
		}
	}
	return reads, nil
}

var asmFile = lazyregexp.New(`\.(?:incbin|include)\s+"([^"\n]+)"`)

// assembly returns the assembly text of a unit: its source, or what that is compiled to.
func (r *insideRun) assembly(u *buildtree.Unit) ([]byte, error) {
	args := u.CompileArgs(u.Source, "")
	switch {
	case args != nil && u.Preprocessed() && u.Source != "-":
		return r.listing(u, args)
	case args != nil:
		return r.again(args)
	case u.Source == "-":
		return r.stdin, nil
	}
	return os.ReadFile(r.p.abs(u.Source))
}

// listing compiles to assembly, and records what that read.
func (r *insideRun) listing(u *buildtree.Unit, args []string) ([]byte, error) {
	list, err := r.store.TempFile(listPrefix)
	if err != nil {
		return nil, err
	}
	defer os.Remove(list)
	asm, err := r.again(append(slices.Clone(args), "-MD", "-MF", list))
	if err != nil {
		return nil, err
	}
	if rule, err := os.ReadFile(list); err == nil {
		u.Reads, r.late, _ = putReads(r.store, u.Dir, append([]string{u.Source}, lastRule(string(rule))...), r.began) // else it is asked for later
	}
	return asm, nil
}

// settled compiles a unit to assembly once more, of which a file was written since its compile began: the object may be of another text than
// its assembly. What files hold now is what it was made from if it gives the same object.
func (r *insideRun) settled(u *buildtree.Unit, object []byte) (asm []byte, err error) {
	second := *r
	for range 3 { // a compile may be shorter than the time in which two writes look the same
		second.began = began(r.store)
		if asm, err = second.assembly(u); err != nil {
			return nil, err
		}
		if second.late == "" {
			break
		}
	}
	data, err := r.objectAgain(u)
	if err != nil {
		return nil, err
	}
	if second.late != "" || !bytes.Equal(data, object) {
		return nil, fmt.Errorf("%s was written while it was compiled: compile it again", r.late)
	}
	return asm, nil
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
	data, err = r.objectAgain(u)
	return filepath.Join(os.TempDir(), string(buildtree.DigestOf(data))+".o"), data, err
}

// objectAgain makes the object of a unit once more.
func (r *insideRun) objectAgain(u *buildtree.Unit) ([]byte, error) {
	args := u.CompileArgs(u.Source, "")
	for i, a := range args {
		if a == "-S" || a == "-E" {
			args[i] = "-c"
		}
	}
	if args == nil {
		args = append(r.asArgs(), "-o", "", u.Source)
	}
	return r.again(args)
}

// again runs the driver with the empty output in args replaced by a file of the store, and returns what it wrote there. All
// that it writes besides goes into one directory, which is removed.
func (r *insideRun) again(args []string) ([]byte, error) {
	dir, err := os.MkdirTemp(filepath.Join(r.store.Dir(), "tmp"), "again-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out, in := filepath.Join(dir, "out"), os.DevNull
	if r.stdin != nil {
		in = filepath.Join(dir, "in")
		if err := os.WriteFile(in, r.stdin, 0o600); err != nil {
			return nil, err
		}
	}
	stdin, err := os.Open(in)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	args = withOutput(args, out)
	c, err := start(r.driver, append([]string{r.driver}, args...), r.env, [3]*os.File{stdin, null, null})
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
	return os.ReadFile(out)
}

// withOutput puts the name of the output in.
func withOutput(args []string, out string) []string {
	list := slices.Clone(args)
	for i, a := range args {
		if a == "" && i > 0 && args[i-1] == "-o" {
			list[i] = out
		}
	}
	return list
}

// asArgs returns the arguments that make the driver assemble for the same target.
func (r *insideRun) asArgs() []string {
	args := []string{"-c", "-x", "assembler"}
	for i, a := range r.argv {
		switch {
		case a == "-target" && i+1 < len(r.argv):
			args = append(args, a, r.argv[i+1])
		case a == "-mllvm": // and its value, which does not begin so
		case strings.HasPrefix(a, "--target=") || strings.HasPrefix(a, "-m") || strings.HasPrefix(a, "-Wa,"):
			args = append(args, a)
		}
	}
	return args
}
