package patcher

import (
	"strings"

	"gocare/internal/fault"
	"gocare/planner"
)

// matchShipped returns the BuildID of the first shipped binary that holds the same code and data at the same addresses as
// the rebuilt one. Those that are another target of the plan are not blamed.
func (m *maker) matchShipped(t *planner.Target) (string, error) {
	rebuilt, err := planner.LoadObject(m.store, t.Binary)
	if err != nil {
		return "", err
	}
	var why, ofName []string
	for _, s := range m.o.Shipped {
		d := planner.Difference(s.File, rebuilt)
		if d == "" {
			return s.File.BuildID(), nil
		}
		other, err := m.isOther(s, t)
		switch reason := s.Path + ": " + planner.WhyDifferent(s.File, rebuilt, d); {
		case err != nil:
			return "", err
		case other:
		case s.Named(t.Path):
			ofName = append(ofName, reason)
		default:
			why = append(why, reason)
		}
	}
	if len(ofName) > 0 {
		why = ofName
	}
	if len(why) == 0 {
		return "", fault.Refuse(fault.TargetMismatch, t.Path, "the patch changes it, too, and no --target is the shipped one of it").
			WithHint("give that with another --target, or leave its functions out with --functions")
	}
	return "", fault.Refuse(fault.TargetMismatch, t.Path, "the rebuilt binary is not the one to be patched: %s", strings.Join(why, "; "))
}

// isOther reports whether a shipped binary is that of another target than t.
func (m *maker) isOther(s planner.Shipped, t *planner.Target) (bool, error) {
	for i := range m.plan.Targets {
		if o := &m.plan.Targets[i]; o.Path != t.Path {
			f, err := planner.LoadObject(m.store, o.Binary)
			if err != nil {
				return false, err
			}
			if planner.Difference(s.File, f) == "" {
				return true, nil
			}
		}
	}
	return false, nil
}
