package planner

import (
	"context"
	"slices"

	"gocare/buildtree"
	"gocare/internal/fault"
)

// optionCheck compares how units were compiled and links made.
type optionCheck struct {
	records
	rebuilt map[string]bool // as of the comparison
}

// reconfigure looks at units that the patched build compiled with other options than the original build, and at links that it made in
// another way. Where the source patch is the cause, that is what the fixed program is; of a link it is refused. Where the command or the
// environment is, a unit is compiled from its record, with the options of the original, and the original's link stands as it is.
func (c optionCheck) reconfigure(ctx context.Context, links []pairedLink) ([]pairedLink, []*fault.Error, error) {
	if err := c.otherLateOptions(links); err != nil {
		return nil, nil, err
	}
	units, others := c.otherOptions(links), c.otherLinks(links)
	var overridden []*fault.Error
	if len(units) > 0 && c.b.Allow(fault.OtherOptions) {
		overridden = append(overridden, c.b.refuseOptions(units[0].unit(links), units[0].options))
		units = nil
	}
	if len(others) > 0 && c.b.Allow(fault.OtherLink) {
		overridden = append(overridden, refuseLink(others[0].path, others[0].differences[0]))
		others = nil
	}
	if len(units)+len(others) > 0 {
		unpatched, err := c.unpatched(ctx)
		if err != nil {
			return nil, nil, c.refuseUntold(links, units, others, err)
		}
		if err := patchedLinks(others, unpatched); err != nil {
			return nil, nil, err
		}
		if links, err = c.withOriginalOptions(ctx, links, units, unpatched); err != nil {
			return nil, nil, err
		}
	}
	return links, overridden, nil
}

// refuseUntold refuses the first difference of which the cause cannot be told.
func (c optionCheck) refuseUntold(links []pairedLink, units []reconfiguredUnit, others []reconfiguredLink, why error) error {
	if len(units) > 0 {
		return c.b.refuseOptions(units[0].unit(links), units[0].options).WithCause(why)
	}
	return refuseLink(others[0].path, others[0].differences[0]).WithCause(why)
}

// withOriginalOptions compiles the units again of whose other options the patch is not the cause.
func (c optionCheck) withOriginalOptions(ctx context.Context, links []pairedLink, found []reconfiguredUnit, unpatched *buildtree.Record) ([]pairedLink, error) {
	again := map[*pairedUnit]bool{}
	foreign := map[int][]buildtree.Difference{}
	for _, f := range found {
		u := f.unit(links)
		made := unpatched.Twin(u.orig)
		if made == nil {
			return nil, c.b.refuseOptions(u, f.options)
		}
		cause := causeOf(u.orig.ShapingOptions(), made.ShapingOptions(), u.record.ShapingOptions(), c.b.reconfigures())
		switch {
		case cause.unclear != nil:
			return nil, c.b.refuseOptions(u, cause.unclear)
		case cause.command != nil:
			again[u] = true
			foreign[f.link] = append(foreign[f.link], cause.command...)
		}
	}
	if err := c.refuseNewUnits(links, foreign); err != nil {
		return nil, err
	}
	return c.fromRecord(ctx, links, again)
}

// reconfiguredUnit is a unit whose options differ.
type reconfiguredUnit struct {
	link, index int
	options     []buildtree.Difference
}

func (r reconfiguredUnit) unit(links []pairedLink) *pairedUnit { return &links[r.link].units[r.index] }

func (c optionCheck) otherOptions(links []pairedLink) (found []reconfiguredUnit) {
	for i := range links {
		for k := range links[i].units {
			u := &links[i].units[k]
			if u.late != nil { // see otherLateOptions
				continue
			}
			if d := buildtree.DifferentOptions(u.orig.ShapingOptions(), u.record.ShapingOptions()); len(d) > 0 {
				found = append(found, reconfiguredUnit{i, k, d})
			}
		}
	}
	return found
}

// otherLateOptions refuses other options of a source whose code was made when its program was linked: it cannot be compiled from its record.
func (c optionCheck) otherLateOptions(links []pairedLink) error {
	for i := range links {
		for k := range links[i].units {
			for n := range links[i].units[k].sources {
				u := &links[i].units[k].sources[n]
				if d := buildtree.DifferentOptions(u.orig.ShapingOptions(), u.record.ShapingOptions()); len(d) > 0 && !c.b.Allow(fault.OtherOptions) {
					return c.b.refuseOptions(u, d)
				}
			}
		}
	}
	return nil
}

// cause says where other options come from: the command that built the patched version, or the source patch when both are nil.
type cause struct {
	command []buildtree.Difference
	unclear []buildtree.Difference // of the command too, but beside some of the patch
}

// causeOf compares the options of the original and of the patched unit with those that the same command gives without the patch. An
// option that differs in all three changes from build to build, as a date does; but where the patch may change options, which it
// would give is not known.
func causeOf(orig, unpatched, patched []buildtree.Option, mayReconfigure bool) cause {
	command, patch := buildtree.DifferentOptions(orig, unpatched), buildtree.DifferentOptions(unpatched, patched)
	switch {
	case len(command) == 0:
		return cause{}
	case len(patch) == 0:
		return cause{command: command}
	}
	ofBoth := func(p buildtree.Difference) bool {
		return slices.ContainsFunc(command, func(d buildtree.Difference) bool { return d.Key == p.Key })
	}
	for _, p := range patch {
		if mayReconfigure || !ofBoth(p) {
			return cause{unclear: command}
		}
	}
	return cause{command: command}
}

func (b *Builds) refuseOptions(u *pairedUnit, d []buildtree.Difference) *fault.Error {
	return fault.Refuse(fault.OtherOptions, b.sourceName(u.orig), "the patched build compiles it %s, and the original did not", d[0])
}

// refuseNewUnits refuses sources of the patch that were compiled with options which the command brought.
func (c optionCheck) refuseNewUnits(links []pairedLink, foreign map[int][]buildtree.Difference) error {
	for i, l := range links {
		for _, a := range l.added {
			if a.Patched == nil || len(foreign[i]) == 0 || c.orig.UnitByObject(a.Patched.ObjectID) != nil {
				continue
			}
			return fault.Refuse(fault.OtherOptions, c.b.sourceName(a.Patched), "a new source is compiled %s, and the original's were not", foreign[i][0])
		}
	}
	return nil
}

// unpatched builds the original sources in the view, as the patched ones were built there, and builds these again: what the
// build generates stands in the view for the compiles that follow.
func (c optionCheck) unpatched(ctx context.Context) (*buildtree.Record, error) {
	c.b.Progress("units were compiled with other options than the original's: building once more without the patch to find the cause")
	if err := c.b.Store.Reset(buildtree.Unpatched); err != nil {
		return nil, err
	}
	before, modes := originals(c.b.Dirs.Source, c.b.Change)
	if err := c.b.rebuild(ctx, before, modes, buildtree.Unpatched); err != nil {
		return nil, err
	}
	record, err := c.b.Store.Load(buildtree.Unpatched)
	if err != nil {
		return nil, err
	}
	after, modes := c.b.Change.Contents(c.b.Dirs.Source, patchedContent)
	return record, c.b.rebuild(ctx, after, modes, "")
}

// fromRecord compiles units as their record says, of the patched sources, and leaves out those whose code is the original's then.
func (c optionCheck) fromRecord(ctx context.Context, links []pairedLink, again map[*pairedUnit]bool) ([]pairedLink, error) {
	var requests []request
	all := slices.Clone(links)
	for i := range all {
		for k := range links[i].units {
			if u := &links[i].units[k]; again[u] && u.orig.CompileArgs(u.orig.Source, "") != nil {
				requests = append(requests, request{unit: u.orig, env: buildtree.WithOurs(u.orig.Env, u.record.Env)})
			}
		}
	}
	results, err := c.b.compileInView(ctx, requests)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].units = nil
		for k := range links[i].units {
			u := links[i].units[k]
			if again[&links[i].units[k]] {
				c.rebuilt[compileID(u.orig)] = true
				env := buildtree.WithOurs(atTime(u.orig.Env, u.record.Env), u.record.Env)
				if u.orig.CompileArgs(u.orig.Source, "") != nil {
					r := results[0]
					results = results[1:]
					if r.err != nil {
						return nil, fault.Refuse(fault.BuildFailed, c.b.sourceName(u.orig), "compiling it with the original's options failed").WithCause(r.err)
					}
					u.asm = r.asm
				}
				u.record = *u.orig
				u.record.Env = env
			}
			if u.asm != u.orig.AsmID || u.record.Includes {
				all[i].units = append(all[i].units, u)
			}
		}
	}
	return all, nil
}
