package diffasm

import (
	"fmt"
	"maps"
	"slices"

	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// matchLoose compares what lies outside functions and labelled data: constructors and top-level assembly. New constructors are
// refused, since a process runs them before any patch comes; those that are gone, since it ran them; destructors that are gone,
// since its list of them still has them; all else that changed, since nothing says what it is.
func (d *Delta) matchLoose(r *correlate.Matcher) {
	have := looseTexts(d.m.Orig)
	now := looseTexts(d.m.Patched)
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if len(now[key]) <= len(have[key]) || r != nil && len(looseTexts(r.Patched)[key]) <= len(have[key]) {
			continue
		}
		d.newLoose(now[key][0])
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if len(have[key]) > len(now[key]) {
			d.goneLoose(have[key][0])
		}
	}
}

func (d *Delta) goneLoose(l asm.Loose) {
	what := "the unit no longer registers " + d.formerEntry(l) + " to run at "
	switch {
	case l.Section.IsDtor():
		d.unit = append(d.unit, asm.Problem{Code: fault.GoneDestructor, What: what + "exit", At: d.entryPlace(l)})
	case l.Section.IsCtor():
		d.unit = append(d.unit, asm.Problem{Code: fault.StartOnly, What: what + "start, which running processes have done", At: d.entryPlace(l)})
	}
}

func (d *Delta) newLoose(l asm.Loose) {
	if l.Section.IsCtor() || l.Section.IsDtor() {
		d.unit = append(d.unit, asm.Problem{
			Code: fault.NewConstructor, What: "the unit registers " + l.Statement.Args + " in " + l.Section.Name + ", which runs only at start or exit",
			At: d.entryPlace(l),
		})
		return
	}
	d.unit = append(d.unit, asm.Problem{
		Code: fault.AsmToplevel, What: "top-level assembly or unnamed data changed in section " + l.Section.Name, At: unlessData(l.Statement),
	})
}

// formerEntry is what an entry of a list of the original names, with its place if the patched unit has no such function.
func (d *Delta) formerEntry(l asm.Loose) string {
	if fn := d.orig.FunctionByName[l.Statement.Args]; fn != nil && d.patched.FunctionByName[fn.Name] == nil {
		if file, line := d.orig.FirstPlace(fn); line > 0 {
			return fmt.Sprintf("%s (%s:%d of the original)", fn.Name, file, line)
		}
	}
	return l.Statement.Args
}

// entryPlace is the place in the patched unit of the function that an entry of a list names: lists have none.
func (d *Delta) entryPlace(l asm.Loose) asm.Statement {
	for _, name := range asm.SymbolsOf(l.Statement.Args) {
		if fn := d.patched.FunctionByName[name]; fn != nil {
			return first(fn)
		}
	}
	return asm.Statement{}
}

// unlessData takes the place from a statement that no assembly of the source has: it is that of the code before.
func unlessData(s asm.Statement) asm.Statement {
	if !s.Asm {
		s.Place = asm.Position{}
	}
	return s
}

// looseTexts returns the loose statements that no function owns by canonical text.
func looseTexts(s *correlate.Version) map[string][]asm.Loose {
	by := map[string][]asm.Loose{}
	for _, l := range s.Unit.Loose {
		if l.Function != nil || l.Section.Name == "__mcount_loc" || beforeEntry(s.Unit.File, l.Statement) {
			continue
		}
		key := l.Section.Name + " " + s.Alone(l.Statement)
		by[key] = append(by[key], l)
	}
	return by
}

// beforeEntry reports whether a statement outside functions is room for a patch before an entry.
func beforeEntry(f *asm.File, st asm.Statement) bool {
	return f.Sections[asm.PatchableEntries] != nil && machine.Of(f).Kind(st) == machine.Nop
}
