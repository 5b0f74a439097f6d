package stripper

import (
	"fmt"
	"math"
	"sort"

	"gocare/internal/fault"
	"gocare/kpatch"
	"gocare/ld"
)

// addFunctions lists the functions, in the order given, for .kpatch.info.
func (s *stripper) addFunctions() error {
	for i := range s.j.Functions {
		f := &s.j.Functions[i]
		if err := s.checkFunction(f); err != nil {
			return err
		}
		out := kpatch.Function{
			Name: f.Name, NewSize: uint32(f.NewSize),
			New: kpatch.Location{Section: s.sections[f.New.Index], Offset: f.New.Offset},
		}
		if !f.IsNew {
			out.OldSize, out.Old = uint32(f.OldSize), s.original(f.Old)
		}
		if f.Gate {
			hook := out
			hook.OldSize, hook.Old = uint32(s.j.Machine.HookSize), s.original(f.Via)
			s.patch.Functions = append(s.patch.Functions, hook)
			out.Via = hook.Old
		}
		s.patch.Functions = append(s.patch.Functions, out)
	}
	if err := s.addRoles(); err != nil {
		return err
	}
	return s.checkHooks()
}

// addRoles lists what the loader does more with than to map it, behind the functions.
func (s *stripper) addRoles() error {
	for i := range s.j.Roles {
		r := &s.j.Roles[i]
		if err := s.checkTarget(r.At); err != nil || r.At.Kind != ld.InPatch || r.Size > math.MaxUint32 {
			return fault.New(fault.Bug, r.Name, "it is not in the patch").WithCause(err)
		}
		s.patch.Functions = append(s.patch.Functions, kpatch.Function{
			Name: r.Name, Role: r.Role, NewSize: uint32(r.Size), New: kpatch.Location{Section: s.sections[r.At.Index], Offset: r.At.Offset},
		})
	}
	return nil
}

// original is a place in a section of the original.
func (s *stripper) original(t ld.Target) kpatch.Location {
	return kpatch.Location{Section: s.originals[t.Index], Offset: t.Offset}
}

func (s *stripper) checkFunction(f *ld.JoinedFunction) error {
	if err := s.checkTarget(f.New); err != nil || f.New.Kind != ld.InPatch {
		return fault.New(fault.Bug, f.Name, "its new code is not in the patch").WithCause(err)
	}
	if f.NewSize == 0 || f.NewSize > math.MaxUint32 {
		return fault.New(fault.Bug, f.Name, "its new code has %d bytes", f.NewSize)
	}
	if f.IsNew {
		return nil
	}
	if err := s.checkTarget(f.Old); err != nil || f.Old.Kind != ld.InOriginal {
		return fault.New(fault.Bug, f.Name, "its old code is not in the original").WithCause(err)
	}
	if f.OldSize > math.MaxUint32 {
		return fault.New(fault.Bug, f.Name, "its old code has %d bytes", f.OldSize)
	}
	if f.Gate {
		return s.checkGate(f)
	}
	if f.OldSize < uint64(s.j.Machine.HookSize) {
		return fault.Refuse(fault.TooShort, f.Name, "the original function has room for %d bytes, the jump needs %d",
			f.OldSize, s.j.Machine.HookSize).
			WithHint("patch its callers instead, or align functions in the next build (-falign-functions=16)")
	}
	return nil
}

// checkGate makes sure that a gate reaches the hook.
func (s *stripper) checkGate(f *ld.JoinedFunction) error {
	if err := s.checkTarget(f.Via); err != nil || f.Via.Kind != ld.InOriginal {
		return fault.New(fault.Bug, f.Name, "its gate leads to no place in the original").WithCause(err)
	}
	if _, ok := s.j.Machine.Gate(s.address(f.Old), s.address(f.Via)); !ok {
		return fault.New(fault.Bug, f.Name, "its gate does not reach 0x%x", s.address(f.Via))
	}
	return nil
}

// address is the link address of a place in the original.
func (s *stripper) address(t ld.Target) uint64 { return s.j.Originals[t.Index].Addr + t.Offset }

// checkHooks refuses two functions whose jumps would overwrite each other.
func (s *stripper) checkHooks() error {
	type hook struct {
		at, size uint64
		name     string
	}
	var hooks []hook
	for _, f := range s.j.Functions {
		switch size := uint64(s.j.Machine.HookSize); {
		case f.IsNew:
		case f.Gate:
			hooks = append(hooks, hook{s.address(f.Old), uint64(s.j.Machine.GateSize), f.Name}, hook{s.address(f.Via), size, f.Name})
		default:
			hooks = append(hooks, hook{s.address(f.Old), size, f.Name})
		}
	}
	sort.SliceStable(hooks, func(a, b int) bool { return hooks[a].at < hooks[b].at })
	for i := 1; i < len(hooks); i++ {
		if a, b := hooks[i-1], hooks[i]; b.at-a.at < a.size {
			return fault.Refuse(fault.HooksOverlap, b.name, "its jump at 0x%x would overlap that of %s at 0x%x", b.at, a.name, a.at)
		}
	}
	return nil
}

// checkTarget reports why a target is no place.
func (s *stripper) checkTarget(t ld.Target) error {
	n := map[ld.TargetKind]int{
		ld.InPatch: len(s.j.Sections), ld.InOriginal: len(s.j.Originals), ld.Imported: len(s.j.Imports),
	}
	switch {
	case t.Index < 0 || t.Index >= n[t.Kind]:
		return fmt.Errorf("target %d of %d", t.Index, n[t.Kind])
	case t.Kind == ld.InPatch && t.Offset > uint64(len(s.j.Sections[t.Index].Data)):
		return fmt.Errorf("0x%x is past section %s", t.Offset, s.j.Sections[t.Index].Name)
	case t.Kind == ld.InOriginal && t.Offset > s.j.Originals[t.Index].Size:
		return fmt.Errorf("0x%x is past the original's section %s", t.Offset, s.j.Originals[t.Index].Name)
	case t.Kind == ld.Imported && t.Offset != 0:
		return fmt.Errorf("offset 0x%x into import %s", t.Offset, s.j.Imports[t.Index].Name)
	}
	return nil
}

// addParts records address, length and digest of every original range that the patch replaces or that must not be running.
func (s *stripper) addParts() error {
	for _, f := range s.j.Functions {
		for i, p := range f.Parts {
			part, err := partOf(f.Name, f.Reason, p)
			if err != nil {
				return err
			}
			if i == 0 {
				part.Calls, part.Spares = f.Calls, f.Spares
			}
			s.patch.Meta.Parts = append(s.patch.Meta.Parts, part)
		}
		if f.IsNew {
			continue
		}
		if len(f.Parts) == 0 {
			return fault.New(fault.Bug, f.Name, "no original bytes to check")
		}
		if at := s.address(f.Old); f.Parts[0].Addr != at {
			return fault.New(fault.Bug, f.Name, "the jump goes to 0x%x but the bytes to check are at 0x%x", at, f.Parts[0].Addr)
		}
	}
	for _, f := range s.j.Stale {
		for _, p := range f.Parts {
			part, err := partOf(f.Name, f.Reason, p)
			if err != nil {
				return err
			}
			part.Gone = true
			s.patch.Meta.Parts = append(s.patch.Meta.Parts, part)
		}
	}
	return nil
}

func partOf(function, reason string, p ld.OldPart) (kpatch.Part, error) {
	if p.Size != uint64(len(p.Bytes)) {
		return kpatch.Part{}, fault.New(fault.Bug, function, "%s has %d bytes but %d are given", p.Name, p.Size, len(p.Bytes))
	}
	return kpatch.Part{Function: function, Name: p.Name, Addr: p.Addr, Size: p.Size, SHA256: digest(p.Bytes), Reason: reason}, nil
}
