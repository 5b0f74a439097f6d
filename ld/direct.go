package ld

import (
	"debug/elf"
	"slices"
)

// DirectImports names, sorted, the imports that code of a unit reaches for without the GOT, where the original holds no
// copy of them: Join refuses those. Code that goes through the GOT (diffasm.ThroughGOT) is accepted.
func (o *Original) DirectImports(r *Resolved) []string {
	var names []string
	for i := range r.refs {
		ref := &r.refs[i]
		if ref.err != nil || ref.binding.kind != bindImport || ref.binding.absent || !r.reachesDirectly(ref) {
			continue
		}
		if _, found := o.canonical(ref.binding.name); !found {
			names = append(names, ref.binding.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reachesDirectly reports whether the reference is an access or an absolute address in code: no call, no jump.
func (r *Resolved) reachesDirectly(ref *reference) bool {
	if r.sections[ref.section] != TextSection {
		return false
	}
	switch elf.R_X86_64(ref.rela.Type) {
	case elf.R_X86_64_32, elf.R_X86_64_32S:
		return true
	case elf.R_X86_64_PC32:
		data := r.Unit.Object.Sections[ref.section].Data
		return ref.rela.Offset > 0 && data[ref.rela.Offset-1] != 0xe8 && data[ref.rela.Offset-1] != 0xe9
	}
	return false
}
