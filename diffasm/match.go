package diffasm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gocare/internal/fault"
)

// Delta is what Match found.
type Delta struct {
	Functions []Function // in file order of the patched unit, gone ones last
	Variables []Variable // likewise
	// Unproved names the static locals of the patched unit that were paired by likeness alone: no debug information, no
	// unchanged function that uses them. Compiling both versions with -g and File.BorrowDebug prove or refute it.
	Unproved []string

	Debug bool // the debug information of both versions was there to tell static locals apart

	orig, patched *File
	moved         func(LineChange) bool // decides whether numbers differ because lines moved; may be nil
	plain         bool                  // the compiler did not optimise
	m             *matcher
	fns           []fnPair // parallel to Functions
	vars          []varPair
	unit          []problem // refused whatever is chosen
	setsMoved     bool      // with the original line numbers, collected sections hold the same variables
}

// Variable is one variable of a unit as Match found it.
type Variable struct {
	Name   string // in the patched unit; in the original one if gone
	Orig   string // its name in the original unit, "" if new
	Status Status
	Code   string // why it cannot be patched: data-changed or data-size; "" if it is not changed
	Reason string // in words
}

// fnPair is a function in both units; one of them may be nil.
type fnPair struct{ p, o *fn }

// varPair is a variable in both units; one of them may be nil.
type varPair struct{ p, o *block }

// Match is Matching.Match with nothing known besides.
func Match(orig, patched, restored *File) (*Delta, error) {
	return Matching{}.Match(orig, patched, restored)
}

// MatchLines is Match with what is known about lines that moved, for what the restored file does not show.
func MatchLines(orig, patched, restored *File, moved func(LineChange) bool) (*Delta, error) {
	return Matching{Moved: moved}.Match(orig, patched, restored)
}

// Match compares two versions of a unit. The restored file is the patched source compiled with the original line numbers;
// nil if it could not be built, then differences in line numbers count.
func (k Matching) Match(orig, patched, restored *File) (*Delta, error) {
	d := &Delta{orig: orig, patched: patched, moved: k.Moved, plain: k.Plain}
	if orig.lateCode() || patched.lateCode() {
		return d, matchLTO(orig, patched)
	}
	d.m = newMatcher(orig, patched, k.Sources)
	d.m.lineOnly = d.lineOnly
	d.m.bySource()
	var r *matcher
	if restored != nil {
		r = newMatcher(orig, restored, nil)
		r.borrow(d.m)
		r.run()
		d.m.adopt(r)
	}
	d.m.run()
	if r != nil {
		d.m.crossCheck(r)
	}
	d.Debug = d.m.od != nil
	d.unit = append(d.unit, d.m.lostInPatched()...)
	d.matchFuncs(r)
	d.matchVars(r)
	d.doubtFileLevel()
	d.setsMoved = r != nil && r.sameSets()
	d.Unproved = append(d.m.unproved, d.shrunk()...)
	d.once()
	d.matchLoose(r)
	d.matchAliases()
	return d, nil
}

// lateCode reports whether the unit holds a compiler's intermediate language and no code beside it.
func (f *File) lateCode() bool {
	marker := func(b *block) bool { return strings.HasPrefix(b.name, "__gnu_lto_") }
	return len(f.lto) > 0 && len(f.funcs) == 0 && !slices.ContainsFunc(f.vars, func(b *block) bool { return !marker(b) })
}

// ltoTail is the part of an LTO section name that differs from run to run.
var ltoTail = regexp.MustCompile(`(\.gnu\.lto_[\w.]*?)\.[0-9a-f]{8,}`)

// matchLTO refuses a unit whose code is still to be generated, unless nothing changed.
func matchLTO(orig, patched *File) error {
	if ltoTail.ReplaceAllString(orig.src, "$1") == ltoTail.ReplaceAllString(patched.src, "$1") {
		return nil
	}
	return fault.Refuse("lto", patched.unit(), "the unit changed and is compiled with -flto: its code is made at link time").
		WithHint("build both versions with -fno-lto, or make the patch from the link's own assembly")
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
	case d.lineOnly(p, o):
		f.Status, f.Reason = LineOnly, "line numbers only"
	default:
		f.Status = Changed
		d.explain(f, p, o, r)
	}
}

// proves reports whether the function of p's name is the original's o, without a guess which static local is which.
func (m *matcher) proves(p, o *fn) bool {
	name := o.name // a macro may have made another one of the line that p is on
	if isAuto(p.name) {
		name = p.name
	}
	fn := m.p.f.fnByName[name]
	return fn != nil && m.origFunc(fn) == o && m.equal(fn, o) && !m.open(fn)
}

// guesses reports whether a function uses a nameless variable that keeps state and of which nothing shows which one it is.
func (m *matcher) guesses(fn *fn) (found bool) {
	if len(m.guessed) > 0 {
		m.p.f.walk(fn, func(n string) { found = found || m.guessed[n] })
	}
	return found
}

// open reports whether a function uses a static local that is paired by likeness or not at all.
func (m *matcher) open(fn *fn) (found bool) {
	m.p.f.walk(fn, func(n string) {
		_, doubt := m.doubts[n]
		found = found || doubt || len(m.ambiguous[n]) > 0 || slices.Contains(m.unproved, n)
	})
	return found
}

// equal reports whether two functions are the same in all that counts.
func (m *matcher) equal(p, o *fn) bool {
	pt, ot := &m.p.texts[p.index], &m.o.texts[o.index]
	return pt.hash == ot.hash && !pt.deep && !ot.deep && m.p.f.linkage(p.name) == m.o.f.linkage(o.name)
}

// fnPlace returns the first source place of a function.
func (f *File) fnPlace(fn *fn) (string, int) {
	for _, s := range fn.streams {
		for _, st := range s.stmts {
			if st.kind == insn {
				return f.fnLine(fn, st)
			}
		}
	}
	return f.Source, 0
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
				!(code == "data-changed" && d.lineOnlyVar(p, o)) {
				v.Status, v.Code, v.Reason = Changed, code, why
			}
		}
		if c := d.m.ambiguous[p.name]; len(c) > 0 {
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

// sameSets reports whether the sections that the program collects when it is linked hold the same variables in both units.
// Macros name such variables by the line they stand on.
func (m *matcher) sameSets() bool {
	same := func(p *block) bool {
		o := m.origVar(p)
		if o == nil || o.sec.name != p.sec.name {
			return false
		}
		code, _ := m.compareVar(p, o)
		return code == ""
	}
	return len(m.p.f.setVars()) == len(m.o.f.setVars()) && !slices.ContainsFunc(m.p.f.setVars(), func(p *block) bool { return !same(p) })
}

func (f *File) setVars() (list []*block) {
	for _, b := range f.vars {
		if b.sec.isSet() {
			list = append(list, b)
		}
	}
	return list
}

// sameRestored reports whether the variable is unchanged once the original line numbers are restored.
func sameRestored(r *matcher, p, o *block) bool {
	if r == nil {
		return false
	}
	b := r.p.f.blocks[p.name]
	if b == nil || r.origVar(b) != o {
		return false
	}
	code, _ := r.compareVar(b, o)
	return code == ""
}

// compareVar returns the refusal code for a changed variable and why, "" if it is the same.
func (m *matcher) compareVar(p, o *block) (code, why string) {
	ps, os := m.p.f.size(p), m.o.f.size(o)
	switch {
	case m.p.inits[p].deep || m.o.inits[o].deep:
		return "data-changed", "initial value is circular or nested too deeply to compare"
	case ps != os:
		return "data-size", "size changed from " + os + " to " + ps + " bytes"
	case p.align > o.align:
		return "data-size", "alignment changed"
	case p.sec.class != o.sec.class:
		return "data-changed", "moved from " + o.sec.class.String() + " to " + p.sec.class.String() + " data"
	case m.p.inits[p].hash != m.o.inits[o].hash && !sameBytes(p, o):
		return "data-changed", "initial value changed"
	}
	return "", ""
}

// sameBytes reports whether two blocks of plain numbers have the same content however it is spelt.
func sameBytes(p, o *block) bool {
	pb, ok := constBytes(p)
	ob, ok2 := constBytes(o)
	return ok && ok2 && string(pb) == string(ob)
}

// matchLoose compares what lies outside functions and labelled data: constructors and top-level assembly.
func (d *Delta) matchLoose(r *matcher) {
	have := looseTexts(d.m.o)
	now := looseTexts(d.m.p)
	for _, key := range sortedKeys(now) {
		if len(now[key]) <= len(have[key]) || r != nil && len(looseTexts(r.p)[key]) <= len(have[key]) {
			continue
		}
		d.newLoose(now[key][0])
	}
	for _, key := range sortedKeys(have) {
		if l := have[key][0]; len(have[key]) > len(now[key]) && l.sec.isDtor() {
			d.unit = append(d.unit, problem{
				code: "gone-destructor", what: "the unit no longer registers " + l.stmt.args + " to run at exit", at: l.stmt,
				hint: "keep the function registered and make it do nothing; with __asm__ volatile(\"\") in it the compiler keeps it",
			})
		}
	}
}

func (d *Delta) newLoose(l loose) {
	if l.sec.isCtor() || l.sec.isDtor() {
		d.unit = append(d.unit, problem{
			code: "new-constructor", what: "the unit registers " + l.stmt.args + " in " + l.sec.name + ", which runs only at start or exit",
			hint: "do the work where it is first needed", at: l.stmt,
		})
		return
	}
	d.unit = append(d.unit, problem{
		code: "asm-toplevel", what: "top-level assembly or unnamed data changed in section " + l.sec.name, at: l.stmt,
		hint: "only functions and named variables can be patched",
	})
}

// looseTexts returns the loose statements that no function owns by canonical text.
func looseTexts(s *side) map[string][]loose {
	by := map[string][]loose{}
	for _, l := range s.f.loose {
		if l.open != nil || l.sec.name == "__mcount_loc" || s.f.beforeEntry(l.stmt) {
			continue
		}
		s.c.begin(&fn{})
		s.c.statement(l.stmt)
		key := l.sec.name + " " + s.c.out.String()
		by[key] = append(by[key], l)
	}
	return by
}

// beforeEntry reports whether a statement outside functions is room for a patch before an entry.
func (f *File) beforeEntry(st stmt) bool {
	return f.sections[patchableEntries] != nil && f.machine.Kind(st) == Nop
}

// matchAliases refuses a name other units can see that is an alias in one version and stands for something else in the
// other: calls from elsewhere reach the address it had.
func (d *Delta) matchAliases() {
	names := map[string]*alias{}
	for _, a := range append(append([]*alias(nil), d.orig.aliases...), d.patched.aliases...) {
		names[a.name] = a
	}
	for _, n := range sortedKeys(names) {
		if !d.orig.isGlobal(n) || !d.patched.isGlobal(n) || !d.orig.defines(n) || !d.patched.defines(n) {
			continue
		}
		o, p := d.m.o.meaning(n), d.m.p.meaning(n)
		if o != p {
			d.unit = append(d.unit, problem{
				code: "alias-changed", what: fmt.Sprintf("the name %q stood for %q and now stands for %q", n, o, p),
				hint: "build both versions with -fno-ipa-icf, or keep what the name stands for", at: stmt{line: names[n].line},
			})
		}
	}
}

// meaning is what a name stands for, in names of the original.
func (s *side) meaning(n string) string {
	target, off, _ := s.f.follow(n)
	if off != 0 {
		return fmt.Sprintf("%s%+d", s.name(target), off)
	}
	return s.name(target)
}
