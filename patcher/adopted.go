package patcher

import (
	"context"
	"debug/elf"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/kpname"
	"gocare/ld"
	"gocare/planner"
)

// adopt makes units of new sources that functions, variables or literals of the original may have gone to: what is new in such a unit may be
// another one's. Other additions are carried as far as references lead, and so is one that is refused as a unit.
func (m *maker) adopt(ctx context.Context, t *planner.Target, units []assembledUnit) (*planner.Target, []assembledUnit, error) {
	added, err := m.additions(t)
	if err != nil {
		return nil, nil, err
	}
	next := *t
	next.Units, next.New = slices.Clone(t.Units), nil
	for i, n := range t.New {
		takes, err := takesAlong(units, &added[i])
		if err != nil {
			return nil, nil, err
		}
		u := planner.Unit{Source: n.Name, Input: planner.NoInput, Patched: n.Asm, Record: n.Record, Machine: t.Machine, SideVersions: n.SideVersions}
		if takes {
			if a, err := m.unit(ctx, &u); err == nil {
				next.Units, units = append(next.Units, u), append(units, a)
				continue
			}
		}
		next.New = append(next.New, n)
	}
	return &next, units, nil
}

// takesAlong reports whether a source that only the patched link has defines what a unit lost. Code in section groups is for C++, and marks
// are for the linker.
func takesAlong(units []assembledUnit, a *addition) (bool, error) {
	special := func(s elfobj.Section) bool {
		return s.Flags&elf.SHF_GROUP != 0 || strings.HasPrefix(s.Name, kpname.MarkPrefix)
	}
	f, err := a.parsed()
	if f == nil || err != nil || slices.ContainsFunc(a.File.Sections, special) {
		return false, err
	}
	has := func(name string, kind elf.SymType) bool {
		return slices.ContainsFunc(a.File.Symbols, func(s elfobj.Symbol) bool { return s.Name == name && s.Type == kind && s.Defined() })
	}
	lost := link{units: units}
	if slices.ContainsFunc(diffasm.TakenLiterals(f), func(n diffasm.LoneLiteral) bool { return len(lost.literalsLike(noUnit, n)) > 0 }) {
		return true, nil
	}
	return slices.ContainsFunc(units, func(u assembledUnit) bool {
		state := u.delta.GoneState()
		return slices.ContainsFunc(u.delta.GoneGlobals(), func(name string) bool { return has(name, elf.STT_OBJECT) }) ||
			slices.ContainsFunc(u.delta.GoneFunctions(), func(f diffasm.KeptFunction) bool {
				used := func(s diffasm.State) bool { return slices.Contains(s.Users, f.Name) }
				return has(f.Name, elf.STT_FUNC) && (f.Global || slices.ContainsFunc(state, used))
			})
	}), nil
}

// inputOf is the input of the original program that a unit is compared with, ld.NewInput of one that was adopted.
func (p *facts) inputOf(u *planner.Unit) int {
	if u.Input == planner.NoInput {
		return ld.NewInput
	}
	return p.index[u.Input]
}
