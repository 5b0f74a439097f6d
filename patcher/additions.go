package patcher

import (
	"context"
	"fmt"
	"slices"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/ld"
	"gocare/planner"
)

// addition is an input of the patched link alone.
type addition struct {
	ld.Addition
	record   *buildtree.Unit // how it was assembled
	arch     *arch.Target    // that it is for
	asm      []byte          // nil if it is known as an object only
	indirect []byte          // assembly that reaches variables of libraries through the GOT only, or nil
}

// additions reads the inputs that only the patched link has.
func (m *maker) additions(t *planner.Target) ([]addition, error) {
	var list []addition
	for i := range t.New {
		n := &t.New[i]
		f, err := planner.LoadObject(m.store, n.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: object in the record: %w", n.Name, err)
		}
		a := addition{Addition: ld.Addition{Name: n.Name, File: f, NoInit: m.o.Allow(fault.NewConstructor)}, record: &n.Record, arch: t.Arch()}
		if n.Asm != "" && !n.Record.Includes {
			if a.asm, err = m.store.Blob(n.Asm); err != nil {
				return nil, fmt.Errorf("%s: assembly in the record: %w", n.Name, err)
			}
			if n.Indirect != "" {
				if a.indirect, err = m.store.Blob(n.Indirect); err != nil {
					return nil, fmt.Errorf("%s: assembly in the record: %w", n.Name, err)
				}
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// parsed is its assembly, nil where it is known as an object only.
func (a *addition) parsed() (*diffasm.File, error) {
	if a.asm == nil {
		return nil, nil
	}
	return diffasm.Parse(a.arch, a.Name, a.asm)
}

func inputsOf(added []addition) []ld.Addition {
	var inputs []ld.Addition
	for _, a := range added {
		inputs = append(inputs, a.Addition)
	}
	return inputs
}

// carried is what the patch takes of the additions.
type carried struct {
	units    []ld.Unit // parallel to the additions; without an Object nothing
	resolved []*ld.Resolved
}

// carry resolves what the units need of the additions. Those that turn out to reach for variables of libraries directly are assembled
// anew, to go through the GOT, and looked at once more.
func (m *maker) carry(ctx context.Context, p *facts, l *link, users []*ld.Resolved) (carried, error) {
	o, added, shown := p.original, l.added, l.shown(p)
	inputs := inputsOf(added)
	c, direct, err := carryOnce(o, users, inputs, shown)
	if err != nil {
		return c, err
	}
	again := false
	for i := range added {
		if names := direct[i]; len(names) > 0 && added[i].asm != nil {
			if inputs[i].File, err = m.indirectly(ctx, &added[i], names); err != nil {
				return c, err
			}
			again = true
		}
	}
	if again {
		c, _, err = carryOnce(o, users, inputs, shown)
	}
	return c, err
}

// carryOnce also names, for each addition, the variables of libraries that it reaches for directly.
func carryOnce(o *ld.Original, users []*ld.Resolved, inputs []ld.Addition, shown map[string]ld.Private) (c carried, direct [][]string, err error) {
	if c.units, err = o.Carry(inputs, users); err != nil {
		return carried{}, nil, err
	}
	direct = make([][]string, len(inputs))
	for i, u := range c.units {
		if u.Object == nil {
			continue
		}
		u.Shown = shown
		r, err := o.Resolve(u)
		if err != nil {
			return carried{}, nil, err
		}
		direct[i] = o.DirectImports(r)
		c.resolved = append(c.resolved, r)
	}
	return c, direct, nil
}

// indirectly returns the object of an addition that reaches for these names through the GOT.
func (m *maker) indirectly(ctx context.Context, a *addition, names []string) (*elfobj.File, error) {
	f, err := m.assemble(ctx, a.Name, a.record, diffasm.ThroughGOT(a.arch, a.asm, names))
	if err != nil || a.indirect == nil {
		return f, err
	}
	if left := diffasm.Stubborn(a.arch, a.asm); slices.ContainsFunc(left, func(name string) bool { return slices.Contains(names, name) }) {
		return m.assemble(ctx, a.Name, a.record, a.indirect)
	}
	return f, nil
}

// report says what the patch takes of an addition.
func (c carried) report(i int, a *addition) UnitReport {
	r := UnitReport{Source: a.Name}
	for _, f := range c.units[i].Functions {
		r.Functions = append(r.Functions, diffasm.Function{Name: f.Name, Status: diffasm.New, Reason: f.Reason, File: a.Name})
		r.InPatch = append(r.InPatch, f.Name)
	}
	return r
}

// names lists the additions of which the patch takes something, in order of name.
func (c carried) names(added []addition) (names []string) {
	for i, a := range added {
		if c.units[i].Object != nil {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}
