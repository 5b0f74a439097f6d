package planner

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/isolate"
)

// records are those of the two stages, lined up.
type records struct {
	b       *Builds
	orig    *buildtree.Record
	patched *buildtree.Record
	pairs   map[string]*buildtree.LinkPair // by the original link's output
}

// inventory looks at what is installed, by the record of the original.
func (r records) inventory() inventory { return inventory{r.b, r.orig} }

// comparison finds the units in which two builds differ.
type comparison struct {
	records
	rebuilt map[string]bool // what the patched build compiled, see compileID
	files   []installed
	drift   *drift // between the tree before the patched build and the view after it, nil where that is not known
}

// pairedLink is an installed binary, the link that made it, and what differs in its patched link.
type pairedLink struct {
	path    string // of the binary, absolute
	machine elf.Machine
	link    *buildtree.Link
	units   []pairedUnit // in the order of the inputs
	added   []buildtree.UnitPair
	gone    []buildtree.Input
	newLibs []Library
	later   []Library
}

// has reports whether both versions of an input are known already.
func (l *pairedLink) has(input int) bool {
	return slices.ContainsFunc(l.units, func(u pairedUnit) bool { return u.input == input })
}

// pairedUnit is a unit of which both versions are known.
type pairedUnit struct {
	link   int // index of its pairedLink
	input  int // index into the inputs of the original link
	orig   *buildtree.Unit
	record buildtree.Unit   // how the patched version was compiled
	asm    buildtree.Digest // assembly of the patched version

	kept    *keptUnit    // compiled from its record, so that it keeps what the original does; nil where it does anyway
	named   *namedUnit   // compiled on the side, in place of what was built; nil where that is compared
	unnamed string       // why a compile on the side cannot take its place, "" where none is needed
	late    *Late        // of a unit that was made when the program was linked
	sources []pairedUnit // its changed sources
}

// compareRecords lines up the records and lists what is installed, with the units that the patched build changed.
func compareRecords(ctx context.Context, b Builds) (*comparison, []pairedLink, error) {
	c, err := newComparison(b)
	if err != nil {
		return nil, nil, err
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return nil, nil, err
	}
	c.files = files
	links, err := c.links(ctx, files)
	return c, links, err
}

func newComparison(b Builds) (*comparison, error) {
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil {
		return nil, err
	}
	patched, err := b.Store.Load(buildtree.Patched)
	if err != nil {
		return nil, err
	}
	pairs, err := buildtree.Pair(orig, patched, renamedSources(&b))
	if err != nil {
		return nil, err
	}
	c := &comparison{
		records: records{b: &b, orig: orig, patched: patched, pairs: map[string]*buildtree.LinkPair{}}, rebuilt: map[string]bool{},
	}
	for i := range pairs {
		if pairs[i].Orig != nil {
			c.pairs[pairs[i].Orig.Output] = &pairs[i]
		}
	}
	for _, u := range patched.Units {
		c.rebuilt[compileID(&u)] = true
	}
	return c, nil
}

// renamedSources maps the absolute paths of sources to those they had before: as the patches say, else where one file is gone and
// a new one has its base name.
func renamedSources(b *Builds) map[string]string {
	names, gone := map[string]string{}, map[string]string{}
	abs := func(name string) string { return filepath.Join(b.Dirs.Source, name) }
	for _, f := range b.Change.Files {
		switch {
		case f.New == "":
			gone[filepath.Base(f.Old)] = abs(f.Old)
		case f.Old != "" && f.Old != f.New:
			names[abs(f.New)] = abs(f.Old)
		}
	}
	for _, f := range b.Change.Files {
		if old := gone[filepath.Base(f.New)]; f.Old == "" && old != "" {
			names[abs(f.New)] = old
		}
	}
	return names
}

// installed is a file of the original install that a patch can be made for.
type installed struct {
	path    string // absolute
	buildID string // "" if none
	digest  buildtree.Digest
	machine elf.Machine
}

// foreign reports whether a file is for a machine of which no patches can be made.
func (f installed) foreign() bool {
	_, known := arch.ByMachine(f.machine)
	return !known
}

func refuseForeign(f installed) error {
	return fault.Refuse(fault.ForeignMachine, f.path, "it is for another machine, %v: patches are made for EM_X86_64 and EM_AARCH64 alone", f.machine).WithState("no patch written")
}

// installedFiles lists the ELF programs and libraries of the original install, in order of path.
func installedFiles(d Dirs) ([]installed, error) {
	var files []installed
	err := filepath.WalkDir(d.Installed, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !elfobj.IsELF(data) {
			return err
		}
		if f, err := elfobj.Parse(data); err == nil && (f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN) && !debugOnly(f) {
			files = append(files, installed{path: path, buildID: f.BuildID(), digest: buildtree.DigestOf(data), machine: f.Machine})
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil, fault.New(fault.Refused, d.Installed, "the install step put no program or library there").
			WithState("no patch written").WithHint("the install command must honour $%s; see --destdir and --install-cmd", d.InstallVar)
	}
	return files, err
}

// Installed reports whether the original install has a program or library with a BuildID.
func Installed(d Dirs, buildID string) (bool, error) {
	files, err := installedFiles(d)
	return slices.ContainsFunc(files, func(f installed) bool { return f.buildID == buildID }), err
}

// links finds the record of every installed binary and the units that the patched build changed in it.
func (c *comparison) links(ctx context.Context, files []installed) ([]pairedLink, error) {
	recorded, unrecorded := c.inventory().split(files)
	if len(recorded) == 0 {
		return nil, c.inventory().refuseAll(files)
	}
	if err := c.inventory().judgeUnrecorded(ctx, unrecorded); err != nil {
		return nil, err
	}
	var links []pairedLink
	seen := map[buildtree.Digest]bool{}
	for _, f := range recorded {
		link := c.inventory().linkOf(f)
		if seen[link.OutputID] {
			continue
		}
		seen[link.OutputID] = true
		l, err := c.paired(f, link, len(links))
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

// paired describes one binary with what differs between its two links; n is its index.
func (c *comparison) paired(f installed, link *buildtree.Link, n int) (pairedLink, error) {
	l := pairedLink{path: f.path, machine: f.machine, link: link}
	pair := c.pairs[link.Output]
	if pair == nil {
		return l, c.refuseMoved(f, link)
	}
	if pair.Orig.OutputID != link.OutputID {
		return l, nil
	}
	if pair.Patched.OutputID != link.OutputID && f.foreign() {
		return l, refuseForeign(f)
	}
	if len(pair.Missing) > 0 {
		return l, c.refuseMissing(f, link, pair.Missing)
	}
	if pair.LTO != nil {
		late, err := lateCode{c.records}.lateUnit(pair, n)
		if err != nil {
			return l, err
		}
		if late != nil {
			l.units = append(l.units, *late)
		}
	}
	l.newLibs, l.later, l.gone = c.newLibraries(pair), c.laterLibraries(pair), pair.Gone
	for _, u := range pair.Units {
		if u.Orig == nil {
			l.added = append(l.added, u)
			continue
		}
		l.units = append(l.units, pairedUnit{link: n, input: u.Index, orig: u.Orig, record: *u.Patched, asm: u.Patched.AsmID})
	}
	slices.SortStableFunc(l.units, func(a, b pairedUnit) int { return cmp.Compare(a.input, b.input) })
	return l, nil
}

// refuseMoved refuses a binary that was not linked again where it was, while the patched build linked one of its name in a
// place where the original build has none: the two cannot be lined up, and would pass for unchanged.
func (c *comparison) refuseMoved(f installed, link *buildtree.Link) error {
	for _, p := range c.patched.Links {
		if filepath.Base(p.Output) == filepath.Base(link.Output) && c.orig.LinkByOutput(p.Output) == nil {
			return fault.Refuse(fault.NoRecord, f.path, "it was linked as %s and is now linked as %s", link.Output, p.Output).
				WithState("no patch written").WithHint("the tree was moved or copied after it was built: run patchmake --clean")
		}
	}
	return nil
}

// linked reports whether a link has an archive member of that name.
func linked(l *buildtree.Link, in buildtree.Input) bool {
	return slices.ContainsFunc(l.Inputs, func(k buildtree.Input) bool { return k.Path == in.Path && k.Member == in.Member })
}

// withUsers adds units to their links.
func withUsers(links []pairedLink, users []pairedUnit) []pairedLink {
	all := slices.Clone(links)
	for i := range all {
		all[i].units = slices.Clone(all[i].units)
	}
	for _, u := range users {
		all[u.link].units = append(all[u.link].units, u)
	}
	for _, l := range all {
		slices.SortStableFunc(l.units, func(a, b pairedUnit) int { return cmp.Compare(a.input, b.input) })
	}
	return all
}

// changedOnly keeps the links that differ.
func changedOnly(links []pairedLink) []pairedLink {
	return slices.DeleteFunc(slices.Clone(links), func(l pairedLink) bool { return !l.differs() })
}

// unchangedOnly keeps the others.
func unchangedOnly(links []pairedLink) []pairedLink {
	return slices.DeleteFunc(slices.Clone(links), pairedLink.differs)
}

// differs reports whether inputs differ, come or go.
func (l pairedLink) differs() bool { return len(l.units)+len(l.added)+len(l.gone) > 0 }

// unitsOf lists the units of the links in order.
func unitsOf(links []pairedLink) (units []pairedUnit) {
	for _, l := range links {
		units = append(units, l.units...)
	}
	return units
}

// debugOnly reports whether a file is what objcopy --only-keep-debug leaves: even read-only sections are without their content.
func debugOnly(f *elfobj.File) bool {
	return slices.ContainsFunc(f.Sections, func(s elfobj.Section) bool {
		return s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_ALLOC != 0 && s.Flags&elf.SHF_WRITE == 0
	})
}

func buildIDOf(data []byte) string {
	f, err := elfobj.Parse(data)
	if err != nil {
		return ""
	}
	return f.BuildID()
}

// Digest is a SHA-256 in hex.
func digest(data []byte) string { return string(buildtree.DigestOf(data)) }

func sourcePath(u *buildtree.Unit) string {
	if filepath.IsAbs(u.Source) {
		return filepath.Clean(u.Source)
	}
	return filepath.Join(u.Dir, u.Source)
}

// sourceName is how a unit is called: its path in the source directory, or as the compiler was given it.
func (b *Builds) sourceName(u *buildtree.Unit) string {
	path := sourcePath(u)
	if rel, err := filepath.Rel(b.Dirs.Source, path); err == nil && isolate.Within(path, b.Dirs.Source) {
		return rel
	}
	return u.Source
}

// newLibraries keeps the libraries that only the patched link has: those that the patched build made as it recorded them,
// others as they are.
func (c *comparison) newLibraries(pair *buildtree.LinkPair) []Library {
	var list []Library
	before := librariesOf(pair.Orig)
	for _, path := range librariesOf(pair.Patched) {
		if slices.Contains(before, path) {
			continue
		}
		lib := Library{Path: path}
		if made := c.patched.LinkByOutput(path); made != nil {
			lib.Object = made.Binary()
		} else if data, err := os.ReadFile(path); err == nil {
			lib.Object, _ = c.b.Store.PutBlob(data)
		}
		if lib.Object != "" {
			list = append(list, lib)
		}
	}
	return list
}

// laterLibraries lists the libraries of both links that the two builds made differently, as the patched one made them.
func (c *comparison) laterLibraries(pair *buildtree.LinkPair) []Library {
	var list []Library
	before := librariesOf(pair.Orig)
	for _, path := range librariesOf(pair.Patched) {
		was, is := c.orig.LinkByOutput(path), c.patched.LinkByOutput(path)
		if slices.Contains(before, path) && was != nil && is != nil && was.OutputID != is.OutputID {
			list = append(list, Library{Path: path, Object: is.Binary()})
		}
	}
	return list
}

// compileID names a compile by what went in and how; objects may be temporary files with a new name every time.
func compileID(u *buildtree.Unit) string {
	return u.Dir + "\x00" + strings.Join(u.CompileArgs(u.Source, ""), "\x00")
}
