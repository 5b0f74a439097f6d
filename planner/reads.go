package planner

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/jobs"
)

// Reads are the files that the units of the original read, as they are before the patched build.
type Reads struct {
	units map[string]unitReads // by readerID
	seen  *jobs.Survey         // of all these files, and of the names in the tree
}

// unitReads is what one unit read.
type unitReads struct {
	unit    *buildtree.Unit
	files   []buildtree.Read
	unknown error  // why there is no list, nil if there is
	stale   string // the file that changed after the compile and that would change the code, "" for none
}

// readerID names a recorded unit, whichever load of the record it comes from.
func readerID(u *buildtree.Unit) string { return u.Object + "\x00" + string(u.ObjectID) }

// ReadOriginal finds what the linked units of the original read. It is to be called between the two builds.
func ReadOriginal(ctx context.Context, b Builds) (*Reads, error) {
	units, err := linkedUnits(&b)
	if err != nil {
		return nil, err
	}
	list, err := b.readsOf(ctx, units)
	if err != nil {
		return nil, err
	}
	r := &Reads{units: map[string]unitReads{}}
	var learnt []buildtree.UnitReads
	if r.seen, err = jobs.LookHere(ctx, question(&b, list)); err != nil {
		return nil, err
	}
	if err := b.findStale(ctx, list, r.seen); err != nil {
		return nil, err
	}
	for _, u := range list {
		r.units[readerID(u.unit)] = u
		if now, news := u.now(r.seen); news {
			learnt = append(learnt, buildtree.UnitReads{Unit: u.unit, Reads: now})
		}
	}
	_ = b.Store.PutReadsOf(learnt...) // asked again next time
	return r, nil
}

// linkedUnits lists the units of what is installed, each once.
func linkedUnits(b *Builds) ([]*buildtree.Unit, error) {
	orig, err := b.Store.Load(buildtree.Original)
	if err != nil {
		return nil, err
	}
	files, err := installedFiles(b.Dirs)
	if err != nil {
		return nil, err
	}
	v := inventory{b, orig}
	var units []*buildtree.Unit
	seen := map[string]bool{}
	for _, f := range files {
		link := v.linkOf(f)
		if link == nil {
			continue
		}
		for _, in := range link.Inputs {
			if u := orig.UnitFor(link, in); u != nil && hasSource(u) && !seen[readerID(u)] {
				seen[readerID(u)] = true
				units = append(units, u)
			}
		}
	}
	return units, nil
}

// hasSource reports whether a unit was made from a file that is known: not from standard input, not at link time.
func hasSource(u *buildtree.Unit) bool { return u.Source != "-" && u.Source != "" }

// readsOf lists what each unit read: what is known of an earlier run, else what its compiler says now (-M).
func (b *Builds) readsOf(ctx context.Context, units []*buildtree.Unit) ([]unitReads, error) {
	lists, err := b.Store.ReadLists()
	if err != nil {
		return nil, err
	}
	list := make([]unitReads, len(units))
	there := present{}
	var batch []jobs.Job
	var of []int
	for i, u := range units {
		known, whole := recordedReads(lists, u, there)
		list[i] = unitReads{unit: u, files: known}
		if !whole {
			list[i].add([]string{u.Source})
			if u.Preprocessed() {
				batch, of = append(batch, dependJob(u)), append(of, i)
			}
		}
	}
	outcomes, err := b.runHere(ctx, batch)
	if err != nil {
		return nil, err
	}
	for k, o := range outcomes {
		list[of[k]].addListed(o)
	}
	a := assembled{}
	for i := range list {
		list[i].addHidden(a, there)
	}
	return list, nil
}

// dependJob asks the compiler of a unit what it reads.
func dependJob(u *buildtree.Unit) jobs.Job {
	return jobs.Job{Dir: u.Dir, Env: u.Env, Args: append([]string{u.Driver}, u.DependArgs(u.Source)...)}
}

// addListed adds the files that a compiler listed.
func (u *unitReads) addListed(o jobs.Outcome) {
	if o.Failed != "" {
		u.unknown = errors.New(o.Failed)
		return
	}
	for _, names := range buildtree.Prerequisites(string(o.Stdout)) {
		u.add(names)
	}
}

// recordedReads returns what is known of an earlier run, else of the compile; whole tells that it is all.
func recordedReads(lists *buildtree.ReadLists, u *buildtree.Unit, there present) (reads []buildtree.Read, whole bool) {
	if reads, known := lists.Of(u); known {
		return reads, true
	}
	if u.Reads == "" {
		return nil, false
	}
	reads, err := lists.Get(u.Reads)
	usesPrecompiled := slices.ContainsFunc(reads, func(r buildtree.Read) bool { return there.precompiled(r.Path) }) // what is in it is not listed
	return reads, err == nil && !u.Partial && !usesPrecompiled
}

// add adds files by the names that the compiler gave.
func (u *unitReads) add(names []string) {
	for _, name := range names {
		u.addRead(buildtree.Read{Path: buildtree.ReadPath(u.unit.Dir, name)})
	}
}

func (u *unitReads) addRead(read buildtree.Read) {
	if !slices.ContainsFunc(u.files, func(r buildtree.Read) bool { return r.Path == read.Path }) {
		u.files = append(u.files, read)
	}
}

// addHidden adds what compilers read and do not list: files that options name, precompiled headers, what assembly reads.
func (u *unitReads) addHidden(a assembled, there present) {
	names := slices.Clone(u.unit.Responses)
	for _, name := range u.unit.OptionFiles() {
		if isFile(buildtree.ReadPath(u.unit.Dir, name)) {
			names = append(names, name)
		}
	}
	for _, r := range u.files {
		if there.precompiled(r.Path) {
			names = append(names, r.Path+precompiled)
		}
		names = append(names, a.files(u.unit, r.Path)...)
	}
	u.add(names)
	for _, r := range u.unit.Included {
		u.addRead(r)
	}
}

// precompiled is what gcc appends to the name of a header for that of its precompiled form. GCC 12 manual, section 3.22.
const precompiled = ".gch"

// present tells, by their paths, which headers have a precompiled form. Thousands of units ask for the same.
type present map[string]bool

func (p present) precompiled(header string) bool {
	is, known := p[header]
	if !known {
		is = isFile(header + precompiled)
		p[header] = is
	}
	return is
}

func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}

// question asks for the content of all the files that units read, and for the names of the tree.
func question(b *Builds, list []unitReads) jobs.Question {
	paths := map[string]bool{}
	for _, u := range list {
		for _, r := range u.files {
			paths[r.Path] = true
		}
	}
	return jobs.Question{Files: slices.Sorted(maps.Keys(paths)), Root: b.Dirs.Tree, Skip: []string{b.Store.Dir(), b.Dirs.Installed, b.Dirs.Patched}}
}

// now returns what a unit read, and whether that is news, to be remembered for the next run. It is not where the record is older than a
// file: that is to be seen again.
func (u *unitReads) now(seen *jobs.Survey) (reads []buildtree.Read, news bool) {
	if u.unknown != nil || u.stale != "" {
		return nil, false
	}
	reads = slices.Clone(u.files)
	for i := range reads {
		reads[i].ID = seen.Digests[reads[i].Path]
	}
	return reads, !slices.Equal(reads, u.files)
}

// findStale finds the units that no longer are what their files give: a file changed after the compile, and make did not see it. Such a
// unit is compiled again, in the tree, as most changes change nothing in it.
func (b *Builds) findStale(ctx context.Context, list []unitReads, seen *jobs.Survey) error {
	var requests []request
	var of []int
	for i := range list {
		u := &list[i]
		path := u.newer(seen)
		switch {
		case path == "" || u.unknown != nil:
		case readsInAssembly(u.unit, path): // of which the compiler knows nothing
			u.stale = path
		case u.unit.Preprocessed():
			requests, of = append(requests, request{unit: u.unit}), append(of, i)
			u.stale = path
		case seen.Digests[buildtree.ReadPath(u.unit.Dir, u.unit.Source)] != string(u.unit.AsmID):
			u.stale = path
		}
	}
	results, err := b.compileHere(ctx, requests)
	if err != nil {
		return err
	}
	for k, r := range results {
		u := &list[of[k]]
		if r.err != nil {
			continue
		}
		same, err := b.sameButStamps(u.unit.AsmID, r.asm)
		if err != nil {
			return err
		}
		if same {
			u.stale = ""
		}
	}
	return nil
}

// newer returns a file that a unit read and that is not, or may not be, as it was then, "" if there is none. Where that was not recorded,
// times tell, unless it is the assembly that was kept.
func (u *unitReads) newer(seen *jobs.Survey) string {
	for _, r := range slices.Concat(u.files, u.unit.Included) {
		switch {
		case r.ID == "" && u.unit.AsmID != "" && string(u.unit.AsmID) == seen.Digests[r.Path]:
		case r.ID == "" && u.unit.Time != 0 && seen.Changed[r.Path] >= u.unit.Time:
			return r.Path
		case r.ID == "" || r.ID == seen.Digests[r.Path]:
		case buildtree.IsStamp(r.ID) && r.ID == buildtree.Stamp(r.Path):
		default:
			return r.Path
		}
	}
	return ""
}

// refuseStale refuses a changed unit whose original is not what its files give.
func (b *Builds) refuseStale(links []pairedLink) error {
	for _, u := range unitsOf(links) {
		path := b.Before.units[readerID(u.orig)].stale
		if path != "" && !isFile(path) {
			return fault.Refuse(fault.RecordOld, b.sourceName(u.orig), "%s is gone since the unit was compiled", path).
				WithHint("the unit has to be compiled more than once: let the build keep the file, under one name in both builds (make: .SECONDARY)")
		}
		if path != "" {
			return fault.Refuse(fault.RecordOld, b.sourceName(u.orig), "%s changed after the unit was compiled, and the original build did not compile it again", path)
		}
	}
	return nil
}
