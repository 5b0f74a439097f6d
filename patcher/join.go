package patcher

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/version"
	"gocare/kpatch"
	"gocare/ld"
	"gocare/planner"
	"gocare/stripper"
)

// patch resolves the units against the original program and joins them into one patch file.
func (m *maker) patch(ctx context.Context, t *planner.Target, l *link) (Product, error) {
	p := describe(t, l)
	program, err := l.program.facts()
	if err != nil {
		return p, err
	}
	o := program.original
	var inputs []input
	for i := range l.units {
		p.Skipped = append(p.Skipped, l.units[i].skipped...)
		if l.units[i].object != nil {
			in, err := m.input(ctx, l, i, program)
			if err != nil {
				return p, err
			}
			inputs = append(inputs, in)
		}
	}
	resolved, err := resolve(o, inputs)
	if err != nil {
		return p, err
	}
	c, err := m.carry(ctx, program, l, resolved)
	if err != nil {
		return p, err
	}
	for _, r := range resolved {
		for _, err := range r.Copied {
			p.Overridden = append(p.Overridden, fault.As(err))
		}
	}
	resolved = append(resolved, c.resolved...)
	revived, err := o.Revive(resolved)
	if err != nil {
		return p, err
	}
	joined, err := ld.Join(o, append(resolved, revived...))
	if err != nil {
		return p, err
	}
	p.Skipped = append(p.Skipped, joined.Skipped...)
	for i := range l.added {
		p.Units = append(p.Units, c.report(i, &l.added[i]))
	}
	if p.BuildID, err = m.headerID(t); err != nil {
		return p, err
	}
	return encode(p, joined, m.o, m.meta(t, l, c))
}

// encode makes the file of a product.
func encode(p Product, joined *ld.Joined, o Options, meta kpatch.Meta) (Product, error) {
	patch, err := stripper.Strip(joined, stripper.Options{ID: o.ID, BuildID: p.BuildID, BuildTime: o.BuildTime, Meta: meta})
	if err != nil {
		return p, err
	}
	data, err := kpatch.Encode(patch)
	if err != nil {
		return p, err
	}
	p.Patch, p.Data = patch, data
	return p, nil
}

// input makes unit i of a link ready to be resolved.
func (m *maker) input(ctx context.Context, l *link, i int, program *facts) (input, error) {
	u := &l.units[i]
	n := program.inputOf(u.unit)
	literals, err := m.literalsOf(ctx, l, i, program)
	if err != nil {
		return input{}, err
	}
	p := part{u, n, l.detached[i], l.stale[i], m.o.Identity != nil, m.o.Allow(fault.LiteralUnplaced), l.seen(program, i), literals, l.inputOf(program)}
	return input{
		unit: p.unit(), arch: u.unit.Arch(), asm: u.emitted.Asm,
		assemble: func(asm []byte) (*elfobj.File, error) { return m.assemble(ctx, u.unit.Source, &u.unit.Record, asm) },
		recompile: func() (ld.Unit, error) {
			other, err := m.recompiled(ctx, u, l.demands[i], len(l.detached[i]) > 0)
			if err != nil || other == nil {
				return ld.Unit{}, err
			}
			p.of = other
			return p.unit(), nil
		},
	}, nil
}

// part is a unit's part of the patch.
type part struct {
	of       *assembledUnit
	input    int // of the original program
	detached []string
	stale    []diffasm.Stale
	optional bool // its functions may stay the original's
	copies   bool // of literals, see ld.Unit
	shown    map[string]ld.Private
	literals map[int]*ld.LabelledBy // of other units, by their place in the link
	inputOf  func(unit int) int     // of the original program, of another unit
}

// unit names the functions for ld.
func (p part) unit() ld.Unit {
	out := ld.Unit{
		Name: p.of.report.Source, Input: p.input, Object: p.of.object, Grouped: p.of.emitted.Grouped, Labels: p.of.labels, Copies: p.copies,
		ByContent: p.of.unit != nil && p.of.unit.Linked != "", Shown: p.shown,
	}
	for _, f := range p.of.emitted.Functions {
		u := ld.UnitFunction{Name: f.Name, Symbol: f.Symbol, Orig: f.Orig, Parts: f.Parts, Reason: f.Reason, Optional: p.optional}
		if f.Of != nil {
			from := p.inputOf(f.Of.Unit)
			u.Of = &from
		}
		if u.Detached = slices.Contains(p.detached, f.Orig); u.Detached {
			u.Reason += "; no hook, as the patch holds every caller"
		}
		if !p.optional {
			u.Calls, u.Spares = f.Calls, f.Spares
		}
		out.Functions = append(out.Functions, u)
	}
	for _, r := range p.of.emitted.Roles {
		out.Roles = append(out.Roles, ld.UnitRole(r))
	}
	for _, l := range p.of.emitted.Literals {
		old := ld.OldLiteral{Section: l.Section, Orig: l.Orig}
		if l.Moved != nil {
			old.Of = p.literals[l.Moved.Unit]
		}
		out.Literals = append(out.Literals, old)
	}
	for _, f := range p.stale {
		out.Stale = append(out.Stale, ld.StaleFunction{Name: f.Name, Parts: f.Parts, Reason: fmt.Sprintf("gone; it calls %q, which %s", f.Callee, f.Why)})
	}
	return out
}

// shown lists what units show to others now and keep to themselves in the original.
func (l *link) shown(p *facts) map[string]ld.Private {
	names := map[string]ld.Private{}
	for i := range l.units {
		for name, symbol := range l.units[i].delta.Shown() {
			names[name] = ld.Private{Input: p.inputOf(l.units[i].unit), Symbol: symbol}
		}
	}
	return names
}

// seen lists what the patch's code of unit i names, and others keep to themselves in the original.
func (l *link) seen(p *facts, i int) map[string]ld.Private {
	names := l.shown(p)
	for name, v := range l.demands[i].moves.Variables {
		names[v.As(name)] = ld.Private{Input: l.inputOf(p)(v.Unit), Symbol: v.Symbol}
	}
	return names
}

// inputOf tells which input of the original program a unit of the link is.
func (l *link) inputOf(p *facts) func(unit int) int {
	return func(unit int) int { return p.inputOf(l.units[unit].unit) }
}

// resolve resolves every unit.
func resolve(o *ld.Original, inputs []input) ([]*ld.Resolved, error) {
	var resolved []*ld.Resolved
	for _, in := range inputs {
		r, err := throughGOT(o, in)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, r)
	}
	return resolved, nil
}

// headerID returns the BuildID of the binary that a patch for the target is for.
func (m *maker) headerID(t *planner.Target) (string, error) {
	if m.o.BuildID != "" {
		return m.o.BuildID, nil
	}
	if len(m.o.Shipped) == 0 {
		return t.BuildID, nil
	}
	return m.matchShipped(t)
}

// meta is what the patch says of itself.
func (m *maker) meta(t *planner.Target, l *link, c carried) kpatch.Meta {
	meta := kpatch.Meta{
		Tool: "gocare " + version.String, Description: m.o.Description, Compiler: m.plan.Compiler,
		BuildsOn: strings.Join(m.o.Bases, " "), CVEs: m.o.cves(m.plan.CVEs),
		Sources: m.plan.Patches, Unproved: m.o.BuildID != "" && m.o.BuildID != t.BuildID,
	}
	if rel, err := filepath.Rel(m.o.Dirs.Installed, t.Path); err == nil {
		meta.Target = rel
	}
	if t.Library {
		meta.Shows = l.newlyShown(c)
	}
	for i, u := range t.Units {
		if l.units[i].object != nil {
			meta.Units = append(meta.Units, kpatch.UnitInfo{Source: u.Source, SHA256: u.SHA256})
		}
	}
	for _, name := range c.names(l.added) {
		meta.Units = append(meta.Units, kpatch.UnitInfo{Source: name})
	}
	slices.SortFunc(meta.Units, func(a, b kpatch.UnitInfo) int { return strings.Compare(a.Source, b.Source) })
	return meta
}

// describe is the product of a link as far as it is known, without a patch.
func describe(t *planner.Target, l *link) Product {
	p := Product{Target: *t, BuildID: t.BuildID}
	for _, e := range l.overridden {
		if e.unit == noUnit {
			p.Overridden = append(p.Overridden, e.Error)
		}
	}
	for i := range l.units {
		u := &l.units[i]
		p.Units = append(p.Units, u.report)
		p.Overridden = append(p.Overridden, u.overridden...)
		for _, e := range l.overridden {
			if e.unit == i {
				p.Overridden = append(p.Overridden, e.Error)
			}
		}
	}
	return p
}
