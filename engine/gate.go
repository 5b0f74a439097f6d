package engine

import (
	"bytes"

	"gocare/engine/inspect"
	"gocare/engine/link"
	"gocare/internal/arch"
	"gocare/internal/fault"
)

// A function that is too short for a hook, with other code close behind it, begins with a gate: a shorter jump, to padding nearby, which
// holds the hook. In a patch these are two entries, of which that of the padding is like any other. The gate is there as long as the padding
// holds the hook of any patch. What the patch keeps of the function is the original code, whatever was there before.

// gate plans the gate of a short function.
func (b *planner) gate(pp *PatchPlan, f *link.Function) (FunctionPlan, error) {
	machine := pp.machine
	gate, want, err := gateBytes(machine, pp.Object, f.Old, f.Via)
	if err != nil {
		return FunctionPlan{}, err
	}
	if m := b.process.MappingAt(f.Old); m == nil || !m.Exec {
		return FunctionPlan{}, fault.Refuse(fault.NotCode, "", "address %#x is not executable", uint64(f.Old))
	}
	have, err := b.mem.read(f.Old, len(gate))
	if err != nil {
		return FunctionPlan{}, err
	}
	below, err := b.hookOwner(f.Via)
	if err != nil {
		return FunctionPlan{}, err
	}
	if id := b.gateOwner(f); id != "" {
		return FunctionPlan{}, fault.Refuse(fault.HooksOverlap, "", "its jump leads elsewhere, or that of another function here, by patch %s", id).
			WithHint("make one patch of both sources, and apply it with --replace %s", id)
	}
	if below != nil {
		err = compare(machine, have, gate, f.Old)
	} else {
		err = compare(machine, have, want[:len(gate)], f.Old)
	}
	pp.Busy = append(pp.Busy, Code{f.Old, f.Old + inspect.Addr(max(int(f.OldSize), machine.GateSize)), f.Name, atStart})
	fp := FunctionPlan{Name: f.Name, Old: f.Old, New: f.New, OldSize: f.OldSize, OldBytes: want, Hook: gate, Gate: true}
	if below != nil {
		fp.Over = below.id
	}
	return fp, err
}

// gateOwner names a patch that leads the function to other padding, or another function to the same.
func (b *planner) gateOwner(f *link.Function) string {
	other := func(old, via inspect.Addr) bool { return via != 0 && (old == f.Old) != (via == f.Via) }
	for i := range b.live {
		for _, g := range b.live[i].Functions {
			if other(g.Old, g.Via) {
				return b.live[i].ID
			}
		}
	}
	for _, pp := range b.planned {
		for _, g := range pp.Image.Functions {
			if other(g.Old, g.Via) {
				return pp.File.Patch.ID
			}
		}
	}
	return ""
}

// gateBytes returns the gate of a function and what the object's file has there, as many bytes as a patch keeps.
func gateBytes(machine *arch.Target, o *inspect.Object, at, via inspect.Addr) (gate, original []byte, err error) {
	gate, ok := machine.Gate(uint64(at), uint64(via))
	if !ok {
		return nil, nil, fault.Refuse(fault.FormatCorrupt, "", "its jump does not reach %#x", uint64(via))
	}
	original, ok = o.ELF.BytesAt(uint64(o.LinkAddr(at)), uint64(machine.UndoSize))
	if !ok {
		return nil, nil, fault.Refuse(fault.WrongBuild, o.Path, "has no code at %#x", uint64(at)).WithHint("the patch was made for another build")
	}
	return gate, bytes.Clone(original), nil
}

// gate plans the removal of the gate that leads to a hook, if there is one and what the hook leaves behind is padding again.
func (r *remover) gate(l *live, hook *inspect.RegionFunction, left []byte) error {
	for i := range l.Functions {
		f := &l.Functions[i]
		if f.Via != hook.Old || f.Via == 0 || !holdsOriginal(l.Object, hook.Old, left) {
			continue
		}
		gate, want, err := gateBytes(l.Machine, l.Object, f.Old, f.Via)
		if err != nil {
			return err
		}
		have, err := r.mem.read(f.Old, len(gate))
		if err != nil {
			return err
		}
		switch want := want[:len(gate)]; {
		case bytes.Equal(have, gate):
			r.add(Write{Addr: f.Old, Old: gate, New: want, What: "hook of " + f.Name, Code: true, Gate: true})
		case !bytes.Equal(have, want):
			return compare(l.Machine, have, want, f.Old)
		}
	}
	return nil
}
