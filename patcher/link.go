package patcher

import (
	"context"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// link is one link as far as it is decided: what the rules look at. A step that knows more makes a new one.
type link struct {
	target  *Target
	units   []assembledUnit // parallel to target.Units
	demands []demand        // likewise: what they were decided with
	added   []addition
	program *program

	detached   [][]string        // by unit: functions of the original that only the patch calls, see signatures
	stale      [][]diffasm.Stale // by unit: functions that are gone and cannot go on, see staleFunctions
	overridden []refusal

	// edited reports whether the source patch changes function i of a delta.
	edited  func(u *Unit, d *diffasm.Delta, i int) bool
	layouts func(id buildtree.Digest) (*layout.Unit, error)
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

// wantFunction notes that a unit has to bring a function though its code is the same.
func (r *ruling) wantFunction(l *link, unit int, name, why string) {
	if l.demands[unit].functions[name] == "" {
		r.want(l, unit, demand{functions: map[string]string{name: why}})
	}
}

func (r *ruling) want(l *link, unit int, d demand) {
	if r.demands == nil {
		r.demands = make([]demand, len(l.units))
	}
	r.demands[unit] = r.demands[unit].with(d)
}

// rule is a rule over a whole link.
type rule struct {
	name  string
	apply func(*link) (ruling, error)
}

// rules are the rules over a whole link, in the order in which they are asked.
var rules = []rule{
	// First, since it decides which objects there are: those of units that have nothing but a variable for others, too.
	{"wanted variables", wantedVariables},
	// Before the next, which asks what is hooked; it may want callers, which may want variables.
	{"signatures", signatures},
	// The rest only refuses. Code that is gone comes before data: what it may do is worse than what the hints of the others lead to.
	{"stale functions", staleFunctions},
	{"removed variables", removedVariables},
	{"names", changedNames},
}

// settle asks the rules until none of them wants more in the patch. What is wanted only grows, so that this ends.
func (m *maker) settle(ctx context.Context, l *link) (*link, error) {
	for {
		next, demands, err := ask(l, m.o.Allow)
		if err != nil || demands == nil {
			return next, err
		}
		if l, err = m.meet(ctx, l, demands); err != nil {
			return l, err
		}
	}
}

// ask asks the rules in order; it ends with the first one that has demands.
func ask(l *link, allow func(fault.Code) bool) (next *link, demands []demand, err error) {
	settled := *l
	for _, r := range rules {
		says, err := r.apply(&settled)
		if err != nil || says.demands != nil {
			return l, says.demands, err
		}
		for _, e := range says.refusals {
			if !allow(e.Code) {
				return &settled, nil, e.Error
			}
			settled.overridden = append(settled.overridden, e)
		}
		if says.detached != nil {
			settled.detached = says.detached
		}
		if says.stale != nil {
			settled.stale = says.stale
		}
	}
	return &settled, nil, nil
}

// meet decides again about the units of which more is wanted.
func (m *maker) meet(ctx context.Context, l *link, demands []demand) (*link, error) {
	next := *l
	next.units, next.demands = slices.Clone(l.units), slices.Clone(l.demands)
	for i := range demands {
		if demands[i].empty() {
			continue
		}
		want := l.demands[i].with(demands[i])
		u, err := m.decideAndAssemble(ctx, l.units[i].comparedUnit, want)
		if next.units[i], next.demands[i] = u, want; err != nil {
			return &next, err
		}
	}
	return &next, nil
}

// with is a demand and another one.
func (d demand) with(o demand) demand {
	sum := demand{variables: map[string]bool{}, functions: map[string]string{}}
	for _, x := range []demand{d, o} {
		for name := range x.variables {
			sum.variables[name] = true
		}
		for name, why := range x.functions {
			sum.functions[name] = why
		}
	}
	return sum
}

func (d demand) empty() bool { return len(d.variables)+len(d.functions) == 0 }

// openLink puts together what the rules look at.
func (m *maker) openLink(t *Target, units []assembledUnit) (*link, error) {
	added, err := m.additions(t)
	if err != nil {
		return nil, err
	}
	return &link{
		target: t, units: units, demands: make([]demand, len(units)), added: added, program: m.program(t),
		detached: make([][]string, len(units)), stale: make([][]diffasm.Stale, len(units)),
		edited: func(u *Unit, d *diffasm.Delta, i int) bool {
			edit, _ := m.sources.reasons(u, d, i, nil).own()
			return edit != nil
		},
		layouts: func(id buildtree.Digest) (*layout.Unit, error) { return loadLayout(m.store, id) },
	}, nil
}

func (l *link) indexes() []int {
	list := make([]int, len(l.units))
	for i := range list {
		list[i] = i
	}
	return list
}

// takesEffect reports whether old code reaches what the patch holds of unit i: a unit with nothing but new functions, or such as only the
// patch calls, changes nothing by itself.
func (l *link) takesEffect(i int) bool {
	u := &l.units[i]
	hooked := func(f diffasm.EmittedFunction) bool { return f.Orig != "" && !slices.Contains(l.detached[i], f.Orig) }
	return u.object != nil && !u.onlyNew && slices.ContainsFunc(u.emitted.Functions, hooked)
}
