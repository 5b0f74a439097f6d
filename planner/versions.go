package planner

import (
	"context"

	"gocare/buildtree"
	"gocare/internal/fault"
	"gocare/internal/srcpatch"
)

// sideCompiler compiles units once more for the comparison alone.
type sideCompiler struct{ b *Builds }

// allSideVersions are what the units and additions of all links were compiled to on the c.
type allSideVersions struct {
	units []SideVersions  // in the order of unitsOf
	same  [][]SameUnit    // of each link
	late  [][]TypedSource // in the order of unitsOf: the sources of units that were made when a program was linked
	added []SideVersions  // of all links' new inputs
	// overridden are refusals that the user overrode.
	overridden []*fault.Error
}

// compileSideVersions makes all of them. The compiles with old line numbers are the last in the view: they change its sources.
// The other links are those without a change, of which variables may have another type.
func (c sideCompiler) compileSideVersions(ctx context.Context, links, others []pairedLink, check sameCheck) (allSideVersions, error) {
	units := unitsOf(links)
	types, overridden, err := c.compileTypes(ctx, units)
	if err != nil {
		return allSideVersions{}, err
	}
	unprobed, err := c.compileProbes(ctx, units, types)
	if err != nil {
		return allSideVersions{}, err
	}
	overridden = append(overridden, unprobed...)
	if err := c.preprocessCounts(ctx, units, types); err != nil {
		return allSideVersions{}, err
	}
	if err := c.findMovedCases(ctx, units, types); err != nil {
		return allSideVersions{}, err
	}
	if err := c.compileLocals(ctx, units, types); err != nil {
		return allSideVersions{}, err
	}
	if err := c.compileUnstored(ctx, units, types); err != nil {
		return allSideVersions{}, err
	}
	late, more, err := c.compileLateTypes(ctx, units)
	if err != nil {
		return allSideVersions{}, err
	}
	overridden = append(overridden, more...)
	same, more, err := check.compileSame(ctx, links, others)
	if err != nil {
		return allSideVersions{}, err
	}
	indirect, err := c.compileIndirect(ctx, links)
	if err != nil {
		return allSideVersions{}, err
	}
	added, err := c.compileAdded(ctx, links)
	if err != nil {
		return allSideVersions{}, err
	}
	restored, err := c.compileRestored(ctx, units)
	if err != nil {
		return allSideVersions{}, err
	}
	stamped, err := c.compileStamped(ctx, units)
	if err != nil {
		return allSideVersions{}, err
	}
	v := allSideVersions{units: types, late: late, added: added, same: same, overridden: append(overridden, more...)}
	for i := range added {
		v.added[i].Indirect = indirect[len(units)+i]
	}
	for i := range units {
		v.units[i].Indirect = indirect[i]
		if v.units[i].Restored, v.units[i].Stamped, err = c.restamped(&units[i], restored[i], stamped[i]); err != nil {
			return allSideVersions{}, err
		}
	}
	return v, nil
}

// compileRestored compiles every changed unit once more from sources whose unchanged lines keep their old numbers. A unit that does not
// compile that way is compared without.
func (c sideCompiler) compileRestored(ctx context.Context, units []pairedUnit) ([]buildtree.Digest, error) {
	restored := make([]buildtree.Digest, len(units))
	if c.b.NoRestore {
		return restored, nil
	}
	files, modes := c.b.Change.Contents(c.b.Dirs.Source, srcpatch.FileChange.RestoreLines)
	for i := range units {
		if k := units[i].kept; k != nil && files[k.path] != nil {
			files[k.path] = append(files[k.path], k.table()...)
		}
	}
	if err := c.b.View.WriteFiles(files, modes); err != nil {
		return nil, err
	}
	var requests []request
	var of []int
	for i := range units {
		if u := &units[i]; compilable(&u.record) {
			requests, of = append(requests, request{unit: &u.record, flags: u.sideFlags()}), append(of, i)
		}
	}
	results, err := c.b.compileInView(ctx, requests)
	for k, r := range results {
		if restored[of[k]] = r.asm; r.err != nil {
			c.b.Progress("%s: the compile with old line numbers failed: %v", c.b.sourceName(units[of[k]].orig), r.err)
		}
	}
	return restored, err
}
