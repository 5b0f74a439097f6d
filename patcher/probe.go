package patcher

import (
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
	"gocare/internal/elfobj"
	"gocare/internal/layout"
)

// probePrefix begins the name of a variable whose type is a pointer to that of another one.
const probePrefix = "gocare_type_of_"

// compileProbes compiles units of clang once more, in both versions: it does not describe variables that a unit uses and another one
// defines. Behind the source stands a pointer to each of them, which is described. A unit that does not compile so is compared without.
func (c *comparison) compileProbes(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	var wanted []probe
	for i := range units {
		u := &units[i]
		if names := c.variablesElsewhere(u.orig); compilable(&u.record) && buildtree.IsClang(u.record.Driver) && len(names) > 0 {
			wanted = append(wanted,
				probe{of: &types[i].OrigElsewhere, unit: u.orig, names: names},
				probe{of: &types[i].PatchedElsewhere, unit: &u.record, names: names, patched: true})
		}
	}
	again, err := c.compileEach(ctx, wanted)
	if err != nil || len(again) == 0 {
		return err
	}
	_, err = c.compileEach(ctx, again)
	return err
}

// probe asks for the types of variables that one version of a unit uses.
type probe struct {
	of      *buildtree.Digest // the object that comes of it
	unit    *buildtree.Unit
	names   []string
	patched bool
	inside  []string // declarations within functions, which the probe has to repeat
}

// compileEach compiles probes; again are those that failed because of names which the source does not declare outside of functions: with the
// declarations within these, and without names that have none.
func (c *comparison) compileEach(ctx context.Context, probes []probe) (again []probe, err error) {
	dir, err := os.MkdirTemp(c.b.Store.Dir(), "probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, patched := range []bool{false, true} {
		compile := c.b.compileHere
		if patched {
			compile = c.b.compileInView
		}
		list := slices.DeleteFunc(slices.Clone(probes), func(p probe) bool { return p.patched != patched })
		requests := make([]request, len(list))
		for i, p := range list {
			if requests[i], err = p.request(filepath.Join(dir, fmt.Sprintf("%d-%t", i, patched))); err != nil {
				return nil, err
			}
		}
		results, err := compile(ctx, requests)
		if err != nil {
			return nil, err
		}
		for i, r := range results {
			p := list[i]
			if _, *p.of, err = c.assembleTyped(ctx, p.unit, r); err == nil {
				continue
			}
			if unknown := complaints(err.Error()); len(unknown) > 0 {
				again = append(again, p.without(unknown, c.sourceOf(p)))
			}
		}
	}
	return again, nil
}

// request writes the source of a probe. path has no suffix.
func (p probe) request(path string) (request, error) {
	var text strings.Builder
	for _, declaration := range p.inside {
		fmt.Fprintln(&text, declaration)
	}
	for _, name := range p.names {
		fmt.Fprintf(&text, "__typeof__(%s) *%s%s;\n", name, probePrefix, name)
	}
	path += filepath.Ext(p.unit.Source)
	flags := append(typeFlags(p.unit.Driver), "-include", sourcePath(p.unit))
	return request{unit: p.unit, source: path, flags: flags}, os.WriteFile(path, []byte(text.String()), 0o644)
}

var undeclared = regexp.MustCompile(`use of undeclared identifier '(\w+)'`)

// complaints are the names that a compiler does not know.
func complaints(message string) map[string]bool {
	unknown := map[string]bool{}
	for _, m := range undeclared.FindAllStringSubmatch(message, -1) {
		unknown[m[1]] = true
	}
	return unknown
}

// without is a probe that looks for declarations of names within the functions of the source, and leaves those out that have none there.
func (p probe) without(unknown map[string]bool, source []byte) probe {
	names := p.names
	p.names = nil
	for _, name := range names {
		if unknown[name] {
			found := regexp.MustCompile(`\bextern\b[^;{}]*\b` + name + `\b[^;{}]*;`).Find(source)
			if found == nil {
				continue
			}
			p.inside = append(p.inside, string(found))
		}
		p.names = append(p.names, name)
	}
	return p
}

// sourceOf is the text of a probe's source, as its version has it.
func (c *comparison) sourceOf(p probe) []byte {
	path := sourcePath(p.unit)
	for _, f := range c.b.Change.Files {
		if p.patched && f.New != "" && filepath.Join(c.b.Dirs.Source, f.New) == path {
			return f.After
		}
	}
	data, _ := os.ReadFile(path) // without it the names are left out
	return data
}

// variablesElsewhere lists the names in C of what a unit uses otherwise than by calls, and does not define.
func (c *comparison) variablesElsewhere(u *buildtree.Unit) (names []string) {
	f, err := loadObject(c.b.Store, u.ObjectID)
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
			if target.Reloc(r.Type).Kind != arch.Call && isElsewhere(s) {
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func isElsewhere(s *elfobj.Symbol) bool {
	return s.Section == int(elf.SHN_UNDEF) && s.Bind != elf.STB_LOCAL && identifier.MatchString(s.Name)
}

// withElsewhere adds the variables of a probe, "" for none, to the layouts of its unit.
func withElsewhere(u *layout.Unit, store *buildtree.Store, probe buildtree.Digest) error {
	if probe == "" {
		return nil
	}
	p, err := loadLayout(store, probe)
	if err != nil {
		return err
	}
	return u.Declare(p, probePrefix)
}
