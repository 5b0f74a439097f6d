package planner

import (
	"context"
	"debug/elf"
	"slices"

	"gocare/buildtree"
	"gocare/internal/csource"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/jobs"
	"gocare/internal/srcpatch"
)

// SameUnit is a unit of which the patched source gives the same assembly, while its declarations differ: a variable of it may have another
// type in the patched program, for code of other units.
type SameUnit struct {
	Source       string           `json:"source"`
	OrigTypes    buildtree.Digest `json:"orig_types"` // objects with debugging information
	PatchedTypes buildtree.Digest `json:"patched_types"`
}

// sameCheck looks for units that were compiled anew to the same assembly and declare their variables otherwise.
type sameCheck struct {
	sideCompiler
	orig  *buildtree.Record
	again map[string]bool // what was compiled anew, by compileID
	drift *drift
}

// compileSame compiles with -g, in both versions, the units that were compiled anew to the same assembly, keep variables, and do not
// declare what they did before: those of each link, and of others, without a change, that may be in one process with it.
func (c sameCheck) compileSame(ctx context.Context, links, others []pairedLink) (same [][]SameUnit, overridden []*fault.Error, err error) {
	all := slices.Concat(links, others)
	var units []pairedUnit
	d := declarations{b: c.b, drift: c.drift, words: map[string]*srcpatch.Words{}}
	for i := range all {
		units = append(units, slices.DeleteFunc(c.sameUnits(&all[i], i), func(u pairedUnit) bool { return d.kept(u.orig) })...)
	}
	if units, err = c.redeclaring(ctx, units); err != nil {
		return nil, nil, err
	}
	types, overridden, err := c.compileTypes(ctx, units)
	same = make([][]SameUnit, len(links))
	for i, t := range types {
		u := SameUnit{Source: c.b.sourceName(units[i].orig), OrigTypes: t.OrigTypes, PatchedTypes: t.PatchedTypes}
		for k := range links {
			if from := units[i].link; k == from || from >= len(links) && mayMeet(&links[k], &all[from]) {
				same[k] = append(same[k], u)
			}
		}
	}
	return same, overridden, err
}

// mayMeet reports whether two links may be in one process: unless both are programs.
func mayMeet(a, b *pairedLink) bool {
	return makesLibrary(a.link.Argv) || makesLibrary(b.link.Argv)
}

// sameUnits lists the units of link n that were compiled anew to the same assembly, by the patched build or from the record, and that
// keep variables, unless that assembly describes their types as well.
func (c sameCheck) sameUnits(l *pairedLink, n int) (units []pairedUnit) {
	for index, in := range l.link.Inputs {
		u := c.orig.UnitFor(l.link, in)
		if u == nil || !compilable(u) || !c.again[compileID(u)] {
			continue
		}
		differs := slices.ContainsFunc(l.units, func(p pairedUnit) bool { return p.input == index })
		if !differs && c.keepsVariables(u) && c.withTypes(u) == "" {
			units = append(units, pairedUnit{link: n, input: index, orig: u, record: *u, asm: u.AsmID})
		}
	}
	return units
}

// keepsVariables reports whether a unit defines something that a process can write to. What is constant is in both programs what the
// assembly says.
func (c sameCheck) keepsVariables(u *buildtree.Unit) bool {
	f, err := LoadObject(c.b.Store, u.ObjectID)
	return err != nil || slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
		return s.Section == int(elf.SHN_COMMON) || s.Defined() && s.Type != elf.STT_SECTION && f.Sections[s.Section].Flags&elf.SHF_WRITE != 0
	})
}

// redeclaring keeps the units of which a declaration, as the preprocessor leaves it, is gone or differs. A declaration that is only new
// changes no other.
func (c sameCheck) redeclaring(ctx context.Context, units []pairedUnit) ([]pairedUnit, error) {
	batch := make([]jobs.Job, len(units))
	for i, u := range units {
		batch[i] = jobs.Job{Dir: u.orig.Dir, Env: u.orig.Env, Args: append([]string{u.orig.Driver}, u.orig.PreprocessArgs(u.orig.Source)...)}
	}
	before, err := c.b.runHere(ctx, batch)
	if err != nil {
		return nil, err
	}
	after, err := jobs.Run(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), batch)
	if err != nil {
		return nil, err
	}
	var found []pairedUnit
	for i, u := range units {
		if before[i].Failed != "" || after[i].Failed != "" || !csource.HasAll(csource.Items(after[i].Stdout), csource.Items(before[i].Stdout)) {
			found = append(found, u)
		}
	}
	return found, nil
}
