package engine

import (
	"slices"

	"gocare/engine/inspect"
)

// Info is a patch that is live in a process.
type Info struct {
	PID         int
	Comm        string
	Target      string // base name of the patched object
	BuildID     string
	Number      int // counts the patches of that object in the order they were applied, from 1
	ID          string
	Description string
	CVEs        []string // what it says it fixes
	Region      uint64
	Functions   []string // replaced, in the order of the patch
	Foreign     bool     // applied by another tool
	Inactive    []string // functions whose start does not lead here now: a later patch replaces them, or another tool changed it
}

// List returns the live patches of a process: by object, in the order they were applied as far as that is known.
func List(p *inspect.Process) ([]Info, error) {
	regions, err := liveRegions(p)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(regions, func(a, b live) int { return int(a.state.seq) - int(b.state.seq) })
	numbers := map[string]int{}
	var list []Info
	for i := range regions {
		l := &regions[i]
		numbers[l.BuildID]++
		info := Info{
			PID: p.PID, Comm: p.Comm, Target: l.target(), BuildID: l.BuildID, Number: numbers[l.BuildID], ID: l.ID,
			Region: uint64(l.Start), Foreign: !l.ours,
		}
		if m := l.meta(p); m != nil {
			info.Description, info.CVEs = m.Description, m.Fixes()
		}
		for _, f := range l.Functions {
			if f.Old == 0 || f.Via != 0 {
				continue
			}
			info.Functions = append(info.Functions, f.Name)
			if !f.Hooked || !l.reachable(f.Old) {
				info.Inactive = append(info.Inactive, f.Name)
			}
		}
		list = append(list, info)
	}
	return list, nil
}

// reachable reports whether the gate that leads to a hook, if there is one, is in place.
func (l *live) reachable(hook inspect.Addr) bool {
	return !slices.ContainsFunc(l.Functions, func(f inspect.RegionFunction) bool { return f.Via == hook && f.Via != 0 && !f.Hooked })
}

// NotLoaded is the target of a patch whose object the program has unloaded.
const NotLoaded = "(not loaded)"

// target names the patched object.
func (l *live) target() string {
	if l.Object == nil {
		return NotLoaded
	}
	return l.Object.Name
}
