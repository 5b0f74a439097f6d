package patcher

import (
	"context"
	"slices"

	"gocare/internal/fault"
)

// rule is a rule over a whole link.
type rule struct {
	name  string
	apply func(*link) (ruling, error)
}

// rules are the rules over a whole link, in the order in which they are asked.
var rules = []rule{
	// First, since the others ask what is new, and what replaces what.
	{"moved functions", movedFunctions},
	// Before the next ones, since it decides which objects there are: those of units that have nothing but a variable for others, too.
	{"wanted variables", wantedVariables},
	// Before the next, which asks what is hooked; it may want callers, which may want variables.
	{"signatures", signatures},
	// The rest only refuses. Code that is gone comes before data: what it may do is worse than what the hints of the others lead to.
	{"stale functions", staleFunctions},
	{"removed inputs", removedInputs},
	{"renamed functions", renamedFunctions},
	{"removed variables", removedVariables},
	{"inline functions", groupedFunctions},
	{"variables of another type", retypedVariables},
	{"names", changedNames},
	{"run paths", ownPaths},
	{"literals that moved", movedLiterals},
	// Behind those that know the other inputs of the link: it refuses what they could not tell.
	{"unseen inputs", unseenInputs},
	// Last: it only supposes, where the others know by name.
	{"state that moved", movedState},
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
		var refused []refusal
		for _, e := range says.refusals {
			if allow(e.Code) {
				settled.overridden = append(settled.overridden, e)
			} else {
				refused = append(refused, e)
			}
		}
		if len(refused) > 0 {
			return settled.refusedFor(refused), nil, refused[0].Error
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

// refusedFor notes in the units what they are refused for; the rest is noted for the product.
func (l *link) refusedFor(list []refusal) *link {
	next := *l
	next.units = slices.Clone(l.units)
	for _, e := range list {
		if e.unit == noUnit {
			continue
		}
		report := &next.units[e.unit].report
		report.Refused = append(slices.Clone(report.Refused), e.Error)
	}
	return &next
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
