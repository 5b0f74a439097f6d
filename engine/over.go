package engine

import (
	"slices"

	"gocare/internal/fault"
	"gocare/kpatch"
)

// checkOver refuses a version of a function that would take the place of another patch's, whose change would be gone with it, unless the
// new patch has that change too: it says so (patchmake --base), or was made from all source patches that the other was made from, or
// the user vouches for it.
func (b *planner) checkOver(pp *PatchPlan) error {
	if b.over {
		return nil
	}
	for _, f := range pp.Functions {
		if f.Over == "" || b.buildsOn(pp, f.Over) {
			continue
		}
		id := pp.File.Patch.ID
		return fault.Refuse(fault.OverPatch, "", "%q is replaced already by patch %s, whose change there would be gone", f.Name, f.Over).
			WithHint("make one patch from the sources of both, and apply it with --replace %s; "+
				"where patch %s has that change too, say so with patchmake --base %s, or with carectl --allow over-patch", f.Over, id, f.Over)
	}
	return nil
}

// buildsOn reports whether a patch has the changes of another patch of its object.
func (b *planner) buildsOn(pp *PatchPlan, id string) bool {
	m := pp.File.Patch.Meta
	if m == nil {
		return false
	}
	below := b.metaOf(pp, id)
	return slices.Contains(m.Bases(), id) || below != nil && hasAll(m.Sources, below.Sources)
}

// hasAll reports whether source patches, of which there are some, are among others.
func hasAll(all, some []kpatch.SourceFile) bool {
	return len(some) > 0 && !slices.ContainsFunc(some, func(s kpatch.SourceFile) bool {
		return s.SHA256 == "" || !slices.ContainsFunc(all, func(a kpatch.SourceFile) bool { return a.SHA256 == s.SHA256 })
	})
}

// metaOf returns the metadata of a patch of the same object, live or planned.
func (b *planner) metaOf(pp *PatchPlan, id string) *kpatch.Meta {
	for _, other := range b.planned {
		if other.Object == pp.Object && other.File.Patch.ID == id {
			return other.File.Patch.Meta
		}
	}
	for i := range b.live {
		if l := &b.live[i]; l.BuildID == pp.Object.BuildID && l.ID == id {
			return l.meta(b.process)
		}
	}
	return nil
}
