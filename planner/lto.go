package planner

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/srcpatch"
	"gocare/ld"
)

// gcc's link-time optimisation makes the code of a program anew when it is linked, in partitions that differ from link to link. All
// partitions of a link are compared as one unit.

// Late is what a plan knows of such a unit besides.
type Late struct {
	Partitions []int               `json:"partitions"` // inputs of the original link that it is made of
	Texts      []buildtree.Digest  `json:"texts"`      // by partition: its assembly
	Names      []map[string]string `json:"names"`      // by partition: what its private symbols are called in the unit
	Declared   []string            `json:"declared"`   // variables of the patched unit that the original's sources declare, too
	Left       []string            `json:"left"`       // variables of the original that the patched sources declare, too
	Doubtful   []string            `json:"doubtful"`   // source names that are not known to be one thing
	Sources    []TypedSource       `json:"sources"`    // changed sources that it is made of
}

// TypedSource is a source with objects of both versions that describe its types; "" where these do not matter.
type TypedSource struct {
	Source string `json:"source"`
	SideVersions
}

// Typed lists the sources of a unit.
func (u *Unit) Typed() []TypedSource {
	if u.Late != nil {
		return u.Late.Sources
	}
	return []TypedSource{{u.Source, u.SideVersions}}
}

// lateCode compares what two links made so.
type lateCode struct{ records }

// lateUnit pairs the code that gcc made when it linked two versions of a program, as link n; nil where it is the same.
func (c lateCode) lateUnit(pair *buildtree.LinkPair, n int) (*pairedUnit, error) {
	if len(pair.LTO.Orig) == 0 || len(pair.LTO.Patched) == 0 {
		return nil, fault.Refuse(fault.LTO, pair.Orig.Output, "only one of the two builds makes code when it is linked (-flto)").
			WithState("no patch written").WithHint("build both versions with the same options")
	}
	u, texts, err := c.joined(lateVersion{c.orig, pair.Orig, pair.LTO.Orig, nil}, lateVersion{c.patched, pair.Patched, pair.LTO.Patched, renamedSources(c.b)}, n)
	if err != nil || texts[0] == texts[1] {
		return nil, err
	}
	for _, s := range pair.LTO.Changed {
		u.sources = append(u.sources, pairedUnit{link: n, input: s.Index, orig: s.Orig, record: *s.Patched, asm: s.Patched.AsmID})
	}
	return u, c.store(u, texts)
}

// itself pairs the code that gcc made for link n of the original with itself; none if it made none.
func (c lateCode) itself(link *buildtree.Link, n int) ([]pairedUnit, error) {
	parts, err := c.orig.Partitions(link)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	v := lateVersion{c.orig, link, parts, nil}
	u, texts, err := c.joined(v, v, n)
	if err != nil {
		return nil, err
	}
	return []pairedUnit{*u}, c.store(u, texts)
}

// lateVersion is a link whose code gcc made.
type lateVersion struct {
	record  *buildtree.Record
	link    *buildtree.Link
	parts   []int             // inputs that it made
	renamed map[string]string // sources, to what the original calls them
}

// joined makes one unit of the code of two versions of link n, and its two texts.
func (c lateCode) joined(o, p lateVersion, n int) (u *pairedUnit, texts [2]string, err error) {
	orig, err := c.generated(o)
	if err != nil {
		return nil, texts, err
	}
	patched, err := c.generated(p)
	if err != nil {
		return nil, texts, err
	}
	before, after, doubtful := nameBoth(orig, patched)
	names, now := before.names(orig), after.names(patched)
	u = &pairedUnit{
		link: n, input: o.parts[0], orig: o.unit(), record: *p.unit(),
		late: &Late{
			Partitions: o.parts, Texts: o.texts(), Names: names, Doubtful: doubtful,
			Declared: orig.declares(patched, now), Left: patched.declares(orig, names),
		},
	}
	return u, [2]string{orig.join(names), patched.join(now)}, nil
}

// store keeps the texts of a unit.
func (c lateCode) store(u *pairedUnit, texts [2]string) (err error) {
	if u.orig.AsmID, err = c.b.Store.PutBlob([]byte(texts[0])); err == nil {
		u.asm, err = c.b.Store.PutBlob([]byte(texts[1]))
	}
	u.record.AsmID = u.asm
	return err
}

// texts lists the assembly of the partitions.
func (v lateVersion) texts() (list []buildtree.Digest) {
	for _, i := range v.parts {
		list = append(list, v.record.UnitFor(v.link, v.link.Inputs[i]).AsmID)
	}
	return list
}

// compileLateTypes compiles the changed sources of units that were made when a program was linked with debugging information.
func (c sideCompiler) compileLateTypes(ctx context.Context, units []pairedUnit) (late [][]TypedSource, overridden []*fault.Error, err error) {
	for i := range units {
		types, more, err := c.compileTypes(ctx, units[i].sources)
		if err != nil {
			return nil, nil, err
		}
		var sources []TypedSource
		for k, t := range types {
			sources = append(sources, TypedSource{c.b.sourceName(units[i].sources[k].orig), t})
		}
		late, overridden = append(late, sources), append(overridden, more...)
	}
	return late, overridden, nil
}

// unit is how the code was assembled, by the first partition.
func (v lateVersion) unit() *buildtree.Unit {
	u := *v.record.UnitFor(v.link, v.link.Inputs[v.parts[0]])
	u.Source = filepath.Base(v.link.Output) + " (-flto)"
	return &u
}

// generated reads what gcc made when it linked a program, and what it was made of.
func (c lateCode) generated(v lateVersion) (*generated, error) {
	r, l := v.record, v.link
	g := &generated{used: map[string]bool{}, sources: c.b.readSource(r == c.patched), sameLine: c.b.sameLine}
	for i, in := range l.Inputs {
		switch {
		case in.IsDebug():
			continue
		case in.ObjectID == "" && in.SameNameID == "": // a partition that was not recorded would seem to be gone, or new
			return nil, fault.Refuse(fault.NoRecord, l.Output, "made of %s, which was gone before it was recorded", in).
				WithState("no patch written").WithHint("build both versions again: run patchmake --clean")
		case in.ObjectID == "" || in.AllocID == "":
			continue
		}
		f, err := LoadObject(c.b.Store, in.ObjectID)
		if err != nil {
			return nil, err
		}
		if slices.Contains(v.parts, i) {
			text, err := c.partition(r.UnitFor(l, in), l)
			if err != nil {
				return nil, err
			}
			g.objects, g.paths, g.texts = append(g.objects, f), append(g.paths, in.Path), append(g.texts, text)
			continue
		}
		if lang, ok := readLanguage(c.inputName(r, l, in, v.renamed), f); ok {
			g.languages = append(g.languages, lang)
			continue
		}
		for _, name := range f.Undefined() {
			g.used[name] = true
		}
	}
	program, m, err := c.linked(l)
	if err != nil {
		return nil, err
	}
	g.findHomes(program, m, v.renamed)
	return g, nil
}

// partition returns the assembly of one partition of a link.
func (c lateCode) partition(u *buildtree.Unit, l *buildtree.Link) (string, error) {
	if u.Includes {
		return "", fault.Refuse(fault.LTO, l.Output, "inline assembly in the code that is made when it is linked (-flto) includes another file").
			WithState("no patch written").WithHint("build both versions with -fno-lto")
	}
	text, err := c.b.Store.Blob(u.AsmID)
	return string(text), err
}

// linked reads what a link made, and its map.
func (c lateCode) linked(l *buildtree.Link) (*elfobj.File, *ld.Map, error) {
	program, err := LoadObject(c.b.Store, l.Binary())
	if err != nil {
		return nil, nil, err
	}
	data, err := c.b.Store.Blob(l.MapID)
	if err != nil {
		return nil, nil, err
	}
	m, err := ld.ReadMap(data)
	return program, m, err
}

// inputName names an input by its source, as far as that is known, as it was called in the original.
func (c lateCode) inputName(r *buildtree.Record, l *buildtree.Link, in buildtree.Input, renamed map[string]string) string {
	u := r.UnitFor(l, in)
	if u == nil {
		u = c.orig.UnitByObject(in.ObjectID)
	}
	if u == nil {
		return in.String()
	}
	path := sourcePath(u)
	return cmp.Or(renamed[path], path)
}

// sameLine reports whether a line of a patched source is one of the original, or stands in its place: the patch wrote both anew between
// the same lines.
func (b *Builds) sameLine(o, p srcpatch.Place) bool {
	for _, f := range b.Change.Files {
		if f.New != "" && filepath.Join(b.Dirs.Source, f.New) == p.File {
			return inPlace(f.LineMap(), bytes.Count(f.After, []byte("\n"))+1, o.Line, p.Line)
		}
	}
	return p.Line == o.Line
}

// inPlace reports whether line p of a source was line o, or both were written anew between the same lines; lines is how many p's version has.
func inPlace(m srcpatch.LineMap, lines, o, p int) bool {
	if old, kept := m.Old(p); kept {
		return old == o
	}
	before, behind := 0, math.MaxInt // lines of the original around what was written anew
	for line := p; line > 0 && before == 0; line-- {
		before, _ = m.Old(line)
	}
	for line := p; line <= lines && behind == math.MaxInt; line++ {
		if old, kept := m.Old(line); kept {
			behind = old
		}
	}
	return before < o && o < behind
}

// readSource returns what reads the sources of a version.
func (b *Builds) readSource(patched bool) func(path string) []byte {
	return func(path string) []byte {
		for _, f := range b.Change.Files {
			if patched && f.New != "" && filepath.Join(b.Dirs.Source, f.New) == path {
				return f.After
			}
			if f.Old != "" && filepath.Join(b.Dirs.Source, f.Old) == path {
				return f.Before
			}
		}
		data, _ := os.ReadFile(path)
		return data
	}
}

// join is the assembly of the whole.
func (g *generated) join(names []map[string]string) string {
	parts := make([]diffasm.Partition, len(g.texts))
	for i := range parts {
		parts[i] = diffasm.Partition{Text: g.texts[i], Names: names[i]}
	}
	return diffasm.JoinPartitions(parts)
}

// declares lists the data of another version that the sources of this one declare, though it may keep nothing of it, by what it is
// called in the whole.
func (g *generated) declares(other *generated, names []map[string]string) (list []string) {
	homes := map[string]home{}
	for p, h := range other.homes {
		for k := range names {
			if p.part < 0 || p.part == k {
				homes[names[k][p.symbol]] = h
			}
		}
	}
	for k, f := range other.objects {
		for i := range f.Symbols {
			s := &f.Symbols[i]
			if !named(s) || s.Type == elf.STT_FUNC || s.Section == int(elf.SHN_UNDEF) {
				continue
			}
			whole := cmp.Or(names[k][s.Name], s.Name)
			if g.mayDeclare(sourceName(s.Name), homes[whole]) {
				list = append(list, whole)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// mayDeclare reports whether a source has a variable, by its home where that is known, else by its name.
func (g *generated) mayDeclare(name string, at home) bool {
	if at.name != "" && len(g.debug.count) > 0 {
		return g.debug.count[at] > 0
	}
	return slices.ContainsFunc(g.languages, func(l language) bool { return l.declares(name) })
}
