package diffasm

import (
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/flow"
	"gocare/diffasm/machine"
)

// spares reports whether p provably overwrites no register that o does not: then callers of o in its unit, which may
// rely on that, can call p instead. Of code that was compiled with other options than what runs (Matching.Relying) nothing is proved:
// the registers there are others.
func (d *Delta) spares(p, o *asm.Function) bool {
	if d.relying != nil {
		return false
	}
	most := flow.Overwrites(d.patched.File, p, true, map[*asm.Function]bool{})
	return most&^flow.Overwrites(d.orig.File, o, false, map[*asm.Function]bool{}) == 0
}

// reached names the functions of the original that a function of the patched unit calls, also through others of the unit.
func (d *Delta) reached(from *asm.Function) []string {
	var names []string
	seen := map[*asm.Function]bool{from: true}
	for todo := []*asm.Function{from}; len(todo) > 0; todo = todo[1:] {
		for _, s := range todo[0].Streams {
			for _, st := range s.Statements {
				if st.Kind != asm.Instruction {
					continue
				}
				in := machine.Of(d.patched.File).Decode(st)
				to := flow.Callee(d.patched.File, &in)
				if to == nil || seen[to] {
					continue
				}
				seen[to] = true
				todo = append(todo, to)
				if o := d.m.OrigFunction(to); o != nil {
					names = append(names, o.Name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// Spares reports whether callers in the unit can call the new code of a function in place of the original's: none of them
// is there, or it overwrites no register that the original leaves alone (gcc, -fipa-ra). Where it is known who relies on that
// (Matching.Relying), these come into the patch themselves.
func (d *Delta) Spares(name string) bool {
	o := d.orig.FunctionByName[name]
	if d.relying != nil || o == nil || !slices.ContainsFunc(d.orig.Functions, func(caller *asm.Function) bool {
		return caller != o && slices.Contains(d.orig.Mentions(caller), o)
	}) {
		return true
	}
	for _, pair := range d.fns {
		if pair.o == o && pair.p != nil {
			return d.spares(pair.p, o)
		}
	}
	return false
}
