package wrapper

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocare/buildtree"
	"gocare/internal/elfobj"
)

// asCall is an assembler's command line.
type asCall struct {
	inputs  []string // "-" is standard input; none is standard input too
	output  string
	options []string // what is neither input nor output, nor writes other files
	query   bool     // --version and the like
}

// asValue lists options of GNU as whose value is the next argument. Binutils 2.40, as manual, section 2.
var asValue = map[string]bool{"-I": true, "--defsym": true, "--debug-prefix-map": true, "-K": true, "--MD": true}

func parseAs(args []string) asCall {
	c := asCall{output: "a.out"}
	for i := 0; i < len(args); i++ {
		a := args[i]
		hasNext := i+1 < len(args)
		switch {
		case a == "-o" && hasNext:
			i++
			c.output = args[i]
		case strings.HasPrefix(a, "-o") && len(a) > 2:
			c.output = a[2:]
		case asValue[a] && hasNext:
			i++
			if a != "--MD" {
				c.options = append(c.options, a, args[i])
			}
		case a == "-" || !strings.HasPrefix(a, "-"):
			c.inputs = append(c.inputs, a)
		case a == "--version" || a == "-version" || a == "--help" || a == "--target-help":
			c.query = true
		case strings.HasPrefix(a, "-a") && strings.Contains(a, "=") || strings.HasPrefix(a, "--MD="):
			// a listing or dependency file
		default:
			c.options = append(c.options, a)
		}
	}
	return c
}

// assemble is the part of as.
func (p *Process) assemble() int {
	args := expandResponse(p.Argv[1:], p.Dir)
	call := parseAs(args)
	drv := p.driver()
	stage := p.stage()
	skip := stage == "" || call.query || call.output == os.DevNull || isProbe(args, p.Dir) || isProbe(drv.argv, p.Dir)
	var store *buildtree.Store
	if !skip {
		store = p.sharedStore()
	}
	real, err := p.realTool("as", drv, store)
	if err != nil {
		return complain(err.Error())
	}
	if store == nil {
		return become(real, real, p.Argv[1:], p.handOver(p.Env, real))
	}
	run := asRun{p: p, real: real, call: call, drv: drv, store: store, began: p.driverBegan(store, drv.pid), started: began(store)}
	st, err := run.do()
	if err == nil && st.ok() {
		err = run.record(stage)
	}
	if err != nil {
		_ = store.LogError(stage, p.written(call.output), err)
	}
	return st.end()
}

// asRun is one run of the assembler that is recorded.
type asRun struct {
	p       *Process
	real    string
	call    asCall
	drv     driverCall
	store   *buildtree.Store
	began   time.Time // the driver
	started time.Time // the assembler
	unit    buildtree.Unit
}

// do runs the real assembler and prepares the record meanwhile.
func (r *asRun) do() (status, error) {
	files := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	var feed *os.File
	if len(r.call.inputs) == 0 || r.call.inputs[0] == "-" {
		rd, wr, err := os.Pipe()
		if err != nil {
			return status{code: complain(err.Error())}, err
		}
		defer rd.Close()
		files[0], feed = rd, wr
	}
	c, err := start(r.real, append([]string{r.real}, r.p.Argv[1:]...), r.p.handOver(r.p.Env, r.real), files)
	if err != nil {
		return status{code: complain(err.Error())}, err
	}
	if feed != nil {
		files[0].Close() // else writing to a tool that has ended would block for ever
	}
	prepareErr := r.prepare(feed)
	st, err := c.wait()
	if err != nil {
		return status{code: complain(err.Error())}, err
	}
	return st, prepareErr
}

// prepare fills in all of the unit but the object.
func (r *asRun) prepare(feed *os.File) error {
	text, err := r.readSource(feed)
	if err != nil {
		return err
	}
	r.unit = r.p.describeUnit(r.real, r.call, r.drv, text)
	r.unit.Time = r.began.UnixNano()
	if r.unit.Includes {
		if included, err := r.included(text); err == nil { // else they stay unknown
			r.unit.Included, r.unit.Includes = included, len(included) > 0
		}
	}
	if feed == nil { // else the compiler is still at work, and lists last
		r.recordReads()
	}
	r.unit.Programs = r.p.programs(r.store, &r.unit)
	r.unit.AsmID, err = r.store.PutAssembly(text)
	return err
}

// readSource reads the assembler source, passing it on to feed when it comes from standard input.
func (r *asRun) readSource(feed *os.File) ([]byte, error) {
	if feed != nil {
		return passOn(os.Stdin, feed)
	}
	if len(r.call.inputs) == 1 {
		return os.ReadFile(r.p.abs(r.call.inputs[0]))
	}
	var text []byte
	for _, in := range r.call.inputs {
		data, err := os.ReadFile(r.p.abs(in))
		if err != nil {
			return nil, err
		}
		text = append(text, data...)
	}
	return text, nil
}

// passOn copies r to w and returns what it read. A tool that stops reading is no error: it has said why.
func passOn(r io.Reader, w *os.File) ([]byte, error) {
	defer w.Close()
	var text bytes.Buffer
	buf := make([]byte, 64<<10)
	broken := false
	for {
		n, err := r.Read(buf)
		text.Write(buf[:n])
		if n > 0 && !broken {
			_, werr := w.Write(buf[:n])
			broken = werr != nil
		}
		if err == io.EOF || broken {
			return text.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// record adds the object and writes the record.
func (r *asRun) record(stage buildtree.Stage) error {
	r.unit.Object = r.p.written(r.call.output)
	fi, err := os.Stat(r.unit.Object)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return nil
	}
	data, err := os.ReadFile(r.unit.Object)
	if err != nil {
		return err
	}
	if isLtrans(r.drv) { // gone before the linker ends
		if _, err := r.store.PutBlob(data); err != nil {
			return err
		}
	}
	r.unit.ObjectID, r.unit.AllocID = buildtree.DigestOf(data), allocDigest(data)
	if err := r.p.keepCached(r.store, r.unit, r.drv.pid); err != nil {
		_ = r.store.LogError(stage, r.unit.Object, err)
	}
	return r.store.AddUnit(stage, r.unit)
}

// describeUnit fills in what is known before there is an object.
func (p *Process) describeUnit(real string, call asCall, drv driverCall, text []byte) buildtree.Unit {
	src := sourceOf(drv, call, text)
	u := buildtree.Unit{
		Dir: p.Dir, Driver: drv.path, Argv: drv.argv, Responses: drv.from, Options: drv.opts, Source: src,
		As: real, AsArgs: call.options, Lang: langOf(src, drv, text), Env: p.compileEnv(),
		Includes: holds(text, "incbin") || holds(text, "include"),
	}
	if src == "" && drv.pid != 0 {
		u.DriverID = drv.id()
	}
	return u
}

// programs returns what a unit is compiled with, "" if that cannot be kept.
func (p *Process) programs(s *buildtree.Store, u *buildtree.Unit) buildtree.Digest {
	dirs := removePath(p.getenv("COMPILER_PATH"), func(dir string) bool { return p.isShim(dir, "as") })
	id, _ := s.Programs(u, withEnv(p.Env, "COMPILER_PATH", dirs))
	return id
}

func (p *Process) compileEnv() []string {
	var env []string
	for _, name := range buildtree.CompileVars {
		if v := p.getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// allocDigest returns the digest of an object's allocated sections with their names, types and flags, which objcopy and
// strip leave as they are; relocations are not in it. It is "" for what is no ELF object we read.
func allocDigest(data []byte) buildtree.Digest {
	f, err := elfobj.Parse(data)
	if err != nil {
		return ""
	}
	all := make([]byte, 0, len(data))
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Flags&elf.SHF_ALLOC != 0 {
			all = append(all, s.Name...)
			all = append(all, 0, byte(s.Type), byte(s.Flags), byte(s.Flags>>8))
			all = binary.LittleEndian.AppendUint64(all, s.Size)
			all = append(all, s.Data...)
		}
	}
	return buildtree.DigestOf(all)
}

// sourceOf finds the source among the driver's inputs.
func sourceOf(drv driverCall, call asCall, asm []byte) string {
	if drv.argv == nil {
		if len(call.inputs) == 1 && drv.path == "" {
			return call.inputs[0]
		}
		return ""
	}
	sources := buildtree.ParseDriver(drv.argv).Sources()
	if len(sources) == 1 {
		return sources[0]
	}
	for _, in := range call.inputs {
		for _, s := range sources {
			if in == s {
				return s
			}
		}
	}
	return matchSource(sources, asm)
}

// matchSource picks the one input whose name the assembler source gives as its own; "" when that is not one.
func matchSource(sources []string, asm []byte) string {
	names := ownNames(asm)
	for _, same := range []func(name, src string) bool{
		func(name, src string) bool { return name == src },
		func(name, src string) bool { return filepath.Base(name) == filepath.Base(src) },
	} {
		found := ""
		for _, s := range sources {
			for _, name := range names {
				if same(name, s) && found != s {
					if found != "" {
						return ""
					}
					found = s
				}
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// ownNames returns the names that assembler source gives its own source file: `.file "a.c"`, `.file 0 "/dir" "x/a.c"`
// and preprocessed assembly's `# 1 "x/a.S"`.
func ownNames(asm []byte) []string {
	var names []string
	for line := range strings.Lines(string(asm[:min(len(asm), 64<<10)])) {
		line = strings.TrimSpace(line)
		plain := strings.HasPrefix(line, `.file`) && strings.Contains(line, `"`) && !strings.HasPrefix(strings.TrimSpace(line[5:]), "1")
		marker := len(names) == 0 && strings.HasPrefix(line, `# `) && strings.HasSuffix(line, `"`)
		if plain || marker {
			if parts := strings.Split(line, `"`); len(parts) >= 3 {
				names = append(names, parts[len(parts)-2])
			}
		}
		if len(names) == 2 {
			break
		}
	}
	return names
}

// holds reports whether a text has a word with a point in front. It looks for the word: points are many times as frequent as what the words
// begin with, and the search goes from one first byte to the next.
func holds(text []byte, word string) bool {
	for at := 0; ; at++ {
		i := bytes.Index(text[at:], []byte(word))
		if i < 0 {
			return false
		}
		if at += i; at > 0 && text[at-1] == '.' {
			return true
		}
	}
}

func isLtrans(drv driverCall) bool {
	d := buildtree.ParseDriver(drv.argv)
	return d.Has("-fltrans") || d.Has("-xlto")
}

// langOf says what a unit was compiled from.
func langOf(src string, drv driverCall, asm []byte) string {
	d := buildtree.ParseDriver(drv.argv)
	if isLtrans(drv) || holds(asm, "gnu.lto_") && !d.Has("-ffat-lto-objects") {
		return "lto"
	}
	lang := d.LangOf(src)
	if lang == "" {
		lang = buildtree.SourceLang(src)
	}
	switch {
	case strings.HasPrefix(lang, "assembler") || lang == "" && drv.path == "":
		return "asm"
	case strings.HasPrefix(lang, "c++") || strings.HasSuffix(drv.path, "++"):
		return "c++"
	}
	return "c"
}
