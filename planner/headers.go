package planner

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/jobs"
	"gocare/internal/lazyregexp"
)

// headerCheck looks for units that the patched build should have compiled again.
type headerCheck struct {
	records
	rebuilt map[string]bool // as of the comparison
}

// headerUsers are the units that were compiled from the record because they read what changed.
type headerUsers struct {
	changed []pairedUnit    // those whose code is another
	same    map[string]bool // the others, by compileID
	drift   *drift          // between the tree before the patched build and the view after it
}

// headerUsers compiles the units that the patched build did not compile again and that read a file which is not as it was, or could find
// one that is new.
func (c headerCheck) headerUsers(ctx context.Context, links []pairedLink) (*headerUsers, error) {
	d, err := c.driftSince(ctx)
	if err != nil {
		return nil, err
	}
	users, err := c.affected(d, c.notRebuilt(links))
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if l := links[u.link]; c.orig.IsLate(l.link, u.orig) {
			return nil, fault.Refuse(fault.LTO, u.orig.Source, "it includes a changed file and was not compiled again, and its code is made only when %s is linked (-flto)", l.link.Output).
				WithState("no patch written").WithHint("let the build know what it includes, or run patchmake --clean")
		}
	}
	requests := make([]request, len(users))
	for i, u := range users {
		requests[i].unit = u.orig
	}
	results, err := c.b.compileInView(ctx, requests)
	if err != nil {
		return nil, err
	}
	found := &headerUsers{same: map[string]bool{}, drift: d}
	for i, u := range users {
		if results[i].err != nil {
			return nil, fault.Refuse(fault.BuildFailed, u.orig.Source, "compiling it again with a changed file failed").WithCause(results[i].err)
		}
		if u.asm = results[i].asm; u.asm != u.orig.AsmID {
			found.changed = append(found.changed, u)
		} else {
			found.same[compileID(u.orig)] = true
		}
	}
	return found, nil
}

// notRebuilt lists the units of the links that the patched build left as they were, without assembly.
func (c headerCheck) notRebuilt(links []pairedLink) []pairedUnit {
	var users []pairedUnit
	for i, l := range links {
		for index, in := range l.link.Inputs {
			if u := c.orig.UnitFor(l.link, in); u != nil && hasSource(u) && !c.rebuilt[compileID(u)] && !l.has(index) {
				users = append(users, pairedUnit{link: i, input: index, orig: u, record: *u})
			}
		}
	}
	return users
}

// driftSince looks at what the units of the original read, and at the names of the tree, as they are in the view by now.
func (c headerCheck) driftSince(ctx context.Context) (*drift, error) {
	var all []unitReads
	for _, id := range slices.Sorted(maps.Keys(c.b.Before.units)) {
		all = append(all, c.b.Before.units[id])
	}
	after, err := jobs.Look(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), question(c.b, all))
	if err != nil {
		return nil, err
	}
	d := &drift{before: c.b.Before.seen, after: after, moved: movedNames(c.b.Before.seen, after)}
	return d, c.refusePrecompiled(d, all)
}

// affected keeps the units that would be compiled from other text in the view than in the tree.
func (c headerCheck) affected(d *drift, units []pairedUnit) ([]pairedUnit, error) {
	changed, err := c.changedFiles()
	if err != nil {
		return nil, err
	}
	var found []pairedUnit
	for _, u := range units {
		reads := c.b.Before.units[readerID(u.orig)]
		why := d.concerns(&reads)
		switch {
		case reads.unknown != nil && len(changed) > 0:
			return nil, fault.Refuse(fault.NoRecord, u.orig.Source, "cannot tell whether it includes a changed file").WithCause(reads.unknown)
		case why == "" || d.gone(buildtree.ReadPath(u.orig.Dir, u.orig.Source)):
		case readsInAssembly(u.orig, why):
			return nil, c.b.refuseAsmFile(u.orig, why)
		case !u.orig.Preprocessed() || slices.Contains(u.orig.Responses, why):
			return nil, fault.Refuse(fault.NoRecord, u.orig.Source, "it is made from %s, which changed, and the patched build did not make it again", why).
				WithHint("let the makefile name that file among what the object is made from")
		default:
			c.b.Progress("%s reads %s, which changed, and was not rebuilt: compiling it from the record", u.orig.Source, why)
			found = append(found, u)
		}
	}
	return found, nil
}

// drift is what differs between the tree as it was before the patched build and the view after it.
type drift struct {
	before, after *jobs.Survey
	moved         map[string]string // files that came or went, by base name
	mentions      map[string]mentions
}

// movedNames maps the base names of files that are only there before the patched build, or only after it, to one of their paths.
func movedNames(before, after *jobs.Survey) map[string]string {
	moved := map[string]string{}
	for _, names := range [][2]map[string]bool{{before.Names, after.Names}, {after.Names, before.Names}} {
		for _, path := range slices.Sorted(maps.Keys(names[0])) {
			if !names[1][path] {
				moved[filepath.Base(path)] = path
			}
		}
	}
	return moved
}

// concerns returns a file that a unit would read otherwise than it did: one that it read and that changed; a new one that it may find in
// the place of another, or where it found none; or one that it found, and did not read, and that is gone. It is "" if there is none.
func (d *drift) concerns(u *unitReads) string {
	for _, r := range slices.Concat(u.unit.Included, u.files) {
		if d.changed(r.Path) {
			return r.Path
		}
	}
	return d.concernsMoved(u)
}

// concernsMoved is concerns for files that came or went.
func (d *drift) concernsMoved(u *unitReads) string {
	if len(d.moved) == 0 {
		return ""
	}
	for i, r := range u.files {
		if path := d.moved[filepath.Base(r.Path)]; path != "" && i > 0 { // the first is the source, which is not searched for
			return path
		}
		m := d.mentioned(r.Path)
		for _, name := range m.names {
			if path := d.moved[name]; path != "" {
				return path
			}
		}
		if m.computed {
			return d.moved[slices.Min(slices.Collect(maps.Keys(d.moved)))]
		}
	}
	return ""
}

// refusePrecompiled refuses a precompiled header that may hold a header which changed, and that the patched build did not make again:
// units are compiled from what is in it.
func (c headerCheck) refusePrecompiled(d *drift, units []unitReads) error {
	for _, u := range units {
		old := slices.IndexFunc(u.files, func(r buildtree.Read) bool { return strings.HasSuffix(r.Path, precompiled) && !d.changed(r.Path) })
		header := slices.IndexFunc(u.files[min(1, len(u.files)):], func(r buildtree.Read) bool { return d.changed(r.Path) })
		if old >= 0 && header >= 0 {
			return fault.Refuse(fault.NoRecord, c.b.sourceName(u.unit), "%s changed, and %s was not made again", u.files[header+1].Path, u.files[old].Path).
				WithHint("let the makefile make the precompiled header again, or remove it")
		}
	}
	return nil
}

func (d *drift) changed(path string) bool { return d.before.Digests[path] != d.after.Digests[path] }

// gone reports whether a file is no longer there.
func (d *drift) gone(path string) bool {
	return d.before.Digests[path] != "" && d.after.Digests[path] == ""
}

// quotedName finds what may be the name of a file: text in quotes or angle brackets.
var quotedName = lazyregexp.New(`["<]([^">\n]*)[">]`)

// mentions are the base names of files that a source names, whether it includes them or asks for them only (__has_include).
type mentions struct {
	names    []string
	computed bool // it asks for one by a macro, which may be any
}

var (
	asksForFile = lazyregexp.New(`__has_include\w*`)
	literalName = lazyregexp.New(`^\s*\(\s*["<]`)
	isThere     = lazyregexp.New(`(?:defined\s*\(?|#\s*(?:ifdef|ifndef|elifdef|elifndef))\s*$`) // asks for __has_include itself
)

func (d *drift) mentioned(path string) mentions {
	if m, ok := d.mentions[path]; ok {
		return m
	}
	data, _ := os.ReadFile(path) // one that changed meanwhile is known to have
	m := mentionsOf(data)
	if d.mentions == nil {
		d.mentions = map[string]mentions{}
	}
	d.mentions[path] = m
	return m
}

func mentionsOf(source []byte) (m mentions) {
	for _, name := range quotedName.FindAllSubmatch(source, -1) {
		m.names = append(m.names, filepath.Base(string(name[1])))
	}
	for _, at := range asksForFile.FindAllIndex(source, -1) {
		before := source[max(0, at[0]-maxDirective):at[0]]
		m.computed = m.computed || !literalName.Match(source[at[1]:]) && !isThere.Match(before)
	}
	return m
}

// maxDirective is how many bytes before __has_include may say that it is only asked whether there is such a thing.
const maxDirective = 32

// changedFiles are the files that changed and that a unit of the original may include. The source of a unit that the
// patched build compiled is one only if something in the tree includes a file of that name.
func (c headerCheck) changedFiles() (map[string]bool, error) {
	files := map[string]bool{}
	for _, f := range c.b.Change.Files {
		if f.Old != "" && f.New != "" {
			files[filepath.Join(c.b.Dirs.Source, f.New)] = true
		}
	}
	sources := map[string]bool{}
	for _, u := range c.patched.Units {
		sources[sourcePath(&u)] = true
	}
	if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(f string) bool { return sources[f] }) {
		return files, nil
	}
	names, known, err := includedNames(c.b.Dirs.Tree)
	if err != nil || !known {
		return files, err
	}
	maps.DeleteFunc(files, func(f string, _ bool) bool { return sources[f] && !names[filepath.Base(f)] })
	return files, nil
}
