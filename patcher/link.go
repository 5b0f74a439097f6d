package patcher

import (
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/ld"
	"gocare/planner"
)

// link is one link as far as it is decided: what the rules look at. A step that knows more makes a new one.
type link struct {
	target  *planner.Target
	units   []assembledUnit // parallel to target.Units
	demands []demand        // likewise: what they were decided with
	added   []addition
	gone    []goneInput
	program *program

	keeps func(name string) bool // what the user wants of the changed functions

	detached   [][]string        // by unit: functions of the original that only the patch calls, see signatures
	stale      [][]diffasm.Stale // by unit: functions that are gone and cannot go on, see staleFunctions
	overridden []refusal

	// edited reports whether the source patch changes function i of a delta.
	edited func(u *planner.Unit, d *diffasm.Delta, i int) bool
	// names reports whether a function or variable in a source that the patch changes names another one.
	names       func(name string) bool
	layouts     func(id buildtree.Digest) (*layout.Unit, error)
	typeChanges func(v *planner.SideVersions) ([]layout.Change, error) // compares the types of a unit's two versions
}

// goneInput is an input that only the original link has.
type goneInput struct {
	Name string
	File *elfobj.File
}

// refusal is a refusal of a rule, and the unit that it is about.
type refusal struct {
	*fault.Error
	unit int
}

// ruling is what a rule says. A rule with demands says nothing else: it is asked again when they are met.
type ruling struct {
	demands  []demand // by unit: what has to be in the patch besides; nil for nothing
	refusals []refusal
	detached [][]string
	stale    [][]diffasm.Stale
}

func (r *ruling) refuse(unit int, e *fault.Error) {
	if e != nil {
		r.refusals = append(r.refusals, refusal{e, unit})
	}
}

// wantVariable notes that a unit has to bring a variable, unless it was asked before.
func (r *ruling) wantVariable(l *link, unit int, name string) {
	if !l.demands[unit].variables[name] {
		r.want(l, unit, demand{variables: map[string]bool{name: true}})
	}
}

// wantElsewhere notes that a new variable of a unit is the one that another unit had.
func (r *ruling) wantElsewhere(l *link, unit int, name string) {
	if !l.demands[unit].elsewhere[name] {
		r.want(l, unit, demand{elsewhere: map[string]bool{name: true}})
	}
}

// wantFunction notes that a unit has to bring a function though its code is the same.
func (r *ruling) wantFunction(l *link, unit int, name, why string) {
	if l.demands[unit].functions[name] == "" {
		r.want(l, unit, demand{functions: map[string]string{name: why}})
	}
}

// wantLiteral notes that a literal which is new in a unit is one that another unit had.
func (r *ruling) wantLiteral(l *link, unit int, text string, of diffasm.MovedLiteral) {
	if _, asked := l.demands[unit].literals[text]; !asked {
		r.want(l, unit, demand{literals: map[string]diffasm.MovedLiteral{text: of}})
	}
}

func (r *ruling) want(l *link, unit int, d demand) {
	if r.demands == nil {
		r.demands = make([]demand, len(l.units))
	}
	r.demands[unit] = r.demands[unit].with(d)
}

func (l *link) indexes() []int {
	list := make([]int, len(l.units))
	for i := range list {
		list[i] = i
	}
	return list
}

// replacesCode reports whether the patch takes effect at all.
func (l *link) replacesCode() bool {
	return slices.ContainsFunc(l.indexes(), l.takesEffect) || slices.ContainsFunc(l.added, func(a addition) bool { return ld.HasActions(a.File) })
}

// takesEffect reports whether old code reaches what the patch holds of unit i, or carectl runs something of it: a unit with nothing but new
// functions, or such as only the patch calls, changes nothing by itself.
func (l *link) takesEffect(i int) bool {
	u := &l.units[i]
	hooked := func(f diffasm.EmittedFunction) bool { return f.Orig != "" && !slices.Contains(l.detached[i], f.Orig) }
	if u.object != nil && slices.ContainsFunc(u.emitted.Roles, func(r diffasm.EmittedRole) bool { return r.Role.IsAction() }) {
		return true
	}
	return u.object != nil && !u.onlyNew && slices.ContainsFunc(u.emitted.Functions, hooked)
}
