package patcher

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// signatures decides about functions whose parameters or result changed. Old code passes what the old ones take, so that no hook may
// lead from there to the new ones: where the patch holds every caller, these call the new function directly, and the original
// stays as it is: it is detached. A caller of the same unit, or one whose source changed, is wanted in the patch though its code is the same.
// Anything else is refused.
// Clones choose their own parameters; where they cannot be detached, the callers outside the patch are the same code in both versions.
func signatures(l *link) (ruling, error) {
	says := ruling{detached: make([][]string, len(l.units))}
	for i := range l.units {
		u := &l.units[i]
		if u.selection == nil {
			continue
		}
		for _, f := range u.selection.Replaced() {
			changed := u.prototypeOf(f)
			if changed == nil && !f.Clone {
				continue
			}
			use, err := l.otherUse(i, f)
			switch {
			case err != nil:
				return says, err
			case use == nil && f.Orig == "main": // the C library starts it, which passes the same to every main
			case use == nil:
				says.detached[i] = append(says.detached[i], f.Orig)
			case changed == nil:
			case l.canCarry(i, use):
				says.wantFunction(l, use.unit, use.Caller, "calls "+changed.Name)
			default:
				says.refuse(i, refuseSignature(u.unit.Source, changed, &use.Use))
			}
		}
	}
	return says, nil
}

// canCarry reports whether a caller of a function of unit i that is not in the patch can be: one of that unit, which was compiled with
// the prototype that the function has now, or one that the source patch changes in another unit.
func (l *link) canCarry(i int, use *linkUse) bool {
	if use.Caller == "" {
		return false
	}
	u := &l.units[use.unit]
	k := slices.IndexFunc(u.delta.Functions, func(f diffasm.Function) bool { return f.Name == use.Caller && f.Status != diffasm.Gone })
	if k < 0 || l.demands[use.unit].functions[use.Caller] != "" {
		return false
	}
	return use.unit == i && u.unit.Late == nil || l.edited(u.unit, u.delta, k)
}

// prototypeOf returns how the prototype of a function changed, nil if it did not.
func (d *decidedUnit) prototypeOf(f diffasm.Replaced) *layout.Change {
	source := diffasm.SourceName(f.Orig)
	if d.unit.Late != nil { // its names tell namesakes apart: it is not known which of them has the other prototype
		source, _, _ = strings.Cut(f.Orig, ".")
	}
	i := slices.IndexFunc(d.prototypes, func(c layout.Change) bool {
		symbol := cmp.Or(c.Symbol, c.Name)
		return f.Orig == symbol || source == symbol
	})
	if i < 0 {
		return nil
	}
	return &d.prototypes[i]
}

func refuseSignature(source string, c *layout.Change, other *diffasm.Use) *fault.Error {
	return fault.Refuse(fault.Signature, cmp.Or(other.Where, source), "function %q has another prototype: was %s, is %s: %s", c.Name, c.Before, c.After, other.What).
		About(cmp.Or(c.Symbol, c.Name))
}

// linkUse is a use of a function in a unit of the link.
type linkUse struct {
	diffasm.Use
	unit int
}

// otherUse returns a use of a function of a unit besides calls from the patch and from old code, nil if there is none.
func (l *link) otherUse(unit int, f diffasm.Replaced) (*linkUse, error) {
	other := l.units[unit].selection.OtherUse(f.Orig, f.Name)
	switch {
	case other != nil:
		return &linkUse{Use: *other, unit: unit}, nil
	case !f.Global:
		return nil, nil
	case f.Orig != f.Name:
		return used("it is now named %q", f.Name), nil
	}
	p, err := l.program.facts()
	if err != nil {
		return nil, err
	}
	return l.usedElsewhere(p, unit, f)
}

// usedElsewhere looks at the other inputs of the link, and at what the linker does with the name.
func (l *link) usedElsewhere(p *facts, unit int, f diffasm.Replaced) (*linkUse, error) {
	if how := p.Outside(p.inputOf(l.units[unit].unit), f.Orig); how != "" {
		return used("%s", how), nil
	}
	for _, in := range l.target.Inputs {
		if late, err := l.program.isLate(in); err != nil || late {
			return used("it is not known what %s uses", in), err
		}
	}
	for _, input := range p.Users(f.Orig) {
		k := l.unitOf(p, input)
		if k < 0 && f.Orig == "main" && startFile(p.InputName(input)) {
			continue
		}
		if k < 0 {
			return used("%s, of which nothing is in the patch, may use it", p.InputName(input)), nil
		}
		selection := l.units[k].selection
		if selection == nil {
			selection = l.units[k].delta.Nothing()
		}
		if use := selection.OtherUse(f.Orig, f.Name); use != nil {
			use.What = fmt.Sprintf("in %s, %s", l.units[k].unit.Source, use.What)
			return &linkUse{Use: *use, unit: k}, nil
		}
	}
	return nil, nil
}

// startFile reports whether an input is what the C library starts programs with.
func startFile(input string) bool { return strings.HasSuffix(path.Base(input), "crt1.o") }

func used(format string, args ...any) *linkUse {
	return &linkUse{Use: diffasm.Use{What: fmt.Sprintf(format, args...)}}
}
