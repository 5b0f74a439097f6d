package diffasm

import "slices"

// spares reports whether p provably overwrites no register that o does not: then callers of o in its unit, which may
// rely on that, can call p instead.
func (d *Delta) spares(p, o *fn) bool {
	most := overwrites(d.patched.File, p, true, map[*fn]bool{})
	return most&^overwrites(d.orig.File, o, false, map[*fn]bool{}) == 0
}

// reached names the functions of the original that a function of the patched unit calls, also through others of the unit.
func (d *Delta) reached(from *fn) []string {
	var names []string
	seen := map[*fn]bool{from: true}
	for todo := []*fn{from}; len(todo) > 0; todo = todo[1:] {
		for _, s := range todo[0].streams {
			for _, st := range s.stmts {
				if st.kind != insn {
					continue
				}
				in := machineOf(d.patched.File).Decode(st)
				to := d.patched.callee(&in)
				if to == nil || seen[to] {
					continue
				}
				seen[to] = true
				todo = append(todo, to)
				if o := d.m.origFunc(to); o != nil {
					names = append(names, o.name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// Spares reports whether callers in the unit can call the new code of a function in place of the original's: none of them
// is there, or it overwrites no register that the original leaves alone (gcc, -fipa-ra).
func (d *Delta) Spares(name string) bool {
	o := d.orig.fnByName[name]
	if o == nil || !slices.ContainsFunc(d.orig.funcs, func(caller *fn) bool {
		return caller != o && slices.Contains(d.orig.mentions(caller), o)
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
