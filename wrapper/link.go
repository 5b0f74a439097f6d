package wrapper

import (
	"io"
	"os"
	"path/filepath"
	"slices"
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
	files   []string // what does not begin with a dash; values of options among them
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
		store = p.openStore()
	}
	real, err := p.realTool(name, drv, store)
	if err != nil {
		return noLinker(drv, err)
	}
	if store == nil {
		return become(real, real, p.Argv[1:], p.Env)
	}
	run := linkRun{p: p, real: real, args: args, call: call, store: store, blobs: map[string]buildtree.Input{}}
	return run.do(stage).end()
}

// noLinker says what collect2 says when it finds no linker: one of our links may stand for none.
func noLinker(drv driverCall, err error) int {
	if drv.path == "" {
		return complain(err.Error())
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
}

// do runs the linker and records the link if it succeeds.
func (r *linkRun) do(stage buildtree.Stage) status {
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
	c, err := start(r.real, append([]string{r.real}, argv...), r.p.Env, files)
	if err != nil {
		return status{code: complain(err.Error())}
	}
	r.readCommandLine()
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

func (r *linkRun) logError(err error) { _ = r.store.LogError("link of "+r.p.abs(r.call.output), err) }

// withMap adds -Map in front, unless the command has a map of its own: the last one counts. The arguments are handed on
// as they came, in response files too.
func (r *linkRun) withMap() (argv []string, mapPath string, err error) {
	argv = r.p.Argv[1:]
	if r.call.mapFile != "" {
		return argv, "", nil
	}
	mapPath, err = r.store.TempFile("map-*")
	if err != nil {
		return argv, "", err
	}
	return append([]string{"-Map=" + mapPath}, argv...), mapPath, nil
}

// readMap returns the map that the linker wrote.
func (r *linkRun) readMap(own string) []byte {
	path := own
	if path == "" {
		path = r.p.abs(r.call.mapFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		r.logError(err)
		return nil
	}
	return data
}

// teeStdout lets the tool write to a pipe that is copied to standard output; the function returned waits for its end
// and returns what was written.
func teeStdout(files *[3]*os.File) func() []byte {
	rd, wr, err := os.Pipe()
	if err != nil {
		return nil
	}
	out := files[1]
	files[1] = wr
	return func() []byte {
		data, _ := io.ReadAll(io.TeeReader(rd, out))
		return data
	}
}

// readCommandLine reads the objects of the command line while the linker runs.
func (r *linkRun) readCommandLine() {
	for _, path := range r.call.files {
		if ext := filepath.Ext(path); ext == ".o" || ext == ".lo" || ext == ".obj" {
			_, _, _ = r.object(path)
		}
	}
}

// object returns the input that a path is, with its blob put into the store. It is false for what is no relocatable
// object (an archive, a shared library, a linker script).
func (r *linkRun) object(path string) (buildtree.Input, bool, error) {
	if in, ok := r.blobs[path]; ok {
		return in, true, nil
	}
	data, err := os.ReadFile(r.p.abs(path))
	if err != nil {
		return buildtree.Input{}, false, err
	}
	if !relocatable(data) {
		return buildtree.Input{}, false, nil
	}
	in, err := r.putInput(path, "", data)
	if err == nil {
		r.blobs[path] = in
	}
	return in, true, err
}

func (r *linkRun) putInput(path, member string, data []byte) (buildtree.Input, error) {
	id, err := r.store.PutBlob(data)
	if err != nil {
		return buildtree.Input{}, err
	}
	return buildtree.Input{Path: path, Member: member, ObjectID: id, AllocID: allocDigest(data)}, nil
}

// relocatable reports whether data is an ELF relocatable file: e_type is the half-word at 16 and ET_REL is 1.
func relocatable(data []byte) bool {
	return elfobj.IsELF(data) && len(data) > 20 && data[16] == 1 && data[17] == 0
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
	if f, err := elfobj.Parse(data); err == nil {
		l.BuildID = f.BuildID()
	}
	if l.OutputID, err = r.store.PutBlob(data); err != nil {
		return err
	}
	if l.MapID, err = r.store.PutBlob(mapText); err != nil {
		return err
	}
	if err := r.inputs(&l, stage, mapText); err != nil {
		return err
	}
	return r.store.AddLink(stage, l)
}

// inputs fills in the inputs, in the order in which the linker loaded them. Linkers whose map has no LOAD lines: the
// command line's objects, then the archive members that the map names.
func (r *linkRun) inputs(l *buildtree.Link, stage buildtree.Stage, mapText []byte) error {
	m := readLoads(mapText)
	if len(m.loaded) == 0 {
		m.loaded = slices.DeleteFunc(slices.Clone(r.call.files), func(f string) bool { return r.p.abs(f) == l.Output })
		m.loaded = append(m.loaded, m.archives()...)
	}
	var missing []string
	seen := map[string]bool{}
	for _, path := range m.loaded {
		pulled := m.pulled[path]
		if seen[path] && len(pulled) > 0 {
			continue
		}
		seen[path] = true
		ins, shared, err := r.load(path, pulled)
		switch {
		case os.IsNotExist(err):
			missing = append(missing, path)
			l.Inputs = append(l.Inputs, buildtree.Input{Path: path})
		case err != nil:
			return err
		case shared && !slices.Contains(l.Shared, path):
			l.Shared = append(l.Shared, path)
		}
		l.Inputs = append(l.Inputs, ins...)
	}
	if len(missing) == 0 {
		return nil
	}
	return r.fillFromUnits(l, stage, missing)
}

// load returns the inputs that one loaded file stands for.
func (r *linkRun) load(path string, pulled []string) (ins []buildtree.Input, shared bool, err error) {
	if in, ok := r.blobs[path]; ok {
		return []buildtree.Input{in}, false, nil
	}
	if len(pulled) > 0 {
		ins, err = r.members(path, pulled)
		return ins, false, err
	}
	kind, err := kindOfFile(r.p.abs(path))
	switch {
	case err != nil:
		return nil, false, err
	case kind == fileShared:
		return nil, true, nil
	case kind != fileObject:
		return nil, false, nil // a script, or an archive that nothing was needed from
	}
	in, ok, err := r.object(path)
	if err != nil || !ok {
		return nil, false, err
	}
	return []buildtree.Input{in}, false, nil
}

type fileKind int

const (
	fileOther fileKind = iota
	fileObject
	fileShared
)

func kindOfFile(path string) (fileKind, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileOther, err
	}
	defer f.Close()
	head := make([]byte, 32)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 && err != io.EOF {
		return fileOther, err
	}
	switch {
	case relocatable(head[:n]):
		return fileObject, nil
	case elfobj.IsELF(head[:n]):
		return fileShared, nil
	}
	return fileOther, nil
}

// members returns the members pulled from an archive, in the order they were. Of several members with one name the map
// does not tell which: unless all were pulled, they are recorded without a digest of their own.
func (r *linkRun) members(path string, pulled []string) ([]buildtree.Input, error) {
	data, err := os.ReadFile(r.p.abs(path))
	if err != nil {
		return nil, err
	}
	all, err := elfobj.Members(data)
	if err != nil {
		return nil, err
	}
	byName := map[string][]elfobj.Member{}
	for _, m := range all {
		name := filepath.Base(m.Name)
		byName[name] = append(byName[name], m)
	}
	want := map[string]int{}
	for _, name := range pulled {
		want[filepath.Base(name)]++
	}
	var ins []buildtree.Input
	used := map[string]int{}
	for _, name := range pulled {
		same := byName[filepath.Base(name)]
		n := used[filepath.Base(name)]
		used[filepath.Base(name)]++
		if len(same) != want[filepath.Base(name)] {
			var both []byte
			for _, m := range same {
				both = append(both, m.Data...)
			}
			ins = append(ins, buildtree.Input{Path: path, Member: name, SameNameID: buildtree.DigestOf(both)})
			continue
		}
		in, err := r.member(path, name, same[n])
		if err != nil {
			return nil, err
		}
		ins = append(ins, in)
	}
	return ins, nil
}

// member puts one archive member into the store; a thin archive's member is a file beside it.
func (r *linkRun) member(path, name string, m elfobj.Member) (buildtree.Input, error) {
	data := m.Data
	if data == nil {
		file := m.Name
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(r.p.abs(path)), file)
		}
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return buildtree.Input{}, err
		}
	}
	return r.putInput(path, name, data)
}

// fillFromUnits gives inputs that vanished before the linker ended (LTO) the digests that the assembler recorded.
func (r *linkRun) fillFromUnits(l *buildtree.Link, stage buildtree.Stage, missing []string) error {
	rec, err := r.store.Load(stage)
	if err != nil {
		return err
	}
	byObject := map[string]*buildtree.Unit{}
	for i := range rec.Units {
		byObject[rec.Units[i].Object] = &rec.Units[i]
	}
	for i := range l.Inputs {
		in := &l.Inputs[i]
		if in.ObjectID != "" || !slices.Contains(missing, in.Path) {
			continue
		}
		if u := byObject[r.p.abs(in.Path)]; u != nil {
			in.ObjectID, in.AllocID = u.ObjectID, u.AllocID
		}
	}
	return nil
}
