package planner

import (
	"gocare/buildtree"
)

// partsOf describes the partial links of a link for the plan.
func partsOf(l *buildtree.Link) (parts []Part) {
	for _, p := range l.Parts {
		parts = append(parts, Part{Dir: p.Link.Dir, Path: p.Path, Member: p.Member, Map: p.Link.MapID, Parts: partsOf(p.Link)})
	}
	return parts
}
