package diffasm

import "strings"

// LLVM changes how private variables are kept: one that only ever gets one value besides its first becomes a byte which says
// whether it has that value, under the same name; a structure becomes variables of its members; a pointer to memory
// allocated once becomes that memory. What a program has in such a variable means what the code that is running takes it for.

// keptOtherwise refuses variables of which the two versions make something else, by the debug information of both, and returns those
// for which that is not known.
func (d *Delta) keptOtherwise() (unknown []string) {
	if !d.orig.clang || !d.patched.clang || d.m.exact {
		return nil
	}
	od, pd := d.orig.declared(), d.patched.declared()
	for i, pair := range d.vars {
		v := &d.Variables[i]
		if v.Status != Same || !d.mayShrink(pair) {
			continue
		}
		var o, p *decl
		if od != nil && pd != nil {
			o, p = od.bySym[pair.o.name], pd.bySym[pair.p.name]
		}
		// What a byte stands for is in the location: "is not zero: the one value".
		switch {
		case o == nil || p == nil:
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
	p, o := d.patched.declared(), d.orig.declared()
	if p == nil || o == nil || p.bySym[b.name] == nil {
		return false
	}
	at := p.bySym[b.name]
	if d.m.shownNew(b.name) || at.whole != nil {
		return d.m.lostPiece(at)
	}
	lost := false
	for _, e := range o.all {
		if (e.fn == at.fn || at.fn != "" && e.fn == unknown) && e.name == at.name {
			if e.sym != "" || e.other {
				return false
			}
			lost = true
		}
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
		if d.orig.isGlobal(o.name) || d.orig.isLiteral(o) || o.name == b.name || d.otherThan(b, o) {
			continue
		}
		// LLVM adds a suffix to what it makes of a variable, in whichever version does it: the longer name is what was made.
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

// otherThan reports whether the source shows that a new variable is not one of the original, and neither is a part of one.
func (d *Delta) otherThan(p, o *block) bool {
	if !d.m.shownNew(p.name) {
		return false
	}
	pd, od := d.m.patchedDecl(p.name), d.m.origDecl(o.name)
	return pd != nil && od != nil && pd.whole == nil && od.whole == nil
}

// doubtNewVariables looks whether a variable at file level that seems new is one that the patch renamed in its place or took out of a
// function, and whether a static local that seems new stood at file level.
func (d *Delta) doubtNewVariables() {
	if !d.m.debugKnown() {
		return
	}
	for i, pair := range d.vars {
		if d.Variables[i].Status != New || pair.p.sec.class != classRW {
			continue
		}
		if _, doubt := d.m.doubt(pair.p.name); doubt {
			continue
		}
		p := d.m.patchedDecl(pair.p.name)
		for k, gone := range d.vars {
			if p == nil || d.Variables[k].Status != Gone || gone.o.sec.class != pair.p.sec.class || d.orig.size(gone.o) != d.patched.size(pair.p) {
				continue
			}
			if o := d.m.origDecl(gone.o.name); o != nil && (o.fn == "" || p.fn == "") {
				d.m.doubtLevel(pair.p.name, p, o)
			}
		}
	}
}
