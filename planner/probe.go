package planner

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/arch"
	"gocare/internal/cxxname"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/jobs"
	"gocare/internal/layout"
	"gocare/internal/lazyregexp"
)

// probePrefix begins the name of a variable whose type is a pointer to that of another one.
const probePrefix = "gocare_type_of_"

// maxProbes is how often a probe is made of a unit's version: as it is, with the declarations within functions, and without what is none.
const maxProbes = 3

// compileProbes compiles units of clang once more, in both versions: it does not describe variables that a unit uses and another one
// defines. Behind the source stands a pointer to each of them, which is described. Units of which the type of one cannot be told are
// refused, or overridden.
func (c sideCompiler) compileProbes(ctx context.Context, units []pairedUnit, types []SideVersions) (overridden []*fault.Error, err error) {
	var probes []*probe
	for i := range units {
		u := &units[i]
		if names := c.variablesElsewhere(u.orig); compilable(&u.record) && buildtree.IsClang(u.record.Driver) && len(names) > 0 {
			probes = append(probes,
				&probe{pair: u, of: &types[i].OrigElsewhere, unit: u.orig, names: names, spelt: inCXX(names)},
				&probe{pair: u, of: &types[i].PatchedElsewhere, unit: &u.record, names: names, spelt: inCXX(names), patched: true})
		}
	}
	if err := c.compileUntilDone(ctx, probes); err != nil {
		return nil, err
	}
	for _, p := range probes {
		e, err := c.refuseProbe(p)
		if err != nil {
			return nil, err
		}
		if e != nil && !c.b.Allow(e.Code) {
			return nil, e
		}
		if e != nil {
			overridden = append(overridden, e)
		}
	}
	return overridden, nil
}

// compileUntilDone compiles probes, and those that fail once more with what their source says of the names that are not known.
func (c sideCompiler) compileUntilDone(ctx context.Context, probes []*probe) error {
	pending := probes
	for range maxProbes {
		for _, patched := range []bool{false, true} {
			side := slices.DeleteFunc(slices.Clone(pending), func(p *probe) bool { return p.patched != patched })
			if err := c.compileEach(ctx, side, patched); err != nil {
				return err
			}
		}
		pending = slices.DeleteFunc(slices.Clone(pending), func(p *probe) bool { return p.failed == nil || len(complaints(p.failed.Error())) == 0 })
		if len(pending) == 0 {
			return nil
		}
		if err := c.preprocess(ctx, pending); err != nil {
			return err
		}
		for _, p := range pending {
			p.declare(complaints(p.failed.Error()))
		}
	}
	return nil
}

// refuseProbe refuses a unit of which a probe does not tell the type of a variable that both versions use; nil if there is none.
func (c sideCompiler) refuseProbe(p *probe) (*fault.Error, error) {
	lost := p.lost
	if p.failed != nil {
		lost = append(slices.Clone(lost), p.names...)
	}
	if len(lost) == 0 {
		return nil, nil
	}
	text, err := c.b.Store.Blob(p.pair.asm)
	if err != nil {
		return nil, err
	}
	for _, name := range lost {
		if hasWord(text, name) {
			what := fmt.Sprintf("the type of %q, which another unit defines, cannot be told", name)
			return RefuseTypes(c.b.sourceName(p.pair.orig), what, p.failed), nil
		}
	}
	return nil, nil
}

// probe asks for the types of variables that one version of a unit uses.
type probe struct {
	pair    *pairedUnit
	of      *buildtree.Digest // the object that comes of it
	unit    *buildtree.Unit
	names   []string // symbols
	patched bool
	text    []byte   // its source as the preprocessor leaves it, once that was needed
	failed  error    // why the last compile failed, nil if it did not
	inside  []string // declarations within functions, which the probe has to repeat
	lost    []string // symbols that the source has, and of which it is not known what they are
	// spelt are the names in the source of symbols that have another one.
	spelt map[string]string
}

// compileEach compiles probes of one side.
func (c sideCompiler) compileEach(ctx context.Context, probes []*probe, patched bool) error {
	dir, err := os.MkdirTemp(c.b.Store.Dir(), "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	compile := c.b.compileHere
	if patched {
		compile = c.b.compileInView
	}
	requests := make([]request, len(probes))
	for i, p := range probes {
		if requests[i], err = p.request(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	results, err := compile(ctx, requests)
	if err != nil {
		return err
	}
	for i, p := range probes {
		_, *p.of, p.failed = c.assembleTyped(ctx, p.unit, results[i])
	}
	return nil
}

// preprocess gets the sources of probes as the preprocessor leaves them: macros declare variables, too.
func (c sideCompiler) preprocess(ctx context.Context, probes []*probe) error {
	for _, patched := range []bool{false, true} {
		side := slices.DeleteFunc(slices.Clone(probes), func(p *probe) bool { return p.patched != patched || p.text != nil })
		batch := make([]jobs.Job, len(side))
		for i, p := range side {
			batch[i] = jobs.Job{Dir: p.unit.Dir, Env: p.unit.Env, Args: append([]string{p.unit.Driver}, p.unit.PreprocessArgs(p.unit.Source)...)}
		}
		run := c.b.runHere
		if patched {
			run = func(ctx context.Context, batch []jobs.Job) ([]jobs.Outcome, error) {
				return jobs.Run(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), batch)
			}
		}
		outcomes, err := run(ctx, batch)
		if err != nil {
			return err
		}
		for i, o := range outcomes {
			side[i].text = o.Stdout
		}
	}
	return nil
}

// request writes the source of a probe. path has no suffix.
func (p *probe) request(path string) (request, error) {
	var text strings.Builder
	for _, declaration := range p.inside {
		fmt.Fprintln(&text, declaration)
	}
	for _, name := range p.names {
		fmt.Fprintf(&text, "__typeof__(%s) *%s%s;\n", cmp.Or(p.spelt[name], name), probePrefix, name)
	}
	path += filepath.Ext(p.unit.Source)
	flags := append(typeFlags(p.unit.Driver), "-w", "-include", sourcePath(p.unit)) // with the unit's -Werror, what is unusual would fail
	if p.unit.Lang == "c++" {
		flags = append(flags, "-fno-access-control")
	}
	return request{unit: p.unit, source: path, flags: flags}, os.WriteFile(path, []byte(text.String()), 0o644)
}

var undeclared = lazyregexp.New(`use of undeclared identifier '(\w+)'`)

// complaints are the names that a compiler does not know.
func complaints(message string) map[string]bool {
	unknown := map[string]bool{}
	for _, m := range undeclared.FindAllStringSubmatch(message, -1) {
		unknown[m[1]] = true
	}
	return unknown
}

// declare adds declarations of names that the compiler does not know: such as stand within functions, and other names that the source gives
// symbols (asm labels). What has neither is left out; it is lost if the source has the word.
func (p *probe) declare(unknown map[string]bool) {
	names := p.names
	p.names = nil
	for _, symbol := range names {
		name := cmp.Or(p.spelt[symbol], symbol)
		if !unknown[name] {
			p.names = append(p.names, symbol)
			continue
		}
		spelt, function := labelled(p.text, symbol)
		found := declarationOf(p.text, name)
		switch {
		case spelt != "" && !function && p.spelt[symbol] == "":
			p.spelt[symbol] = spelt
			p.names = append(p.names, symbol)
		case found != "" && !function && !slices.Contains(p.inside, found):
			p.inside, p.names = append(p.inside, found), append(p.names, symbol)
		case !function && hasWord(p.text, name):
			p.lost = append(p.lost, symbol)
		}
	}
	at := func(declaration string) int { return bytes.Index(p.text, []byte(declaration)) }
	slices.SortFunc(p.inside, func(a, b string) int { return cmp.Compare(at(a), at(b)) }) // one may mention another
}

// declarationOf finds a declaration of a name in preprocessed text, "" if there is none that stands by itself.
func declarationOf(text []byte, name string) string {
	variable := regexp.MustCompile(`\bextern\b[^;{}]*\b` + name + `\b[^;{}]*;`)
	if found := variable.Find(text); found != nil {
		return string(found)
	}
	function := regexp.MustCompile(`[;{}]\s*((?:[A-Za-z_]\w*[\s*]+)+` + name + `\s*\([^;{}=]*\)\s*;)`)
	if m := function.FindSubmatch(text); m != nil && !statement.Match(m[1]) {
		return string(m[1])
	}
	return ""
}

// statement begins a statement that looks like the declaration of a function.
var statement = lazyregexp.New(`^(?:return|else|do|goto|case)\b`)

// labelled returns the name that the source gives to a symbol by an asm label, "" for none, and whether it is a function's.
func labelled(text []byte, symbol string) (name string, function bool) {
	label := regexp.MustCompile(`(\w+|\))\s*(?:\[[^\]]*\]\s*)*(?:__asm__|__asm|asm)\s*\(\s*(?:""\s*)?"` + symbol + `"`)
	m := label.FindSubmatch(text)
	if m == nil {
		return "", false
	}
	return string(m[1]), string(m[1]) == ")"
}

// hasWord reports whether a text has a name outside of quotes.
func hasWord(text []byte, name string) bool {
	return slices.Contains(cWord.FindAllString(string(text), -1), name)
}

// variablesElsewhere lists the names in C of what a unit uses otherwise than by calls, and does not define.
func (c sideCompiler) variablesElsewhere(u *buildtree.Unit) (names []string) {
	f, err := LoadObject(c.b.Store, u.ObjectID)
	if err != nil {
		return nil
	}
	target, known := arch.ByMachine(f.Machine)
	relas, err := f.AllRelas()
	if err != nil || !known {
		return nil
	}
	for section, list := range relas {
		if f.Sections[section].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		for _, r := range list {
			s := &f.Symbols[r.Symbol]
			if target.Reloc(r.Type).Kind != arch.Call && isElsewhere(s) && !isNoVariable(s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isNoVariable reports whether a mangled name of C++ is a function's, or of what compilers make.
func isNoVariable(symbol string) bool {
	return strings.HasPrefix(symbol, "_ZT") || strings.HasPrefix(symbol, "_ZG") || strings.ContainsAny(cxxname.Readable(symbol), "([")
}

// inCXX maps mangled names to those that the source has.
func inCXX(symbols []string) map[string]string {
	names := map[string]string{}
	for _, symbol := range symbols {
		if name := cxxname.Readable(symbol); name != symbol {
			names[symbol] = name
		}
	}
	return names
}

var identifier = lazyregexp.New(`^[A-Za-z_]\w*$`)

func isElsewhere(s *elfobj.Symbol) bool {
	return s.Section == int(elf.SHN_UNDEF) && s.Bind != elf.STB_LOCAL && identifier.MatchString(s.Name)
}

// withElsewhere adds the variables of a probe, "" for none, to the layouts of its unit.
func withElsewhere(u *layout.Unit, store *buildtree.Store, probe buildtree.Digest) error {
	if probe == "" {
		return nil
	}
	p, err := LoadLayout(store, probe)
	if err != nil {
		return err
	}
	return u.Declare(p, probePrefix)
}
