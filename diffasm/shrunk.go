package diffasm

import "strings"

// LLVM changes how private variables are kept: one that only ever gets one value besides its first becomes a byte which says
// whether it has that value, under the same name; a structure becomes variables of its members; a pointer to memory
// allocated once becomes that memory. What a program has in such a variable means what the code that is running takes it for.

// shrunk refuses variables of which the two versions make something else, by the debug information of both, and returns those
// for which that is not known.
func (d *Delta) shrunk() (unknown []string) {
	if !d.orig.clang || !d.patched.clang {
		return nil
	}
	var op, pp map[string]place
	for i, pair := range d.vars {
		v := &d.Variables[i]
		if v.Status != Same || !d.mayShrink(pair) {
			continue
		}
		if op == nil && pp == nil {
			op, pp = d.orig.places(), d.patched.places()
		}
		o, knownO := op[pair.o.name]
		p, knownP := pp[pair.p.name]
		switch {
		case !knownO || !knownP:
			unknown = append(unknown, v.Name)
		case o.how != p.how:
			v.Status, v.Code = Changed, "data-changed"
			v.Reason = "the compiler keeps it as a byte that stands for other values than in the original"
		}
	}
	return unknown
}

// mayShrink reports whether a variable is what LLVM leaves of one with two values: a private byte that begins as zero.
func (d *Delta) mayShrink(v varPair) bool {
	return v.p != nil && v.o != nil && !d.patched.isGlobal(v.p.name) && d.patched.size(v.p) == "1" &&
		strings.HasPrefix(v.p.sec.name, ".bss") && d.orig.size(v.o) == "1"
}

// lost reports whether a new static variable is one that the source of the original has too, while its program keeps nothing
// of it: the compiler knew every value it could have, or saw that nobody reads it. Its value in the process is not known, and
// is not the initial one if anything was ever assigned.
func (d *Delta) lost(b *block) bool {
	if d.patched.isGlobal(b.name) || b.sec.class == classRO || b.sec.class == classRelro {
		return false
	}
	p, ok := d.patched.places()[b.name]
	return ok && d.orig.lostStatics()[p.fn+"\x00"+p.name]
}

// lostStatics returns the static variables that the debug information declares and says nothing further of, by function and
// name. Parameters and other variables that are not static do no harm there.
func (f *File) lostStatics() map[string]bool {
	if f.lender != nil {
		return f.lender.lostStatics()
	}
	if len(f.debug[".debug_info"]) == 0 {
		return nil
	}
	r := f.readDies()
	if r == nil {
		return nil
	}
	lost, kept := map[string]bool{}, map[string]bool{}
	for _, d := range r.dies {
		if d.tag != tagVariable {
			continue
		}
		key := r.nameOf(d.parent, 0) + "\x00" + r.nameOf(d, 0)
		switch {
		case len(d.located) > 0 || d.other:
			kept[key] = true
		case d.ref == 0:
			lost[key] = true
		}
	}
	for key := range kept {
		delete(lost, key)
	}
	return lost
}

// remains are suffixes that LLVM gives to what it makes of a variable.
var remains = []string{".b", ".init", ".body"}

// keptAs returns the variable of the original that a new one of the patched unit may be, kept in another way; "" if none may.
func (d *Delta) keptAs(b *block) string {
	if !d.orig.clang || d.patched.isGlobal(b.name) {
		return ""
	}
	for _, o := range d.orig.vars {
		if d.orig.isGlobal(o.name) || d.orig.isLiteral(o) || o.name == b.name {
			continue
		}
		long, short := o.name, b.name
		if len(long) < len(short) {
			long, short = short, long
		}
		suffix, ok := strings.CutPrefix(long, short)
		if !ok || d.orig.fnByName[short] != nil || d.patched.fnByName[short] != nil { // else it is the function's static local
			continue
		}
		for _, r := range remains {
			if suffix == r {
				return o.name
			}
		}
		if suffix[0] == '.' && allDigits(suffix[1:]) && d.orig.size(o) != d.patched.size(b) {
			return o.name
		}
	}
	return ""
}
