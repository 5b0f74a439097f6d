package diffasm

import (
	"fmt"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
)

// KeptFunction is a function of one version alone whose address is given away there: what keeps it calls it by that.
type KeptFunction struct {
	Name   string
	Global bool   // other units see it
	At     string // FILE:LINE of its first code; FILE where that is not known
}

// GoneFunctions lists those of the original that have no successor in the patched unit. A process that keeps the address of one runs its old
// code.
func (d *Delta) GoneFunctions() []KeptFunction { return d.functionsThat(Gone) }

// Loses reports whether the original unit has a function that the patched one has not.
func (d *Delta) Loses() bool {
	return slices.ContainsFunc(d.Functions, func(f Function) bool { return f.Status == Gone })
}

// NewFunctions lists those that the original unit has not.
func (d *Delta) NewFunctions() []KeptFunction { return d.functionsThat(New) }

func (d *Delta) functionsThat(status Status) (list []KeptFunction) {
	for i, f := range d.Functions {
		fn, unit := d.fns[i].p, d.patched
		if status == Gone {
			fn, unit = d.fns[i].o, d.orig
		}
		if f.Status == status && !asm.IsNumbered(fn.Name) && !registrar(fn.Name) && !d.onlyInlined(status, fn.Name) {
			list = append(list, KeptFunction{Name: fn.Name, Global: unit.IsGlobal(fn.Name), At: startOf(unit, fn)})
		}
	}
	return list
}

// onlyInlined reports whether the source of the other version has a function, too, of which that has no code.
func (d *Delta) onlyInlined(status Status, name string) bool {
	if status == Gone {
		return d.inlined(name)
	}
	ds := d.orig.Declarations()
	return ds != nil && slices.ContainsFunc(ds.Code, func(e *debuginfo.Declaration) bool { return e.Name == name && !e.Elsewhere })
}

func startOf(f *debuginfo.Unit, fn *asm.Function) string {
	if file, line := f.FirstPlace(fn); line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return f.UnitName()
}

// GaveAway returns where the original unit gives the address of a function away, nil if it only calls it.
func (d *Delta) GaveAway(name string) *Use { return GivesAway(d.orig, name) }

// GivesAway does the same for the patched unit.
func (d *Delta) GivesAway(name string) *Use { return GivesAway(d.patched, name) }

// GivesAway returns where a unit gives the address of a function away, nil if it only calls it. That others may define the function, too, as
// they do with inline functions and templates of C++, gives nothing away.
func GivesAway(f *debuginfo.Unit, name string) *Use {
	all := map[*asm.Function]bool{}
	for _, fn := range f.Functions {
		all[fn] = true
	}
	if other := otherName(f.File, name); other != nil {
		return other
	}
	return mention(f, name, all)
}

// SameCode reports whether a new function has the code of one that is gone.
func (d *Delta) SameCode(came, gone string) bool {
	p, o := d.patched.FunctionByName[came], d.orig.FunctionByName[gone]
	return p != nil && o != nil && d.m.Equal(p, o)
}

// StandsFor reports whether the source shows a new function in the place of one that is gone.
func (d *Delta) StandsFor(came, gone string) bool { return d.m != nil && d.m.StandsFor(came, gone) }

// isRenamed reports whether a pair is a private function and the one of another name that took its place.
func isRenamed(pair fnPair) bool {
	return pair.o != nil && pair.p != nil && pair.o.Name != pair.p.Name && !asm.IsNumbered(pair.o.Name) && !asm.IsNumbered(pair.p.Name)
}

// Renamed maps the names of functions of the patched unit that had another one, and that the patch holds, to those.
func (s *Selection) Renamed() map[string]string {
	names := map[string]string{}
	for _, pair := range s.chosen {
		if isRenamed(pair) {
			names[pair.p.Name] = pair.o.Name
		}
	}
	return names
}
