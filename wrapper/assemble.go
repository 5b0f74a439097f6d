package wrapper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
		store = p.openStore()
	}
	real, err := p.realTool("as", drv, store)
	if err != nil {
		return complain(err.Error())
	}
	if store == nil {
		return become(real, real, p.Argv[1:], p.Env)
	}
	st, asm, err := p.runAs(real, call, store)
	if err != nil {
		_ = store.LogError(p.abs(call.output), err)
	} else if st.ok() {
		p.recordUnit(store, stage, real, call, drv, asm)
	}
	return st.end()
}

// source is the assembler source as far as a record needs it.
type source struct {
	id   buildtree.Digest
	text []byte
}

// runAs runs the real assembler and keeps its source meanwhile.
func (p *Process) runAs(real string, call asCall, store *buildtree.Store) (status, source, error) {
	files := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	piped := len(call.inputs) == 0 || call.inputs[0] == "-"
	var feed *os.File
	if piped {
		r, w, err := os.Pipe()
		if err != nil {
			return status{code: complain(err.Error())}, source{}, err
		}
		files[0], feed = r, w
	}
	c, err := start(real, append([]string{real}, p.Argv[1:]...), p.Env, files)
	if err != nil {
		return status{code: complain(err.Error())}, source{}, err
	}
	if piped {
		files[0].Close()
	}
	src, srcErr := p.keepSource(call, feed, store)
	st, err := c.wait()
	if err != nil {
		return status{code: complain(err.Error())}, source{}, err
	}
	return st, src, srcErr
}

// keepSource reads the assembler source, passing it on to feed when it comes from standard input.
func (p *Process) keepSource(call asCall, feed *os.File, store *buildtree.Store) (source, error) {
	var text []byte
	var err error
	if feed != nil {
		text, err = passOn(os.Stdin, feed)
	}
	for _, in := range call.inputs {
		if in == "-" || err != nil {
			continue
		}
		var data []byte
		data, err = os.ReadFile(p.abs(in))
		text = append(text, data...)
	}
	if err != nil {
		return source{}, err
	}
	id, err := store.PutBlob(text)
	return source{id, text}, err
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

// recordUnit writes the record of a successful run.
func (p *Process) recordUnit(store *buildtree.Store, stage buildtree.Stage, real string, call asCall, drv driverCall, asm source) {
	object := p.abs(call.output)
	fi, err := os.Stat(object)
	if err == nil && !fi.Mode().IsRegular() {
		return
	}
	u := p.describeUnit(real, call, drv, asm)
	u.Object = object
	var data []byte
	if err == nil {
		data, err = os.ReadFile(object)
	}
	if err == nil && isLtrans(drv) { // gone before the linker ends
		_, err = store.PutBlob(data)
	}
	if err == nil {
		u.ObjectID = buildtree.DigestOf(data)
		u.AllocID, err = allocDigest(data)
	}
	if err == nil {
		err = store.AddUnit(stage, u)
	}
	if err != nil {
		_ = store.LogError(object, err)
	}
}

// describeUnit fills in what is known before the object is read.
func (p *Process) describeUnit(real string, call asCall, drv driverCall, asm source) buildtree.Unit {
	u := buildtree.Unit{
		Dir: p.Dir, Driver: drv.path, Argv: drv.argv, Options: drv.opts,
		AsmID: asm.id, As: real, AsArgs: call.options, Env: p.compileEnv(),
		Includes: bytes.Contains(asm.text, []byte(".incbin")) || bytes.Contains(asm.text, []byte(".include")),
	}
	u.Source = sourceOf(drv, call, asm.text)
	u.Lang = langOf(u.Source, drv, asm.text)
	return u
}

// compileVars are variables that change what a compiler makes of the same arguments. GCC 12 manual, section 3.21.
var compileVars = []string{
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "GCC_EXEC_PREFIX", "SOURCE_DATE_EPOCH", "LANG", "LC_ALL", "LC_CTYPE",
}

func (p *Process) compileEnv() []string {
	var env []string
	for _, name := range compileVars {
		if v := p.getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// allocDigest returns the digest of an object's allocated sections with their names, flags and relocations' absence
// ignored: what objcopy and strip leave as it is. It is "" for what is no ELF object we read.
func allocDigest(data []byte) (buildtree.Digest, error) {
	f, err := elfobj.Parse(data)
	if err != nil {
		return "", nil //nolint:nilerr // another machine's object: nothing to match by, its digest is enough
	}
	var all bytes.Buffer
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Flags&2 != 0 { // SHF_ALLOC
			fmt.Fprintf(&all, "%s %x %x %d\n", s.Name, uint32(s.Type), uint64(s.Flags), s.Size)
			all.Write(s.Data)
		}
	}
	return buildtree.DigestOf(all.Bytes()), nil
}

// sourceOf finds the source among the driver's inputs.
func sourceOf(drv driverCall, call asCall, asm []byte) string {
	if drv.argv == nil {
		if len(call.inputs) == 1 && drv.path == "" {
			return call.inputs[0]
		}
		return ""
	}
	d := buildtree.ParseDriver(drv.argv)
	var sources []string
	for _, in := range d.Inputs() {
		if lang := d.LangOf(in); lang != "lto" && (in == "-" || lang != "" || buildtree.SourceLang(in) != "") {
			sources = append(sources, in)
		}
	}
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

func isLtrans(drv driverCall) bool {
	d := buildtree.ParseDriver(drv.argv)
	return d.Has("-fltrans") || d.Has("-xlto")
}

// langOf says what a unit was compiled from.
func langOf(src string, drv driverCall, asm []byte) string {
	d := buildtree.ParseDriver(drv.argv)
	if isLtrans(drv) || bytes.Contains(asm, []byte(".gnu.lto_")) && !d.Has("-ffat-lto-objects") {
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
