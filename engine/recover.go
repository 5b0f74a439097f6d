package engine

import (
	"fmt"
	"slices"

	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/kpatch"
)

// NewRecovery plans to undo what a killed run left half done: a patch of which only some functions are hooked, or that is
// hooked but not listed. The truth is the hooks themselves.
func NewRecovery(p *inspect.Process) (*Removal, error) {
	all, err := liveRegions(p)
	if err != nil {
		return nil, err
	}
	unlisted, err := unlistedRegions(p)
	if err != nil {
		return nil, err
	}
	all = append(all, unlisted...)
	slices.SortStableFunc(all, func(a, b live) int { return int(b.state.seq) - int(a.state.seq) })
	r := newRemover(p, all)
	for i := range all {
		l := &all[i]
		half, err := r.halfDone(l)
		if err != nil {
			return nil, err
		}
		if !half {
			continue
		}
		if err := r.remove(l); err != nil {
			return nil, fmt.Errorf("pid %d: patch %s of %s: %w", p.PID, l.ID, l.target(), err)
		}
	}
	if len(r.out.Patches) == 0 {
		return nil, fault.Refuse(fault.NothingToRecover, fmt.Sprintf("pid %d", p.PID), "no patch is half applied or half removed").
			WithState("process unchanged and running")
	}
	return r.out, nil
}

// halfDone reports whether some, but not all, of what makes a patch live is there.
func (r *remover) halfDone(l *live) (bool, error) {
	if !l.ours {
		return false, nil
	}
	hooked, whole, total := 0, 0, 0
	for i := range l.Functions {
		f := &l.Functions[i]
		if f.Old == 0 || f.Via != 0 {
			continue
		}
		total++
		hook, err := jump(l.Machine, f.Old, f.New)
		if err != nil {
			return false, err
		}
		above, err := r.above(f.Old, hook)
		if err != nil {
			return false, err
		}
		if !f.Hooked && above == 0 {
			continue
		}
		hooked++
		if l.reachable(f.Old) {
			whole++
		}
	}
	if l.noMagic {
		return hooked > 0, nil
	}
	return whole < total || l.state.phase != phaseLive, nil
}

// unlistedRegions reads our regions that have no magic as if they had it.
func unlistedRegions(p *inspect.Process) ([]live, error) {
	mem := newShadow(p.Mem())
	var maps []inspect.Mapping
	for _, d := range dormantRegions(p) {
		mem.write(d.start, []byte(kpatch.Magic)) // whatever hooks it has
		maps = append(maps, *p.MappingAt(d.start))
	}
	regions, err := inspect.ReadRegions(p.Machine, mem, maps, p.Objects)
	if err != nil {
		return nil, err
	}
	var list []live
	for _, region := range regions {
		l := live{Region: region, noMagic: true}
		l.state, l.ours = decodeState(region.Raw[:])
		list = append(list, l)
	}
	return list, nil
}
