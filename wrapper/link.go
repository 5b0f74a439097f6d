package wrapper

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"gocare/buildtree"
	"gocare/internal/elfobj"
)

// ldCall is a linker's command line. Options may begin with one dash or two. Binutils 2.40, ld manual, section 2.1.
type ldCall struct {
	output  string
	mapFile string // where the linker writes a map already: a path, "-" for standard output, "" for none
	partial bool
	query   bool     // prints something about itself and links nothing
	files   []string // what does not begin with a dash; values of rare options among them
}

func parseLd(args []string) ldCall {
	c := ldCall{output: "a.out"}
	for i := 0; i < len(args); i++ {
		a := args[i]
		name, value, joined := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		name = strings.TrimPrefix(name, "-")
		next := func() string {
			if !joined && i+1 < len(args) {
				i++
				return args[i]
			}
			return value
		}
		switch {
		case !strings.HasPrefix(a, "-"):
			c.files = append(c.files, a)
		case name == "o" || name == "output" && strings.HasPrefix(a, "--"):
			c.output = next()
		case name == "Map":
			c.mapFile = next()
		case a == "-M" || name == "print-map":
			c.mapFile = "-"
		case a == "-r" || a == "-i" || a == "-Ur" || name == "relocatable":
			c.partial = true
		case name == "help" || name == "version" || name == "target-help" || a == "-V":
			c.query = true
		case strings.HasPrefix(a, "-o") && a != "-omagic":
			c.output = a[2:]
		case buildtree.LinkerTakesWord(name):
			next()
		}
	}
	c.query = c.query || len(c.files) == 0
	return c
}

// link is the part of ld and its kin.
func (p *Process) link(name string) int {
	args := expandResponse(p.Argv[1:], p.Dir)
	call := parseLd(args)
	drv := p.driver()
	stage := p.stage()
	var store *buildtree.Store
	if stage != "" && !call.query && call.output != os.DevNull && !isProbe(args, p.Dir) && !isProbe(drv.argv, p.Dir) {
		store = p.sharedStore()
	}
	real, err := p.realTool(name, drv, store)
	if err != nil {
		return noLinker(name, drv, err)
	}
	if store == nil {
		return become(real, real, p.Argv[1:], p.handOver(p.Env, real))
	}
	run := linkRun{p: p, real: real, args: args, call: call, store: store, blobs: map[string]buildtree.Input{}}
	return run.do(stage).end()
}

// noLinker says what collect2 or clang says when it finds no linker: one of our links may stand for none.
func noLinker(name string, drv driverCall, err error) int {
	if drv.path == "" {
		return complain(err.Error())
	}
	if buildtree.IsClang(drv.path) {
		os.Stderr.WriteString("clang: error: invalid linker name in argument '-fuse-ld=" + strings.TrimPrefix(name, "ld.") + "'\n")
		return 1
	}
	os.Stderr.WriteString("collect2: fatal error: cannot find 'ld'\ncompilation terminated.\n")
	return 1
}

// linkRun is one link that is recorded.
type linkRun struct {
	p     *Process
	real  string
	args  []string // response files expanded
	call  ldCall
	store *buildtree.Store
	blobs map[string]buildtree.Input // objects read already, by path

	late   bool                      // an input has intermediate language, of which code is made by this link
	remade map[buildtree.Digest]bool // objects that the record can make again; nil until it is asked
}

// do runs the linker and records the link if it succeeds.
func (r *linkRun) do(stage buildtree.Stage) status {
	r.store.ForgetErrors(stage, r.name())
	argv, mapPath, err := r.withMap()
	if mapPath != "" {
		defer os.Remove(mapPath)
	}
	if err != nil {
		r.logError(err)
	}
	files := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	var printed func() []byte
	if r.call.mapFile == "-" {
		printed = teeStdout(&files)
	}
	c, err := start(r.real, append([]string{r.real}, argv...), r.p.handOver(r.p.Env, r.real), files)
	if err != nil {
		return status{code: complain(err.Error())}
	}
	r.readCommandLine()
	if stage == buildtree.Original && r.p.announced() == "" { // patchmake packs beside what it waits for
		runtime.GOMAXPROCS(runtime.NumCPU()) // main gives a tool one; this is more than a tool does else
		_ = r.store.Pack()                   // else what is loose stays so
	}
	var mapText []byte
	if printed != nil {
		files[1].Close()
		mapText = printed()
	}
	st, err := c.wait()
	if err != nil {
		return status{code: complain(err.Error())}
	}
	if !st.ok() {
		return st
	}
	if mapText == nil {
		mapText = r.readMap(mapPath)
	}
	if err := r.record(stage, mapText); err != nil {
		r.logError(err)
	}
	return st
}

// name is how errors call this link.
func (r *linkRun) name() string { return buildtree.LinkOf(r.p.written(r.call.output)) }

func (r *linkRun) logError(err error) { _ = r.store.LogError(r.p.stage(), r.name(), err) }

// withMap adds -Map in front, unless the command has a map of its own: the last one counts. The arguments are handed on
// as they came, in response files too.
func (r *linkRun) withMap() (argv []string, mapPath string, err error) {
	argv = r.p.Argv[1:]
	if r.call.mapFile != "" {
		return argv, "", nil
	}
	mapPath, err = r.newMap()
	if err != nil {
		return argv, "", err
	}
	return append([]string{"-Map=" + mapPath}, argv...), mapPath, nil
}

// newMap makes an empty file for the map, in the store if its name tells the linker no more than a name: GNU ld puts that of the
// output in the place of each "%".
func (r *linkRun) newMap() (string, error) {
	if !strings.Contains(r.store.Dir(), "%") {
		return r.store.TempFile("map-*")
	}
	dir := os.TempDir()
	if strings.Contains(dir, "%") {
		dir = "/tmp"
	}
	f, err := os.CreateTemp(dir, "gocare-map-*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// readMap returns the map that the linker wrote.
func (r *linkRun) readMap(own string) []byte {
	path := own
	if path == "" {
		path = r.p.abs(r.call.mapFile)
	}
	data, err := readRegular(path)
	if err != nil {
		r.logError(fmt.Errorf("link map: %w", err))
		return nil
	}
	return data
}

// readRegular reads a file, if it is a regular one: reading a pipe waits for whoever writes to it, and some devices have no end.
func readRegular(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return os.ReadFile(path)
}

// teeStdout lets the tool write to a pipe that is copied to standard output; the function returned waits for its end
// and returns what was written. All is read, even if standard output takes no more: else the tool would wait.
func teeStdout(files *[3]*os.File) func() []byte {
	rd, wr, err := os.Pipe()
	if err != nil {
		return nil
	}
	out := files[1]
	files[1] = wr
	return func() []byte {
		var printed bytes.Buffer
		_, _ = io.Copy(out, io.TeeReader(rd, &printed))
		_, _ = io.Copy(&printed, rd)
		return printed.Bytes()
	}
}

// record writes the record of a successful link.
func (r *linkRun) record(stage buildtree.Stage, mapText []byte) error {
	output := r.p.written(r.call.output)
	fi, err := os.Stat(output)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return nil
	}
	data, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	if !elfobj.IsELF(data) { // --oformat binary
		return nil
	}
	l := buildtree.Link{Dir: r.p.Dir, Linker: r.real, Argv: r.args, Output: output, Partial: r.call.partial}
	l.OutputID = buildtree.DigestOf(data)
	if l.MapID, err = r.store.PutOutput(stage, mapText); err != nil {
		return err
	}
	if err := r.inputs(&l, stage, mapText); err != nil {
		return err
	}
	if err := r.putOutput(&l, stage, data); err != nil {
		return err
	}
	l.Files = r.files(mapText)
	return r.store.AddLink(stage, l)
}

// putOutput keeps what was linked. Debugging information is left out, which is most of it and of no use to whoever reads it: types are taken
// from the objects, where there are any.
func (r *linkRun) putOutput(l *buildtree.Link, stage buildtree.Stage, data []byte) error {
	if f, err := elfobj.Parse(data); err == nil {
		l.BuildID = f.BuildID()
		if !l.Partial && !r.late && clearDebug(data, f) {
			l.BinaryID = buildtree.DigestOf(data)
		}
	}
	_, err := r.store.PutOutput(stage, data)
	return err
}

// clearDebug writes zeros over the debugging information of a linked file. It reports whether there was any.
func clearDebug(data []byte, f *elfobj.File) (cleared bool) {
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Flags&elf.SHF_ALLOC == 0 && strings.HasPrefix(s.Name, ".debug_") && s.Type == elf.SHT_PROGBITS && len(s.Data) > 0 {
			clear(data[s.Offset : s.Offset+s.Size])
			cleared = true
		}
	}
	return cleared
}
