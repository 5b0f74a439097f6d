package main

import (
	"context"

	"gocare/internal/srcpatch"
)

// planIdentity builds the original only and plans to compare every recorded C unit with itself: the patch then holds
// functions that do what the original's do, and a program with it must behave as without.
func (w *workspace) planIdentity(ctx context.Context) (*plan, error) {
	if err := w.buildOriginal(ctx); err != nil {
		return nil, err
	}
	c, targets, err := w.compareRecords(&srcpatch.Change{})
	if err != nil {
		return nil, err
	}
	for i := range targets {
		t := &targets[i]
		for index, in := range t.Inputs {
			if u := c.orig.UnitFor(t.link, in); u != nil && compilable(u) {
				t.Units = append(t.Units, c.unit(index, u, *u, u.AsmID))
			}
		}
	}
	p := &plan{Targets: withUnits(targets)}
	p.Compiler = compilerVersion(ctx, p.Targets)
	return p, w.savePlan(p)
}
