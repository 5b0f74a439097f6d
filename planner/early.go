package planner

import (
	"context"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/jobs"
)

// earlyCheck looks for units that the patched build compiled too early.
type earlyCheck struct{ records }

// builtEarly compiles the units again that the patched build compiled before it wrote a file that they read: make did not know of it, and
// in the next build they would be others. What such a unit is in the view as the build left it counts.
func (c earlyCheck) builtEarly(ctx context.Context, links []pairedLink) ([]pairedLink, error) {
	early, err := c.earlyUnits(ctx, links)
	if err != nil || len(early) == 0 {
		return links, err
	}
	requests := make([]request, len(early))
	for i, e := range early {
		requests[i].unit = e.unit
	}
	results, err := c.b.compileInView(ctx, requests)
	if err != nil {
		return nil, err
	}
	all := withUsers(links, nil)
	for i, e := range early {
		if results[i].err != nil {
			return nil, fault.Refuse(fault.BuildFailed, c.b.sourceName(e.unit), "compiling it again with a changed file failed").WithCause(results[i].err)
		}
		same, err := c.b.sameButStamps(e.unit.AsmID, results[i].asm)
		if err != nil {
			return nil, err
		}
		if !same {
			if err := c.replaceEarly(&all[e.link], e, results[i].asm); err != nil {
				return nil, err
			}
		}
	}
	return withUsers(all, nil), nil
}

// earlyUnit is a unit of the patched build, and the file that was written after its compile.
type earlyUnit struct {
	link  int
	input int // index into the inputs of the original link, -1 for a new one
	orig  *buildtree.Unit
	unit  *buildtree.Unit
	file  string
}

// earlyUnits finds them.
func (c earlyCheck) earlyUnits(ctx context.Context, links []pairedLink) ([]earlyUnit, error) {
	found := c.patchedUnits(links)
	reads, err := c.readsInView(ctx, found)
	if err != nil {
		return nil, err
	}
	after, err := jobs.Look(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), jobs.Question{Files: written(reads)})
	if err != nil {
		return nil, err
	}
	var early []earlyUnit
	for i, e := range found {
		if e.file = reads[i].newer(after); e.file == "" || e.orig != nil && c.b.Before.units[readerID(e.orig)].stale != "" {
			continue // the original is not what its files give, either
		}
		if reads[i].unknown != nil || !e.unit.Preprocessed() || readsInAssembly(e.unit, e.file) || c.patched.IsLate(c.pairs[links[e.link].link.Output].Patched, e.unit) {
			return nil, c.refuseEarly(e).WithCause(reads[i].unknown)
		}
		c.b.Progress("%s was compiled before %s was written: compiling it again", e.unit.Source, e.file)
		early = append(early, e)
	}
	return early, nil
}

func (c earlyCheck) refuseEarly(e earlyUnit) *fault.Error {
	return fault.Refuse(fault.NoRecord, c.b.sourceName(e.unit), "the patched build made it before it wrote %s", e.file).
		WithHint("let the makefile name that file among what the object is made from")
}

// patchedUnits lists the units that the patched build compiled for the links.
func (c earlyCheck) patchedUnits(links []pairedLink) (found []earlyUnit) {
	for i, l := range links {
		pair := c.pairs[l.link.Output]
		if pair == nil {
			continue
		}
		for k, in := range pair.Patched.Inputs {
			u := c.patched.UnitFor(pair.Patched, in)
			if u == nil || !hasSource(u) {
				continue
			}
			e := earlyUnit{link: i, input: pair.Partner(k), unit: u}
			if e.input >= 0 {
				e.orig = c.orig.UnitFor(l.link, l.link.Inputs[e.input])
			}
			found = append(found, e)
		}
	}
	return found
}

// readsInView lists what units of the patched build read: as it was recorded, else as their compilers say now.
func (c earlyCheck) readsInView(ctx context.Context, units []earlyUnit) ([]unitReads, error) {
	lists, err := c.b.Store.ReadLists()
	if err != nil {
		return nil, err
	}
	list := make([]unitReads, len(units))
	var batch []jobs.Job
	var of []int
	for i, e := range units {
		list[i].unit = e.unit
		if list[i].files, err = lists.Get(e.unit.Reads); err != nil {
			list[i].add([]string{e.unit.Source})
		}
		if e.unit.Preprocessed() && (e.unit.Reads == "" || e.unit.Partial) {
			batch, of = append(batch, dependJob(e.unit)), append(of, i)
		}
	}
	outcomes, err := jobs.Run(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), batch)
	if err != nil {
		return nil, err
	}
	for k, o := range outcomes {
		list[of[k]].addListed(o)
	}
	for i := range list {
		list[i].add(list[i].unit.Responses)
	}
	return list, nil
}

// written lists the files of units that a build may have written: no system headers.
func written(list []unitReads) (paths []string) {
	for _, u := range list {
		for _, r := range slices.Concat(u.files, u.unit.Included) {
			if !buildtree.IsStamp(r.ID) {
				paths = append(paths, r.Path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// replaceEarly gives a link what a unit of its patched version is in the view, in place of what the build made. A file of which the original
// build, too, made several versions in turn may be meant to be another one by now.
func (c earlyCheck) replaceEarly(l *pairedLink, e earlyUnit, asm buildtree.Digest) error {
	if e.orig == nil || c.rewrittenBefore(e.orig, e.file) {
		return c.refuseEarly(e)
	}
	l.units = slices.DeleteFunc(l.units, func(u pairedUnit) bool { return u.input == e.input })
	if asm != e.orig.AsmID {
		l.units = append(l.units, pairedUnit{link: e.link, input: e.input, orig: e.orig, record: *e.unit, asm: asm})
	}
	return nil
}

// rewrittenBefore reports whether a file that a unit of the original read was another one in the end.
func (c earlyCheck) rewrittenBefore(u *buildtree.Unit, path string) bool {
	lists, err := c.b.Store.ReadLists()
	if err != nil {
		return false
	}
	reads, err := lists.Get(u.Reads)
	return err == nil && slices.ContainsFunc(reads, func(r buildtree.Read) bool {
		return r.Path == path && r.ID != c.b.Before.seen.Digests[path]
	})
}
