package diffasm

import (
	"slices"
	"strings"
)

// Match compares two versions of a unit. The restored file is the patched source compiled with the original line numbers;
// nil if it could not be built, then differences in line numbers count.
func (k Matching) Match(orig, patched, restored *Unit) (*Delta, error) {
	d := &Delta{orig: orig, patched: patched, plain: k.Plain}
	if orig.lateCode() || patched.lateCode() {
		return d, matchLTO(orig, patched)
	}
	m, r := correlate(orig, patched, restored, known{sources: k.Sources, linesMoved: k.Moved})
	d.m = m
	d.Debug = d.m.debugKnown()
	d.unit = append(d.unit, d.m.lostInPatched()...)
	d.matchFuncs(r)
	d.matchVars(r)
	d.doubtNewVariables()
	d.setsMoved = r != nil && r.sameSets()
	d.Unproved = append(d.m.unproved, d.keptOtherwise()...)
	d.oneAddress()
	d.matchLoose(r)
	d.matchAliases()
	return d, nil
}

// matchFuncs compares every function.
func (d *Delta) matchFuncs(r *matcher) {
	seen := map[*fn]bool{}
	for _, p := range d.patched.funcs {
		o := d.m.origFunc(p)
		f := Function{Name: p.name, Status: New, Reason: "new function"}
		f.File, f.Line = d.patched.fnPlace(p)
		if o != nil {
			seen[o] = true
			f.Orig = o.name
			d.compare(&f, p, o, r)
		}
		d.add(f, p, o)
	}
	for _, o := range d.orig.funcs {
		if !seen[o] {
			f := Function{Name: o.name, Orig: o.name, Status: Gone, Reason: "no longer in the unit"}
			f.File, f.Line = d.orig.fnPlace(o)
			d.add(f, nil, o)
		}
	}
}

func (d *Delta) add(f Function, p, o *fn) {
	d.Functions = append(d.Functions, f)
	d.fns = append(d.fns, fnPair{p, o})
}

// compare fills in status and reason of a function both units have.
func (d *Delta) compare(f *Function, p, o *fn, r *matcher) {
	switch {
	case registrar(p.name) && registrar(o.name):
		f.Status, f.Reason = Same, "registers data with a sanitizer, at start or exit only"
	case d.m.equal(p, o) && !d.m.guesses(p):
		f.Status, f.Reason = Same, "same code"
	case r != nil && r.proves(p, o) && !d.m.open(p):
		f.Status, f.Reason = LineOnly, "line numbers only"
	case d.m.sameButLines(p, o):
		f.Status, f.Reason = LineOnly, "line numbers only"
	default:
		f.Status = Changed
		d.explain(f, p, o, r)
	}
}

// matchVars compares every variable that is neither a literal nor a part of a function.
func (d *Delta) matchVars(r *matcher) {
	seen := map[*block]bool{}
	for _, p := range d.patched.vars {
		if p.owner != nil || d.patched.isLiteral(p) || isLocal(p.name) {
			continue
		}
		o := d.m.origVar(p)
		v := Variable{Name: p.name, Status: New, Reason: "new variable"}
		if o != nil {
			seen[o] = true
			v.Orig, v.Status, v.Reason = o.name, Same, ""
			if code, why := d.m.compareVar(p, o); code != "" && !sameRestored(r, p, o) && !d.patched.registered(p) &&
				!(code == "data-changed" && d.m.sameVarButLines(p, o)) {
				v.Status, v.Code, v.Reason = Changed, code, why
			}
		}
		if c := d.m.candidates(p.name); len(c) > 0 {
			v.Reason = "may be " + strings.Join(c, " or ") + " of the original"
		}
		d.Variables = append(d.Variables, v)
		d.vars = append(d.vars, varPair{p, o})
	}
	for _, o := range d.orig.vars {
		if !seen[o] && o.owner == nil && !d.orig.isLiteral(o) {
			d.Variables = append(d.Variables, Variable{Name: o.name, Orig: o.name, Status: Gone, Reason: "no longer in the unit"})
			d.vars = append(d.vars, varPair{nil, o})
		}
	}
}

// registrar reports whether a function is one that gcc or clang makes for -fsanitize=address, to tell the run-time library of
// the unit's variables. It runs at start or exit; what a patch brings is not registered.
func registrar(name string) bool {
	return strings.HasPrefix(name, "_sub_I_00099_") || strings.HasPrefix(name, "_sub_D_00099_") ||
		name == "asan.module_ctor" || name == "asan.module_dtor"
}

// registered reports whether a variable is the list that such functions hand over: nothing else uses it.
func (f *File) registered(b *block) bool {
	if f.isGlobal(b.name) {
		return false
	}
	u := f.users(b.name)
	return len(u.fns) > 0 && len(u.data) == 0 && !slices.ContainsFunc(u.fns, func(fn *fn) bool { return !registrar(fn.name) })
}

// Matching says what is known for Match besides the units.
type Matching struct {
	// Moved decides whether numbers differ because lines moved, for what the restored file does not show; may be nil.
	Moved func(LineChange) bool
	// Sources returns how a source file, as spelt in the debug information, changed; nil if that is not known.
	Sources func(file string) *SourceFile
	// Plain says that the compiler did not optimise: what a variable may hold counted for nothing.
	Plain bool
}
