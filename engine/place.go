package engine

import (
	"slices"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// place chooses where the region goes, and with that what hooks the patch has: where the same file was before, else free addresses with a guard
// on both sides, within reach of calls if there are any. Nothing but a far hook may lie over a far hook, which would be cut.
func (b *planner) place(pp *PatchPlan) (inspect.Addr, error) {
	near := b.process.Machine
	machines := []*arch.Target{near}
	if far := near.WithFarHooks(); far != nil {
		machines = append(machines, far)
		if b.hasFar(pp.Object) {
			machines = machines[1:]
		}
	}
	if d, machine := b.reusable(pp, machines); machine != nil {
		pp.machine, pp.Reuse, pp.dormant, pp.known = machine, true, d.header, d.state.frames == framesKnown
		return d.start, nil
	}
	var why error
	for _, machine := range machines {
		at, err := b.free(pp, machine)
		if e := fault.As(err); e == nil || e.Code != fault.NoRoom {
			pp.machine = machine
			return at, err
		}
		why = err
	}
	return 0, why
}

// free returns free addresses for a patch with the hooks of a machine.
func (b *planner) free(pp *PatchPlan, machine *arch.Target) (inspect.Addr, error) {
	layout, err := pp.File.Patch.Layout(machine)
	if err != nil {
		return 0, err
	}
	view := *b.process
	view.Mappings = b.mappings
	guard := guardSize(b.process)
	at, err := view.Gap(pp.Object, machine, layout.TotalMemory+2*guard, needsLow(pp.File.Patch))
	return at + inspect.Addr(guard), err
}

// hasFar reports whether a patch of an object has far hooks, live or planned.
func (b *planner) hasFar(o *inspect.Object) bool {
	return slices.ContainsFunc(b.live, func(l live) bool { return l.BuildID == o.BuildID && l.Machine.FarHooks }) ||
		slices.ContainsFunc(b.planned, func(pp *PatchPlan) bool { return pp.Object == o && pp.machine.FarHooks })
}

// reusable finds a region in which the very same file was applied to the same object and removed again, or prepared by a
// run that was killed, and returns it with the machine, one of several, whose hooks it has; nil if there is none.
func (b *planner) reusable(pp *PatchPlan, machines []*arch.Target) (dormant, *arch.Target) {
	for _, d := range b.dormant {
		if d.state.digest != pp.File.Digest || d.state.bias != pp.Object.Bias || d.state.frames == framesBegun {
			continue
		}
		for _, machine := range machines {
			if machine.FarHooks == d.state.far && b.holds(pp, d, machine) {
				return d, machine
			}
		}
	}
	return dormant{}, nil
}

// holds reports whether a region holds what a patch with the hooks of a machine would be there.
func (b *planner) holds(pp *PatchPlan, d dormant, machine *arch.Target) bool {
	image, err := link.Place(pp.File.Patch, pp.Object, machine, d.start, b.imports(pp.Object))
	if err != nil {
		return false
	}
	code := min(image.CodeSize, uint64(image.Layout.UserUndo))
	have := make([]byte, code-kpatch.HeaderSize)
	if _, err := b.process.Mem().ReadAt(have, int64(d.start)+kpatch.HeaderSize); err != nil {
		return false
	}
	return slices.Equal(have, image.Bytes[kpatch.HeaderSize:code]) && b.mappedAt(d.start, image)
}

// mappedAt reports whether an image's code and data are mapped as we left them.
func (b *planner) mappedAt(at inspect.Addr, image *link.Image) bool {
	code := b.process.MappingAt(at)
	if code == nil || uint64(code.End-code.Start) < image.CodeSize {
		return false
	}
	if image.CodeSize == uint64(len(image.Bytes)) {
		return true
	}
	data := b.process.MappingAt(at + inspect.Addr(image.CodeSize))
	return data != nil && data.Write && !data.Exec && uint64(data.End-at) >= uint64(len(image.Bytes))
}

// needsLow reports whether absolute 32-bit relocations refer to the patch itself.
func needsLow(p *kpatch.Patch) bool {
	for i := range p.Sections {
		for _, rel := range p.Sections[i].Relocs {
			if k := rel.Type.Kind; k != arch.Abs32 && k != arch.Abs32S || rel.Symbol >= len(p.Symbols) {
				continue
			}
			n := p.Symbols[rel.Symbol].Section
			if n > 0 && n < len(p.Sections) && !p.Sections[n].Original() {
				return true
			}
		}
	}
	return false
}
