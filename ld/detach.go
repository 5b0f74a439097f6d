package ld

import "slices"

// detach notes the functions that what is in the patch reaches without a hook.
func (j *joiner) detach() {
	for u, r := range j.units {
		for i := range r.functions {
			if f := &r.functions[i]; f.Detached && f.skipped == "" {
				j.apart[f.old.addr] = [2]int{u, i}
			}
		}
	}
}

// callees returns the link addresses of functions that a function of the patch was compiled with.
func (j *joiner) callees(u, i int) []uint64 {
	r := j.units[u]
	list := append(j.names.functionAddrs(r.Unit.Input, r.functions[i].Calls), j.reached[[2]int{u, i}]...)
	slices.Sort(list)
	return slices.Compact(list)
}
