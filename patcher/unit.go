package patcher

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/ld"
	"gocare/planner"
)

// decidedUnit is a unit of which is known what goes into the patch, as far as that can be told from the unit alone.
type decidedUnit struct {
	comparedUnit
	report     UnitReport
	selection  *diffasm.Selection // nil if nothing of the unit is in the patch
	emitted    *diffasm.Emitted   // likewise
	onlyNew    bool               // all functions in the patch are new: by itself the unit changes nothing
	prototypes []layout.Change    // functions with another prototype
	unproved   []string           // static locals that it refers to and that were paired by likeness alone
	skipped    []ld.Skipped       // unchanged ones that were asked for and cannot be carried
	overridden []*fault.Error     // refusals that the user overrode
}

// assembledUnit is a decided unit with its part of the patch as an object.
type assembledUnit struct {
	decidedUnit
	object *elfobj.File // nil if nothing of the unit is in the patch
	labels *elfobj.File // see ld.Unit; nil if none is needed
}

// UnitReport says what became of one unit.
type UnitReport struct {
	Source    string
	Functions []diffasm.Function // all of the unit
	InPatch   []string           // names of those that are in the patch
	LeftOut   []string           // names of changed ones that the filter left out
	Refused   []*fault.Error     // why no patch was made, as far as it is about this unit
	Endless   []string           // names of replaced ones that a process does not leave
}

// demand is what the rest of the link wants of a unit besides what changed in it.
type demand struct {
	variables map[string]bool                 // new variables that other units use
	elsewhere map[string]bool                 // new variables that were another unit's
	functions map[string]string               // functions whose code is the same: why, by name
	literals  map[string]diffasm.MovedLiteral // new literals that other units had, by LoneLiteral.Text
	moves     diffasm.Moves                   // new functions and private variables that were another unit's
}

// unit takes a unit all the way.
func (m *maker) unit(ctx context.Context, u *planner.Unit) (assembledUnit, error) {
	c, err := m.compare(u)
	if err != nil {
		return assembledUnit{decidedUnit: decidedUnit{comparedUnit: c, report: UnitReport{Source: u.Source, Refused: fault.All(err)}}}, err
	}
	return m.decideAndAssemble(ctx, c, demand{})
}

// decideAndAssemble decides about a unit that was compared, and assembles what goes into the patch.
func (m *maker) decideAndAssemble(ctx context.Context, c comparedUnit, want demand) (assembledUnit, error) {
	d, err := m.decide(c, want)
	if err != nil {
		d.report.Refused = fault.All(err)
		return assembledUnit{decidedUnit: d}, err
	}
	return m.assembleUnit(ctx, d)
}

// assembleUnit assembles what a decided unit has in the patch, if anything.
func (m *maker) assembleUnit(ctx context.Context, d decidedUnit) (assembledUnit, error) {
	a := assembledUnit{decidedUnit: d}
	if d.emitted == nil {
		return a, nil
	}
	var err error
	if a.object, err = m.assemble(ctx, d.unit.Source, &d.unit.Record, d.emitted.Asm); err != nil {
		return a, err
	}
	a.labels, err = m.labelsOf(ctx, d.unit, d.emitted.Labels())
	return a, err
}

// labelsOf returns an object that has symbols for labels of a unit's original assembly, see ld.Unit; nil where there are none.
func (m *maker) labelsOf(ctx context.Context, u *planner.Unit, labels []string) (*elfobj.File, error) {
	if len(labels) == 0 {
		return nil, nil
	}
	if u.Object != nil {
		return m.labelled(u, labels)
	}
	if u.Late != nil {
		return m.labelledParts(ctx, u, labels)
	}
	linked := u.Orig
	if u.Linked != "" { // it numbers its literals otherwise
		linked = u.Linked
		file, err := m.parse(u, linked)
		if err != nil {
			return nil, err
		}
		labels = diffasm.LiteralLabels(file)
	}
	text, err := m.store.Blob(linked)
	if err != nil {
		return nil, fmt.Errorf("%s: assembly in the record: %w", u.Source, err)
	}
	return m.assemble(ctx, u.Source, &u.Record, diffasm.WithLabels(text, labels))
}

// decide decides about a unit. Where the first look finds a change, or a refusal, debug information of compiles on the side gets a say.
func (m *maker) decide(c comparedUnit, want demand) (decidedUnit, error) {
	o := m.diffOptions(want)
	d, err := decide(c, o)
	if err != nil || d.changed() {
		better, found, matchErr := m.withDebug(c)
		if matchErr != nil {
			return d, matchErr
		}
		if found {
			d, err = decide(better, o)
		}
		d.unlent = better.unlent
	}
	d.versions = nil
	if err != nil {
		return d, m.blameLayout(c, err)
	}
	if d.emitted == nil {
		return d, nil
	}
	return m.checkUnit(d)
}

// checkUnit refuses what may not go into a patch, though it could.
func (m *maker) checkUnit(d decidedUnit) (decidedUnit, error) {
	refusals, prototypes := []*fault.Error{}, []layout.Change{}
	other := func(t *planner.TypedSource, c layout.Change) {
		if e := refuseLayout(t.Source, c); m.vouched(c, t.PatchedTypes) {
			e.Vouched = true
			d.overridden = append(d.overridden, e)
		} else {
			refusals = append(refusals, e)
		}
	}
	if e := d.refuseUnproved(); e != nil {
		refusals = append(refusals, e)
	}
	if e := d.refuseMovedCases(); e != nil {
		refusals = append(refusals, e)
	}
	for _, t := range d.unit.Typed() {
		changes, err := m.typeChanges(&t.SideVersions)
		if err != nil {
			refusals = append(refusals, planner.RefuseTypes(t.Source, "its debug information, which shows data layouts, cannot be read", err))
		}
		for _, c := range changes {
			if c.Kind == layout.Signature {
				prototypes = append(prototypes, c)
				continue
			}
			if c.Kind != layout.Variable || !isConstant(d.delta, c.Name) {
				other(&t, c)
			}
		}
	}
	renamed, err := m.renamedTypes(&d)
	if err != nil {
		return d, err
	}
	for _, c := range renamed {
		if c.Kind == layout.Signature {
			prototypes = append(prototypes, c)
		} else {
			other(&planner.TypedSource{Source: d.unit.Source, SideVersions: d.unit.SideVersions}, c)
		}
	}
	d.prototypes = prototypes
	for _, e := range refusals {
		if !m.o.Allow(e.Code) {
			return d, e
		}
		d.overridden = append(d.overridden, e)
	}
	return d, nil
}

// decide is the pure part, which needs nothing but the comparison.
func decide(c comparedUnit, o diffasm.Options) (decidedUnit, error) {
	d := decidedUnit{comparedUnit: c, report: UnitReport{Source: c.unit.Source, Functions: c.delta.Functions}}
	sel, err := diffasm.Decide(c.delta, o)
	if err != nil {
		return d, err
	}
	d.report.Functions = withReasons(c.delta.Functions, sel.Functions)
	d.report.InPatch, d.report.LeftOut, d.overridden = names(sel.Functions), names(sel.LeftOut), sel.Overridden
	for _, f := range sel.Skipped {
		d.skipped = append(d.skipped, ld.Skipped{Unit: c.unit.Source, Function: f.Name, Reason: f.Reason})
	}
	if sel.Empty() {
		return d, nil
	}
	d.onlyNew, d.selection = sel.OnlyNew(), sel
	d.report.Endless = sel.Endless()
	if d.emitted, err = diffasm.Emit(sel); err != nil {
		return d, err
	}
	d.unproved = unproved(c.delta, d.emitted)
	return d, nil
}

// changed reports whether any function is not as it was.
func (d *decidedUnit) changed() bool {
	return slices.ContainsFunc(d.report.Functions, func(f diffasm.Function) bool {
		return f.Status != diffasm.Same && f.Status != diffasm.LineOnly
	})
}

// isPlain reports whether a unit was surely compiled without optimisation.
func isPlain(u *buildtree.Unit) bool {
	level := "-O0"
	for _, a := range u.Argv {
		if strings.HasPrefix(a, "-O") {
			level = a
		}
	}
	return level == "-O0" && slices.Contains(u.Argv, u.Source)
}

// withReasons is all functions with the reasons of those that were chosen.
func withReasons(all, chosen []diffasm.Function) []diffasm.Function {
	list := slices.Clone(all)
	for i := range list {
		if n := slices.IndexFunc(chosen, func(f diffasm.Function) bool { return f.Name == list[i].Name && list[i].Status != diffasm.Gone }); n >= 0 {
			list[i] = chosen[n]
		}
	}
	return list
}

func names(functions []diffasm.Function) []string {
	list := []string{}
	for _, f := range functions {
		list = append(list, f.Name)
	}
	return list
}

// unproved lists the static locals that were paired by likeness alone and that the patch refers to; without debug
// information also those that only code stands on that looks unchanged.
func unproved(d *diffasm.Delta, e *diffasm.Emitted) []string {
	var names []string
	for _, v := range d.Variables {
		if slices.Contains(d.Unproved, v.Name) && v.Orig != "" && (!d.Debug || slices.Contains(e.Statics, v.Name)) {
			names = append(names, v.Name)
		}
	}
	return names
}

// refuseUnproved refuses a patch that rests on a guess which static local is which.
func (d *decidedUnit) refuseUnproved() *fault.Error {
	if len(d.unproved) == 0 {
		return nil
	}
	var list []string
	for _, s := range d.delta.Unproven(d.unproved) {
		list = append(list, s.String())
	}
	why := "the source patch leaves no line alone that tells"
	if !d.delta.Debug {
		why = d.unlent
	}
	e := fault.Refuse(fault.StaticUnproved, d.unit.Source, "it cannot be proved which static variable of the original this is: %s: %s", strings.Join(list, ", "), why)
	for _, name := range d.unproved {
		e.AlsoAbout(d.selection.Users(name)...)
	}
	return e
}

func (m *maker) diffOptions(want demand) diffasm.Options {
	return diffasm.Options{
		Keep: m.o.Keep, Identity: m.o.Identity, Allow: m.o.Allow,
		Data:      func(name string) bool { return want.variables[name] },
		Elsewhere: func(name string) bool { return want.elsewhere[name] },
		Also:      func(name string) string { return want.functions[name] }, Moved: want.literals, Moves: want.moves, Marks: &m.marks,
	}
}

// assemble runs the unit's own assembler on assembly of the patch.
func (m *maker) assemble(ctx context.Context, source string, record *buildtree.Unit, asm []byte) (*elfobj.File, error) {
	object, err := planner.Assemble(ctx, m.store, record, asm)
	if err != nil {
		return nil, fault.New(fault.Bug, source, "the assembler refuses the patch's assembly").WithCause(err)
	}
	return elfobj.Parse(object)
}

// with is a demand and another one.
func (d demand) with(o demand) demand {
	sum := demand{variables: map[string]bool{}, elsewhere: map[string]bool{}, functions: map[string]string{}, literals: map[string]diffasm.MovedLiteral{}, moves: d.moves.With(o.moves)}
	for _, x := range []demand{d, o} {
		for name := range x.variables {
			sum.variables[name] = true
		}
		maps.Copy(sum.elsewhere, x.elsewhere)
		for name, why := range x.functions {
			sum.functions[name] = why
		}
		maps.Copy(sum.literals, x.literals)
	}
	return sum
}

func (d demand) empty() bool {
	return len(d.variables)+len(d.elsewhere)+len(d.functions)+len(d.literals) == 0 && d.moves.Empty()
}
