package diffasm

import (
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// LLVM changes how private variables are kept: one that only ever gets one value besides its first becomes a byte which says
// whether it has that value, under the same name; a structure becomes variables of its members; a pointer to memory
// allocated once becomes that memory. What a program has in such a variable means what the code that is running takes it for.

// keptOtherwise refuses variables of which the two versions make something else, by the debug information of both, and returns those
// for which that is not known.
func (d *Delta) keptOtherwise() (unknown []string) {
	if !d.orig.Clang || !d.patched.Clang || d.m.Exact {
		return nil
	}
	od, pd := d.orig.Declarations(), d.patched.Declarations()
	for i, pair := range d.vars {
		v := &d.Variables[i]
		if v.Status != Same || !d.mayShrink(pair) {
			continue
		}
		var o, p *debuginfo.Declaration
		if od != nil && pd != nil {
			o, p = od.BySymbol[pair.o.Name], pd.BySymbol[pair.p.Name]
		}
		// What a byte stands for is in the location: "is not zero: the one value".
		switch {
		case (o == nil || p == nil) && d.usersAsBefore(pair): // they agree on what it stands for, and the patch has none of them
		case o == nil || p == nil:
			unknown = append(unknown, v.Name)
		case o.How != p.How:
			v.Status, v.Code = Changed, fault.DataChanged
			v.Reason = "the compiler keeps it as a byte that stands for other values than in the original"
		}
	}
	return unknown
}

// mayShrink reports whether a variable is what LLVM leaves of one with two values: a private byte that begins as zero.
func (d *Delta) mayShrink(v varPair) bool {
	return v.p != nil && v.o != nil && !d.patched.IsGlobal(v.p.Name) && d.patched.Size(v.p) == "1" &&
		strings.HasPrefix(v.p.Section.Name, ".bss") && d.orig.Size(v.o) == "1"
}

// usersAsBefore reports whether all that uses a variable, in either version, is code that the patch leaves as it is.
func (d *Delta) usersAsBefore(v varPair) bool {
	o, p := canon.UsersOf(d.orig.File, v.o.Name), canon.UsersOf(d.patched.File, v.p.Name)
	if len(o.Functions) != len(p.Functions) || len(o.Variables)+len(p.Variables) > 0 {
		return false
	}
	return !slices.ContainsFunc(d.Functions, func(f Function) bool {
		uses := func(fn *asm.Function) bool { return fn.Name == f.Name || fn.Name == f.Orig }
		return f.Status != Same && f.Status != LineOnly && (slices.ContainsFunc(p.Functions, uses) || slices.ContainsFunc(o.Functions, uses))
	})
}

// asByte reports whether a variable of a unit is what LLVM leaves of one with two values, and is another size in the other version: it is
// aligned as its type, or its location says what the byte stands for.
func (d *Delta) asByte(u *debuginfo.Unit, b, other *asm.Block) bool {
	if !u.Clang || u.IsGlobal(b.Name) || u.Size(b) != "1" || !strings.HasPrefix(b.Section.Name, ".bss") {
		return false
	}
	if ds := u.Declarations(); ds != nil && ds.BySymbol[b.Name] != nil {
		return ds.BySymbol[b.Name].How != ""
	}
	return b.Align > 1 && other.Align == b.Align
}

// lost reports whether a new static variable is one that the source of the original has too, while its program keeps nothing
// of it: the compiler knew every value it could have, or saw that nobody reads it. Its value in the process is not known, and
// is not the initial one if anything was ever assigned.
func (d *Delta) lost(b *asm.Block) bool {
	if b.Section.Class == asm.ReadOnly || b.Section.Class == asm.Relro {
		return false
	}
	p, o := d.patched.Declarations(), d.orig.Declarations()
	if p == nil || o == nil || p.BySymbol[b.Name] == nil {
		return false
	}
	at := p.BySymbol[b.Name]
	if d.m.ShownNew(b.Name) || at.Whole != nil {
		return d.m.LostPiece(at)
	}
	lost := false
	for _, e := range o.All {
		if (e.Function == at.Function || at.Function != "" && e.Function == debuginfo.UnknownFunction) && e.Name == at.Name {
			if e.Symbol != "" || e.Other || d.patched.IsGlobal(b.Name) && d.m.OnlyInitial(e, at) {
				return false
			}
			lost = true
		}
	}
	return lost && (at.Function != "" || !d.m.AlwaysInitial(b.Name))
}

// remains are suffixes that LLVM gives to what it makes of a variable.
var remains = []string{".b", ".init", ".body"}

// keptAs returns the variable of the original that a new one of the patched unit may be, kept in another way; "" if none may.
func (d *Delta) keptAs(b *asm.Block) string {
	if !d.orig.Clang || d.patched.IsGlobal(b.Name) {
		return ""
	}
	for _, o := range d.orig.Variables {
		if d.orig.IsGlobal(o.Name) || d.orig.IsLiteral(o) || o.Name == b.Name || d.otherThan(b, o) {
			continue
		}
		// LLVM adds a suffix to what it makes of a variable, in whichever version does it: the longer name is what was made.
		long, short := o.Name, b.Name
		if len(long) < len(short) {
			long, short = short, long
		}
		suffix, ok := strings.CutPrefix(long, short)
		if !ok || d.orig.FunctionByName[short] != nil || d.patched.FunctionByName[short] != nil { // else it is the function's static local
			continue
		}
		for _, r := range remains {
			if suffix == r {
				return o.Name
			}
		}
		if suffix[0] == '.' && asm.AllDigits(suffix[1:]) && d.orig.Size(o) != d.patched.Size(b) {
			return o.Name
		}
	}
	return ""
}

// otherThan reports whether the source shows that a new variable is not one of the original, and neither is a part of one.
func (d *Delta) otherThan(p, o *asm.Block) bool {
	if !d.m.ShownNew(p.Name) {
		return false
	}
	pd, od := d.m.PatchedDeclaration(p.Name), d.m.OrigDeclaration(o.Name)
	return pd != nil && od != nil && pd.Whole == nil && od.Whole == nil
}

// doubtNewVariables looks whether a variable at file level that seems new is one that the patch renamed in its place or took out of a
// function, and whether a static local that seems new stood at file level.
func (d *Delta) doubtNewVariables() {
	if !d.m.DebugKnown() {
		return
	}
	for i, pair := range d.vars {
		if d.Variables[i].Status != New || pair.p.Section.Class != asm.Writable {
			continue
		}
		if _, doubt := d.m.Doubt(pair.p.Name); doubt {
			continue
		}
		p := d.m.PatchedDeclaration(pair.p.Name)
		for k, gone := range d.vars {
			if p == nil || d.Variables[k].Status != Gone || gone.o.Section.Class != pair.p.Section.Class || d.orig.Size(gone.o) != d.patched.Size(pair.p) {
				continue
			}
			if o := d.m.OrigDeclaration(gone.o.Name); o != nil && (o.Function == "" || p.Function == "") {
				d.m.DoubtFileLevel(pair.p.Name, p, o)
			}
		}
	}
}
