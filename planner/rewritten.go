package planner

import (
	"context"
	"debug/elf"
	"maps"
	"slices"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// withLocals gives the inputs of a link in which objects of changed units that lost local symbols after their compile (strip -x) are those
// that the compiler wrote: these are made again, to the same bytes, and have the same sections and global symbols.
func (v inventory) withLocals(ctx context.Context, l *pairedLink) ([]buildtree.Input, error) {
	inputs := slices.Clone(l.link.Inputs)
	for _, u := range l.units {
		in := &inputs[u.input]
		if in.ObjectID == u.orig.ObjectID || in.AllocID == "" || in.AllocID != u.orig.AllocID {
			continue
		}
		whole, err := v.objectOf(ctx, u.orig)
		if err != nil || buildtree.DigestOf(whole) != u.orig.ObjectID || !v.sameGlobals(in.ObjectID, whole) {
			continue // the linked one counts as it is
		}
		if in.ObjectID, err = v.b.Store.PutBlob(whole); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// sameGlobals reports whether an object of the record and another have the same symbols that others see, at the same places.
func (v inventory) sameGlobals(id buildtree.Digest, data []byte) bool {
	a, err := LoadObject(v.b.Store, id)
	if err != nil {
		return false
	}
	b, err := elfobj.Parse(data)
	return err == nil && maps.Equal(globalsOf(a), globalsOf(b))
}

// globalSymbol is a symbol that others see; section is the name of the one it stands in.
type globalSymbol struct {
	name, section string
	value, size   uint64
	bind          elf.SymBind
}

func globalsOf(f *elfobj.File) map[globalSymbol]bool {
	all := map[globalSymbol]bool{}
	for _, s := range f.Symbols {
		if s.Bind == elf.STB_LOCAL {
			continue
		}
		g := globalSymbol{name: s.Name, value: s.Value, size: s.Size, bind: s.Bind}
		if s.Defined() && int(s.Section) < len(f.Sections) {
			g.section = f.Sections[s.Section].Name
		}
		all[g] = true
	}
	return all
}

// refuseRewritten refuses objects that were changed after their compile (objcopy), and get other symbols than before though their compile is the
// same: assembly is what is compared, and does not show it.
func (c *comparison) refuseRewritten(links []pairedLink) error {
	for _, l := range links {
		pair := c.pairs[l.link.Output]
		if pair == nil || pair.Patched == nil || c.b.Allow(fault.OtherLink) {
			continue
		}
		for j, is := range pair.Patched.Inputs {
			i := pair.Partner(j)
			if i < 0 || pair.Orig.Inputs[i].ObjectID == is.ObjectID {
				continue
			}
			was := pair.Orig.Inputs[i]
			u, v := c.orig.UnitFor(pair.Orig, was), c.patched.UnitFor(pair.Patched, is)
			if u == nil || v == nil || u.AsmID != v.AsmID || was.ObjectID == u.ObjectID && is.ObjectID == v.ObjectID {
				continue
			}
			if data, err := c.b.Store.Blob(is.ObjectID); err != nil || !c.inventory().sameGlobals(was.ObjectID, data) {
				return fault.Refuse(fault.OtherLink, c.b.sourceName(u), "its object %s is changed after the compile, and has other symbols than in the original",
					is).WithHint("make the change in the source, not in what is done to the object; --allow other-link if the difference means nothing to what runs")
			}
		}
	}
	return nil
}
