package diffasm

import (
	"fmt"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/internal/fault"
)

// Matching says what is known for Match besides the units.
type Matching struct {
	// LinesMoved decides whether numbers differ because lines moved, for what the restored file does not show; may be nil.
	LinesMoved func(correlate.LineChange) bool
	// Sources returns how a source file, as spelt in the debug information, changed; nil if that is not known.
	Sources func(file string) *correlate.SourceFile
	// Text, ValueChanges, CallsEdited and Unstored are as in correlate.Known; may be nil.
	Text         func(file string) []string
	ValueChanges func(expression string) bool
	CallsEdited  func(expression string) bool
	Unstored     func() *correlate.Unstored
	// Late is what is known of code that was made when the program was linked, of several sources; nil for a unit of one.
	Late *Late
	// Plain says that the compiler did not optimise: what a variable may hold counted for nothing.
	Plain bool
	// Relying are the functions of the original of which the running code relies on what their callees overwrite, where the versions
	// were compiled with other options than what runs; nil where they were not.
	Relying map[string]bool
	// Unnamed is why the unit was not compiled with options that make code name its variables, "" where nobody tried.
	Unnamed string
	// NoSource says that no source of the unit is known.
	NoSource bool
}

// Late says what is known of the names in the code of several sources.
type Late struct {
	Namesake func(name string) bool // whether several sources may have private functions or variables of that name
	Declared func(name string) bool // whether sources of the original declare a variable of the patched unit
	Left     func(name string) bool // whether sources of the patched version declare one of the original
}

// Match compares two versions of a unit. The restored file is the patched source compiled with the original line numbers;
// nil if it could not be built, then differences in line numbers count.
func (k Matching) Match(orig, patched, restored *debuginfo.Unit) (*Delta, error) {
	d := &Delta{orig: orig, patched: patched, plain: k.Plain, made: k.Late, relying: k.Relying, sources: k.Sources}
	if lateCode(orig.File) || lateCode(patched.File) {
		return d, matchLTO(orig, patched)
	}
	known := correlate.Known{Sources: k.Sources, LinesMoved: k.LinesMoved, Text: k.Text, ValueChanges: k.ValueChanges, CallsEdited: k.CallsEdited, Unstored: k.Unstored}
	if k.Late != nil {
		known.Namesake = k.Late.Namesake
	}
	m, r := correlate.Correlate(orig, patched, restored, known)
	d.m = m
	d.Debug = d.m.DebugKnown()
	d.unit = append(d.unit, d.anchored(k.Unnamed)...)
	d.unit = append(d.unit, d.m.LostInPatched()...)
	if !k.Plain {
		d.unit = append(d.unit, d.m.FoldedInBoth()...)
	}
	d.unit = append(d.unit, d.m.MergedVariables()...)
	d.matchFuncs(r)
	d.matchVars(r)
	if k.NoSource && !k.Plain {
		d.unit = append(d.unit, d.withoutSource()...)
	}
	d.counters()
	d.doubtNewVariables()
	d.unit = append(d.unit, d.leftOut()...)
	d.setsMoved = r != nil && r.SameSets()
	d.Unproved = append(d.m.Unproved, d.keptOtherwise()...)
	d.oneAddress()
	d.unit = append(d.unit, d.pointedTo()...)
	d.matchLoose(r)
	d.matchAliases()
	return d, nil
}

// matchFuncs compares every function.
func (d *Delta) matchFuncs(r *correlate.Matcher) {
	seen := map[*asm.Function]bool{}
	for _, p := range d.patched.Functions {
		o := d.m.OrigFunction(p)
		f := Function{Name: p.Name, Status: New, Reason: "new function"}
		f.File, f.Line = d.patched.FirstPlace(p)
		if o != nil {
			seen[o] = true
			f.Orig = o.Name
			d.compare(&f, p, o, r)
		}
		d.add(f, p, o)
	}
	for _, o := range d.orig.Functions {
		if !seen[o] {
			f := Function{Name: o.Name, Orig: o.Name, Status: Gone, Reason: "no longer in the unit"}
			f.File, f.Line = d.orig.FirstPlace(o)
			d.add(f, nil, o)
		}
	}
}

func (d *Delta) add(f Function, p, o *asm.Function) {
	d.Functions = append(d.Functions, f)
	d.fns = append(d.fns, fnPair{p, o})
}

// compare fills in status and reason of a function both units have.
func (d *Delta) compare(f *Function, p, o *asm.Function, r *correlate.Matcher) {
	switch {
	case registrar(p.Name) && registrar(o.Name):
		f.Status, f.Reason = Same, "registers data with a run-time library, at start or exit only"
	case d.m.Equal(p, o) && !d.m.Guesses(p):
		f.Status, f.Reason = Same, "same code"
	case r != nil && r.Proves(p, o) && !d.m.Open(p):
		f.Status, f.Reason = LineOnly, "line numbers only"
	case d.m.SameButLines(p, o):
		f.Status, f.Reason = LineOnly, "line numbers only"
	default:
		f.Status = Changed
		d.explain(f, p, o, r)
	}
}

// matchVars compares every variable that is neither a literal nor a part of a function.
func (d *Delta) matchVars(r *correlate.Matcher) {
	seen := map[*asm.Block]bool{}
	for _, p := range d.patched.Variables {
		if p.Owner != nil || d.patched.IsLiteral(p) || asm.IsLocal(p.Name) {
			continue
		}
		o := d.m.OrigVariable(p)
		v := Variable{Name: p.Name, Status: New, Reason: "new variable"}
		if o != nil {
			seen[o] = true
			v.Orig, v.Status, v.Reason = o.Name, Same, ""
			if code, why := d.m.CompareVariable(p, o); code != "" && !correlate.SameRestored(r, p, o) && !registered(d.patched.File, p) &&
				!(code == fault.DataChanged && d.m.SameVariableButLines(p, o)) {
				v.Status, v.Code, v.Reason = Changed, code, why
				if name := d.unknownIn(p); code == fault.DataChanged && name != "" {
					v.Code, v.Reason = fault.StaticUnproved, fmt.Sprintf("it holds the address of %q, and without debug information it is not known which one of that name", name)
				}
			} else if code, why := d.m.FirstValue(p, o); code != "" {
				v.Status, v.Code, v.Reason = Changed, code, why
			}
		}
		if c := d.m.Candidates(p.Name); len(c) > 0 {
			v.Reason = "may be " + d.mayBe(p.Name)
		}
		d.Variables = append(d.Variables, v)
		d.vars = append(d.vars, varPair{p, o})
	}
	for _, o := range d.orig.Variables {
		if !seen[o] && o.Owner == nil && !d.orig.IsLiteral(o) {
			d.Variables = append(d.Variables, Variable{Name: o.Name, Orig: o.Name, Status: Gone, Reason: "no longer in the unit"})
			d.vars = append(d.vars, varPair{nil, o})
		}
	}
}

// registrar reports whether a function is one that gcc or clang makes for -fsanitize=address, to tell the run-time library of
// the unit's variables, or clang for --coverage, of its counters. It runs at start or exit; what a patch brings is not registered.
func registrar(name string) bool {
	return strings.HasPrefix(name, "_sub_I_00099_") || strings.HasPrefix(name, "_sub_D_00099_") ||
		name == "asan.module_ctor" || name == "asan.module_dtor" ||
		name == "__llvm_gcov_writeout" || name == "__llvm_gcov_reset" || name == "__llvm_gcov_init"
}

// registered reports whether a variable is the list that such functions hand over: nothing else uses it.
func registered(f *asm.File, b *asm.Block) bool {
	if f.IsGlobal(b.Name) {
		return false
	}
	u := canon.UsersOf(f, b.Name)
	return len(u.Functions) > 0 && len(u.Variables) == 0 && !slices.ContainsFunc(u.Functions, func(fn *asm.Function) bool { return !registrar(fn.Name) })
}
