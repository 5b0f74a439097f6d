package diffasm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/fault"
)

// Options say which of the changed functions go into the patch.
type Options struct {
	Keep     func(name string) bool // which changed functions to take; nil takes all. New functions are always taken
	Identity func(name string) bool // which unchanged functions to take as well; may be nil
	// Also says which functions to take though their code is the same, and why; "" for no others. May be nil.
	Also func(name string) (reason string)
	// Data says which new global variables to take though no function of the unit uses them; may be nil.
	Data func(name string) bool
	// Allow says which refusals the user overrides; may be nil. Only fault.Overridable codes are asked for.
	Allow func(code string) bool
}

// Selection is what goes into the patch of one unit.
type Selection struct {
	Functions []Function // in file order
	LeftOut   []Function // changed, but left out by the filter
	Skipped   []Function // unchanged ones that Identity asked for and that cannot be carried; Reason says why
	// Overridden are the refusals that Options.Allow overrode.
	Overridden []*fault.Error

	d      *Delta
	chosen []fnPair
	copies map[*block]bool // changed constants carried as a new copy
	clo    *closure
}

// Empty reports whether nothing of the unit goes into a patch.
func (s *Selection) Empty() bool {
	return len(s.Functions) == 0 && (s.clo == nil || len(s.clo.newVars) == 0)
}

// OnlyNew reports whether all the functions are new: nothing that exists calls them, unless another unit does.
func (s *Selection) OnlyNew() bool {
	for _, f := range s.Functions {
		if f.Status != New {
			return false
		}
	}
	return true
}

// decider gathers a selection and its refusals.
type decider struct {
	d    *Delta
	o    Options
	s    *Selection
	in   map[*fn]bool      // chosen functions, of both units
	bad  map[*fn][]problem // functions refused for themselves
	errs []error
	// noCopy is why a changed constant cannot be carried as a new copy, by its index in Delta.Variables.
	noCopy map[int]string
	// literalTexts are the contents of the original's literals, once they are needed.
	literalTexts map[string]bool
}

// Decide chooses the functions of the patch. On refusal the error joins one *fault.Error for each.
func Decide(d *Delta, o Options) (*Selection, error) {
	c := &decider{d: d, o: o, s: &Selection{d: d, copies: map[*block]bool{}}, in: map[*fn]bool{}, bad: map[*fn][]problem{}, noCopy: map[int]string{}}
	if d.m == nil {
		return c.s, nil
	}
	c.choose()
	c.prune()
	c.constants()
	c.kin()
	c.check()
	c.start()
	c.split()
	for _, p := range d.unit {
		c.refuse(p, d.patched, "")
	}
	c.variables()
	c.removed()
	c.sets()
	c.literals()
	c.closure()
	if len(c.errs) == 1 {
		return nil, c.errs[0]
	}
	if len(c.errs) > 1 {
		return nil, errors.Join(c.errs...)
	}
	return c.s, nil
}

// refuse notes a refusal, as overridden if the user says so.
func (c *decider) refuse(p problem, f *Unit, fn string) {
	what := p.what
	if fn != "" {
		what = fmt.Sprintf("cannot patch function %q: %s", fn, p.what)
	}
	hint := p.hint
	if hint == "" {
		hint = hints[p.code]
	}
	e := fault.Refuse(p.code, f.where(p.at), "%s", what).WithHint("%s", hint)
	if fault.Overridable(p.code) && c.o.Allow != nil && c.o.Allow(p.code) {
		c.s.Overridden = append(c.s.Overridden, e)
		return
	}
	c.errs = append(c.errs, e)
}

const leaveOut = "leave the function out with the filter, or make the change in a function that does not have this"

// hints say what to do about the codes that have the same answer everywhere.
var hints = map[string]string{
	"asm-section": leaveOut, "asm-macro": leaveOut, "asm-directive": leaveOut, "asm-label": leaveOut, "asm-function": leaveOut,
	"label-table": leaveOut, "foreign-label": leaveOut, "unknown-label": leaveOut, "alias-cycle": leaveOut,
	"alias-expression": leaveOut, "empty-data": leaveOut, "private-data": leaveOut,
	"comdat":      "make the change in a function that is not inline, or whose unit alone defines it",
	"entry-table": "build both versions without -mrecord-mcount",
}

// once drops problems with a code that came before.
func once(list []problem) (out []problem) {
	seen := map[string]bool{}
	for _, p := range list {
		if !seen[p.code] {
			seen[p.code] = true
			out = append(out, p)
		}
	}
	return out
}

// choose takes the changed and new functions and those that are asked for.
func (c *decider) choose() {
	for i, f := range c.d.Functions {
		pair := c.d.fns[i]
		if (f.Status == Same || f.Status == LineOnly) && c.o.Also != nil && c.o.Also(f.Name) != "" {
			f.Status, f.Reason = Changed, c.o.Also(f.Name)
		}
		switch {
		case f.Status == Gone:
		case f.Status == Changed && c.o.Keep != nil && !c.keep(f):
			c.s.LeftOut = append(c.s.LeftOut, f)
		case f.Status == Changed || f.Status == New:
			c.take(f, pair)
		case c.o.Identity != nil && c.o.Identity(f.Name):
			if ps := c.obstacles(pair); len(ps) > 0 {
				f.Reason = ps[0].what
				c.s.Skipped = append(c.s.Skipped, f)
				continue
			}
			f.Reason = "asked for"
			c.take(f, pair)
		}
	}
}

// obstacles lists what keeps a function, or one that it shares labels with, out of a patch.
func (c *decider) obstacles(pair fnPair) (list []problem) {
	for _, p := range family(pair.p) {
		for _, q := range c.d.fns {
			if q.p == p {
				list = append(append(list, c.problems(q)...), c.probe(p)...)
			}
		}
	}
	return list
}

// family lists a function and all that it shares labels with, directly or not.
func family(p *fn) []*fn {
	list := []*fn{p}
	for i := 0; i < len(list); i++ {
		for _, k := range list[i].kin {
			if !slices.Contains(list, k) {
				list = append(list, k)
			}
		}
	}
	return list
}

// kin takes the functions that share labels with chosen ones: a goto from one into another has to stay within one version.
func (c *decider) kin() {
	before := len(c.s.chosen)
	for i := 0; i < len(c.s.chosen); i++ {
		of := c.s.chosen[i].p
		if len(of.kin) == 0 {
			continue
		}
		for n, pair := range c.d.fns {
			if f := c.d.Functions[n]; pair.p != nil && !c.in[pair.p] && slices.Contains(of.kin, pair.p) {
				c.takeKin(f, pair, of)
			}
		}
	}
	if len(c.s.chosen) > before {
		c.sort()
	}
}

func (c *decider) takeKin(f Function, pair fnPair, of *fn) {
	if f.Status != New && c.o.Keep != nil && !c.keep(f) {
		c.refuse(problem{
			code: "foreign-label", at: of.first(),
			what: fmt.Sprintf("it shares labels with function %q, which the filter leaves out", f.Name),
			hint: fmt.Sprintf("let the filter name %q too, or leave both out", f.Name),
		}, c.d.patched, of.name)
		return
	}
	if f.Status != New {
		f.Status, f.Reason = Changed, fmt.Sprintf("shares labels with %q", of.name)
	}
	c.take(f, pair)
}

// check refuses chosen functions that cannot be patched. Those taken for identity were looked at before.
func (c *decider) check() {
	for i, pair := range c.s.chosen {
		c.bad[pair.p] = c.problems(pair)
		for _, p := range c.bad[pair.p] {
			c.refuse(p, c.d.patched, c.s.Functions[i].Name)
		}
	}
}

// probe returns what an unchanged function would need and cannot have.
func (c *decider) probe(p *fn) []problem {
	clo := &closure{d: c.d, seen: map[string]bool{}}
	clo.function(p)
	return clo.problems
}

// keep asks the filter for a function by its own and its source name.
func (c *decider) keep(f Function) bool { return c.o.Keep(f.Name) || c.o.Keep(sourceName(f.Name)) }

func (c *decider) take(f Function, pair fnPair) {
	c.s.Functions = append(c.s.Functions, f)
	c.s.chosen = append(c.s.chosen, pair)
	c.in[pair.p] = true
	if pair.o != nil {
		c.in[pair.o] = true
	}
}

// problems lists what keeps a function out of a patch.
func (c *decider) problems(pair fnPair) []problem {
	f := c.d.patched
	list := append(append([]problem(nil), f.problems...), pair.p.problems...)
	if pair.o != nil {
		for _, p := range pair.o.problems {
			if p.code == "comdat" || p.code == "entry-table" || p.code == "asm-function" {
				list = append(list, p)
			}
		}
	}
	if f.intel {
		list = append(list, problem{code: "intel-syntax", what: "the unit is compiled with -masm=intel", hint: "build without -masm=intel"})
	}
	if c.d.m.p.texts[pair.p.index].deep {
		list = append(list, problem{code: "alias-cycle", what: "it uses an alias or a table that is circular or nested too deeply"})
	}
	if p := f.labelEscapes(pair.p); p != nil {
		list = append(list, *p)
	} else if pair.o != nil {
		if p := c.d.orig.labelEscapes(pair.o); p != nil {
			p.at = pair.p.first()
			list = append(list, *p)
		}
	}
	if p := c.knownLiteral(pair.p); p != nil {
		list = append(list, *p)
	}
	list = append(list, lsda(pair.p)...)
	return once(append(list, stray(pair.p)...))
}

// lsda finds exception tables.
func lsda(p *fn) []problem {
	for _, s := range p.streams {
		for _, st := range s.stmts {
			if st.op == ".cfi_lsda" || st.op == ".cfi_personality" {
				return []problem{{
					code: "cxx-lsda", what: "it has an exception table, which a running process cannot be given", at: st,
					hint: "leave the function out with the filter, or change a function without clean-ups",
				}}
			}
		}
	}
	return nil
}

// stray finds numeric labels that do not belong to the function.
func stray(p *fn) []problem {
	last := map[string]int{}
	var all []stmt
	for _, s := range p.streams {
		for _, st := range s.stmts {
			if st.kind == label && isNumeric(st.op) {
				last[st.op] = len(all)
			}
			all = append(all, st)
		}
	}
	seen := map[string]bool{}
	for i, st := range all {
		if st.kind == label && isNumeric(st.op) {
			seen[st.op] = true
			continue
		}
		t := tokens{s: st.args}
		for tok, ok := t.next(); ok; tok, ok = t.next() {
			if tok.kind != tokNum || len(tok.text) < 2 {
				continue
			}
			n, dir := tok.text[:len(tok.text)-1], tok.text[len(tok.text)-1]
			at, defined := last[n]
			if !allDigits(n) || dir == 'b' && seen[n] || dir == 'f' && defined && at > i || dir != 'b' && dir != 'f' {
				continue
			}
			return []problem{{code: "asm-label", what: fmt.Sprintf("%s is no label of this function", tok.text), at: st}}
		}
	}
	return nil
}

// split refuses a filter that keeps a caller or callee of a changed function it leaves out.
func (c *decider) split() {
	if len(c.s.LeftOut) == 0 {
		return
	}
	out := map[*fn]bool{}
	for i, f := range c.d.Functions {
		if f.Status == Changed && !c.in[c.d.fns[i].p] {
			out[c.d.fns[i].p] = true
		}
	}
	for i, f := range c.d.Functions {
		p := c.d.fns[i].p
		if f.Status != Changed && f.Status != New || p == nil {
			continue
		}
		for _, callee := range c.d.patched.mentions(p) {
			if c.in[p] && out[callee] {
				c.splitBetween(f.Name, callee.name, callee, "calls")
			}
			if out[p] && c.in[callee] && c.changed(callee) {
				c.splitBetween(callee.name, f.Name, p, "is called by")
			}
		}
	}
}

// changed reports whether a chosen function is in the patch for more than identity.
func (c *decider) changed(p *fn) bool {
	for i, pair := range c.d.fns {
		if pair.p == p {
			return c.d.Functions[i].Status == Changed
		}
	}
	return false
}

func (c *decider) splitBetween(kept, out string, at *fn, verb string) {
	c.refuse(problem{
		code: "filter-split", at: at.first(),
		what: fmt.Sprintf("the filter keeps %q, which %s the changed function %q that it leaves out", kept, verb, out),
		hint: fmt.Sprintf("let the filter name %q too, or leave both out", out),
	}, c.d.patched, "")
}

// first returns a statement to name the place of the function by.
func (f *fn) first() stmt {
	for _, st := range f.streams[0].stmts {
		if st.kind == insn {
			return st
		}
	}
	return stmt{line: f.line}
}

// variables refuses changed variables, except constants that only functions of the patch use.
func (c *decider) variables() {
	for i, v := range c.d.Variables {
		if v.Status != Changed {
			continue
		}
		pair := c.d.vars[i]
		if c.copyable(pair) {
			c.s.copies[pair.p] = true
			continue
		}
		hint := "running processes keep the variable they have: use a new variable for the new content"
		what := "variable"
		switch {
		case isVtable(v.Name):
			what, hint = "table of virtual functions", "live objects keep the table they have: add no virtual function or override, and leave their order"
		case v.Code == "data-size":
			hint = "keep the old size and put what is new into a new variable"
		}
		c.refuse(problem{
			code: v.Code, hint: hint, at: stmt{line: pair.p.line, src: c.d.patched.declaredAt(pair.p.name)},
			what: fmt.Sprintf("cannot patch %s %q: %s%s", what, v.Name, v.Reason, c.noCopy[i]),
		}, c.d.patched, "")
	}
}

// sets refuses entries that come into or leave a section which the program collects when it is linked: the running one keeps
// the entries it has.
func (c *decider) sets() {
	if c.d.setsMoved {
		return
	}
	for i, v := range c.d.Variables {
		pair := c.d.vars[i]
		switch {
		case v.Status == New && pair.p.sec.isSet():
			c.refuse(problem{
				code: "section-set", hint: "use a variable without a section attribute, and register it where it is first needed",
				at:   stmt{line: pair.p.line, src: c.d.patched.declaredAt(pair.p.name)},
				what: fmt.Sprintf("the new variable %q is in section %s, which the program collects when it is linked", v.Name, pair.p.sec.name),
			}, c.d.patched, "")
		case v.Status == Gone && pair.o.sec.isSet():
			c.refuse(problem{
				code: "section-set", hint: "keep the variable, and make what uses it do nothing",
				at:   stmt{line: pair.o.line, src: c.d.orig.declaredAt(pair.o.name)},
				what: fmt.Sprintf("the variable %q leaves section %s, which the program collected when it was linked", v.Name, pair.o.sec.name),
			}, c.d.orig, "")
		}
	}
}

// isVtable reports whether a C++ compiler gave a table of virtual functions its name.
func isVtable(name string) bool {
	return strings.HasPrefix(name, "_ZTV") || strings.HasPrefix(name, "_ZTC")
}

// gone reports whether fn is a static function of the original that has no successor.
func (c *decider) gone(f *Unit, fn *fn) bool {
	if f != c.d.orig || f.isGlobal(fn.name) {
		return false
	}
	for i, pair := range c.d.fns {
		if pair.o == fn {
			return c.d.Functions[i].Status == Gone
		}
	}
	return false
}
