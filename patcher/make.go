package patcher

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/fault"
	"gocare/internal/layout"
	"gocare/kpatch"
	"gocare/ld"
	"gocare/planner"
)

// Product is what making a target gave: a patch, or none because no function of it changed.
type Product struct {
	Target     planner.Target
	BuildID    string // of the header and the file name
	Patch      *kpatch.Patch
	Data       []byte // the file; nil if nothing changed
	Units      []UnitReport
	Skipped    []ld.Skipped   // functions that are not in the patch though chosen, with the reason
	Overridden []*fault.Error // refusals that the user overrode
	Refused    []*fault.Error // why it was not made, as far as that is about no unit
}

// Make turns every target of the plan into a patch, in memory. With an error come the products up to the one that failed, of which
// what is known.
func Make(ctx context.Context, store *buildtree.Store, p *planner.Plan, o Options) ([]Product, error) {
	src, err := loadSources(store, p.Files, o.Dirs)
	if err != nil {
		return nil, err
	}
	m := &maker{store: store, o: o, plan: p, sources: src}
	if err := m.readMarks(); err != nil {
		return nil, err
	}
	var made []Product
	var links []*link
	for i := range p.Targets {
		product, l, err := m.product(ctx, &p.Targets[i])
		links = append(links, l)
		if err != nil {
			return append(made, product.refusedFor(err)), noPatch(err)
		}
		made = append(made, product)
	}
	for _, e := range acrossLinks(links) {
		if !o.Allow(e.Code) {
			return made, noPatch(e.Error)
		}
		made[e.link].Overridden = append(made[e.link].Overridden, e.Error)
	}
	return made, nil
}

// product makes one target: its units by themselves, then what the rules of the link say, then the patch.
func (m *maker) product(ctx context.Context, t *planner.Target) (Product, *link, error) {
	units, err := m.units(ctx, t)
	if err != nil {
		return describe(t, &link{units: units}), nil, err
	}
	t, units, err = m.adopt(ctx, t, units)
	if err != nil {
		return Product{}, nil, err
	}
	l, err := m.openLink(t, units)
	if err != nil {
		return describe(t, &link{units: units}), nil, err
	}
	l, err = m.settle(ctx, l)
	if err != nil {
		return describe(t, l), l, err
	}
	if !l.replacesCode() {
		return describe(t, l), l, l.checkAdditions()
	}
	if t.BuildID == "" {
		return describe(t, l), l, fault.Refuse(fault.NoBuildID, t.Path, "the binary has no BuildID").
			WithState("no patch written").WithHint("link it with -Wl,--build-id")
	}
	p, err := m.patch(ctx, t, l)
	return p, l, err
}

// refusedFor notes what a product was not made for, with the unit that it is about where that is known.
func (p Product) refusedFor(err error) Product {
	list := fault.All(err)
	if len(list) == 0 {
		list = []*fault.Error{{What: err.Error()}}
	}
	p.Units = slices.Clone(p.Units)
	for _, e := range list {
		noted := func(u UnitReport) bool { return slices.Contains(u.Refused, e) }
		here := func(u UnitReport) bool { return e.Where == u.Source || strings.HasPrefix(e.Where, u.Source+":") }
		switch i := slices.IndexFunc(p.Units, here); {
		case slices.ContainsFunc(p.Units, noted):
		case i >= 0:
			p.Units[i].Refused = append(p.Units[i].Refused, e)
		default:
			p.Refused = append(p.Refused, e)
		}
	}
	return p
}

// units takes the units of a target all the way, each by itself. The refusal of the first one that is refused counts; those behind it are
// still in the result.
func (m *maker) units(ctx context.Context, t *planner.Target) ([]assembledUnit, error) {
	units, errs := make([]assembledUnit, len(t.Units)), make([]error, len(t.Units))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i := range t.Units {
		g.Go(func() error {
			units[i], errs[i] = m.unit(ctx, &t.Units[i])
			return nil
		})
	}
	_ = g.Wait() // errs hold the failures
	for _, err := range errs {
		if err != nil {
			return units, err
		}
	}
	return units, nil
}

// openLink puts together what the rules look at.
func (m *maker) openLink(t *planner.Target, units []assembledUnit) (*link, error) {
	added, err := m.additions(t)
	if err != nil {
		return nil, err
	}
	gone, err := m.goneInputs(t)
	if err != nil {
		return nil, err
	}
	return &link{
		target: t, units: units, gone: gone, demands: make([]demand, len(units)), added: added, program: m.program(t), keeps: func(name string) bool { return m.o.Keep == nil || m.o.Keep(name) },
		detached: make([][]string, len(units)), stale: make([][]diffasm.Stale, len(units)),
		edited: func(u *planner.Unit, d *diffasm.Delta, i int) bool {
			edit, _ := m.sources.reasons(u, d, i, nil).own()
			return edit != nil
		},
		names:   m.sources.names,
		layouts: func(id buildtree.Digest) (*layout.Unit, error) { return planner.LoadLayout(m.store, id) }, typeChanges: m.typeChanges,
	}, nil
}

// goneInputs reads the inputs that only the original link has.
func (m *maker) goneInputs(t *planner.Target) ([]goneInput, error) {
	var list []goneInput
	for _, g := range t.Gone {
		f, err := planner.LoadObject(m.store, g.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: object in the record: %w", g.Name, err)
		}
		list = append(list, goneInput{g.Name, f})
	}
	return list, nil
}

// checkAdditions refuses additions that do something though nothing in the patch refers to them.
func (l *link) checkAdditions() error {
	if len(l.added) == 0 {
		return nil
	}
	p, err := l.program.facts()
	if err != nil {
		return err
	}
	_, err = p.original.Carry(inputsOf(l.added), nil)
	return err
}
