package ld

import (
	"slices"

	"gocare/internal/arch"
	"gocare/internal/kpname"
)

// DirectImports names, sorted, the imports that code of a unit reaches for without the GOT, where the original holds no
// copy of them: Join refuses those. Code that goes through the GOT (diffasm.ThroughGOT) is accepted.
func (o *Original) DirectImports(r *Resolved) []string {
	var names []string
	for i := range r.refs {
		ref := &r.refs[i]
		if ref.err != nil || ref.binding.kind != bindImport || ref.binding.absent || !o.reachesDirectly(r, ref) {
			continue
		}
		if _, found := o.names.canonical(ref.binding); !found {
			names = append(names, ref.binding.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reachesDirectly reports whether the reference is an access or an absolute address in code: no call, no jump.
func (o *Original) reachesDirectly(r *Resolved, ref *reference) bool {
	if r.sections[ref.section] != kpname.Text {
		return false
	}
	switch ref.typ.Kind {
	case arch.Abs32, arch.Abs32S, arch.PagePC, arch.PageOffset, arch.Near:
		return true
	case arch.PC32:
		s := site{r.Unit.Object.Sections[ref.section].Data, ref.rela.Offset, ref.rela.Addend}
		return s.at > 0 && !o.bin.machine.branches(s)
	}
	return false
}
