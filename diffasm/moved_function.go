package diffasm

import (
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
	"gocare/internal/kpname"
)

// MovedFunction is the function of another unit's original that a new one takes the place of.
type MovedFunction struct {
	Unit   int    // as callers number them
	Source string // of that unit

	code *asm.Function
}

// MovedPrivate is the private variable of another unit's original that a new one is.
type MovedPrivate struct {
	Unit   int // as callers number them
	Symbol string
}

// Moves are what went from one unit to another as a whole: by name functions that others see, and the private variables that these have with
// them, by their symbols in the unit that has them now.
type Moves struct {
	Functions map[string]MovedFunction
	Variables map[string]MovedPrivate
}

// Moved finds what one unit lost to another: the functions of the names, and the private variables of those that went there, whoever sees
// them. A variable is known by its name and the function that declares it; where it cannot be told, or what it holds is not known, nothing
// moved.
func Moved(from, to *Delta, names []string) (m Moves) {
	if !from.sharesCompiler(to) {
		return m
	}
	moves := moves{from: from, to: to, functions: map[string]*asm.Function{}}
	for _, name := range names {
		if o := moves.whole(name); o != nil {
			moves.functions[name] = o
		}
	}
	moves.dropCalled()
	variables, known := moves.variables()
	if !known {
		return m
	}
	m.Functions, m.Variables = map[string]MovedFunction{}, variables
	for name, o := range moves.functions {
		m.Functions[name] = MovedFunction{Source: from.orig.UnitName(), code: o}
	}
	return m
}

// sharesCompiler reports whether two units have the code that one compiler made of their sources, with names of their own.
func (d *Delta) sharesCompiler(o *Delta) bool {
	known := func(d *Delta) bool { return !d.late() && d.made == nil && d.relying == nil }
	return known(d) && known(o) && d.orig.Clang == o.patched.Clang
}

// moves looks for what went from one unit to another.
type moves struct {
	from, to  *Delta
	functions map[string]*asm.Function // of the original unit, by name
}

// whole returns the function of the original that is gone, if a new one of the other unit may take its place by its name alone.
func (m *moves) whole(name string) *asm.Function {
	o, p := m.from.orig.FunctionByName[name], m.to.patched.FunctionByName[name]
	was, is := definition(m.from.orig, name), m.to.Definition(name)
	switch {
	case o == nil || p == nil || !m.from.orig.IsGlobal(name) || !m.to.patched.IsGlobal(name) || was != is || is.Weak || is.Grouped || strings.HasPrefix(name, "_Z"):
	case otherName(m.from.orig.File, name) != nil || otherName(m.to.patched.File, name) != nil:
	case len(m.from.orig.Problems)+len(o.Problems)+len(o.Kin) > 0 || labelEscapes(m.from.orig.File, o) != nil:
	default:
		return o
	}
	return nil
}

// dropCalled drops what code that stays behind calls, though it is gone: it may rely on registers that the old code left alone.
func (m *moves) dropCalled() {
	l := &leftovers{d: m.from}
	for dropped := !m.from.plain; dropped; {
		dropped = false
		for _, pair := range m.from.fns {
			if pair.p != nil || m.functions[pair.o.Name] != nil {
				continue
			}
			for _, to := range l.leadsTo(pair.o, map[*asm.Function]bool{}) {
				dropped = dropped || m.functions[to.Name] != nil
				delete(m.functions, to.Name)
			}
		}
	}
}

// leadsTo lists the functions of the original unit that one calls, also through others.
func (l *leftovers) leadsTo(f *asm.Function, seen map[*asm.Function]bool) (list []*asm.Function) {
	l.eachCallee(f, func(_ *machine.Insn, to *asm.Function) {
		if !seen[to] {
			seen[to] = true
			list = append(append(list, to), l.leadsTo(to, seen)...)
		}
	})
	return list
}

// private is a private variable by what its source says.
type private struct{ function, name string }

// variables pairs the private variables that are new in the one unit with those that are gone from the other. known says that each is paired, or is
// no variable of the other unit.
func (m *moves) variables() (paired map[string]MovedPrivate, known bool) {
	came, left := privates(m.to, m.to.patched, New), privates(m.from, m.from.orig, Gone)
	switch {
	case m.from.plain && m.to.plain && len(came)+len(left) == 0:
		return nil, true
	case !m.from.m.DebugKnown() || !m.to.m.DebugKnown() || m.from.sources == nil || m.to.sources == nil || m.keepsNothing(left):
		return nil, false
	}
	paired = map[string]MovedPrivate{}
	for at, p := range came {
		o := left[at]
		switch {
		case isIn(m.from.m.UnkeptBefore(), at) || isIn(m.to.m.UnkeptBefore(), at):
			return nil, false
		case len(o) == 0 && m.leavesBehind(at, p[0]):
			return nil, false
		case len(o) == 0 || !m.goWithFunction(o[0], p[0]):
		case len(o) > 1 || len(p) > 1 || !m.same(o[0], p[0]):
			return nil, false
		default:
			paired[p[0].Name] = MovedPrivate{Symbol: o[0].Name}
			delete(left, at)
		}
	}
	return paired, !m.usedBefore(left)
}

// usedBefore reports whether a function that went to the other unit used variables which are gone: it may use another one in their place.
func (m *moves) usedBefore(left map[private][]*asm.Block) bool {
	for _, list := range left {
		for _, o := range list {
			if slices.ContainsFunc(usersOf(m.from.orig, o.Name), m.went) {
				return true
			}
		}
	}
	return false
}

// keepsNothing reports whether a version declares a variable that is gone, or that the other one declares, and keeps nothing of it. What the
// unit declared before is its own.
func (m *moves) keepsNothing(left map[private][]*asm.Block) bool {
	unkept, had, lost, stays := m.to.m.UnkeptAfter(), m.to.m.UnkeptBefore(), m.from.m.UnkeptBefore(), m.from.m.UnkeptAfter()
	for at := range left {
		if isIn(unkept, at) || isIn(stays, at) {
			return true
		}
	}
	return slices.ContainsFunc(unkept, func(e *debuginfo.Declaration) bool {
		at := private{e.Function, e.Name}
		return !isIn(had, at) && isIn(lost, at)
	})
}

func isIn(list []*debuginfo.Declaration, at private) bool {
	return slices.ContainsFunc(list, func(e *debuginfo.Declaration) bool { return e.Function == at.function && e.Name == at.name })
}

// leavesBehind reports whether a function that went to the other unit used a private variable which stays, and has one of its name there.
func (m *moves) leavesBehind(at private, p *asm.Block) bool {
	return slices.ContainsFunc(m.from.orig.Variables, func(o *asm.Block) bool {
		s := stateOf(m.from.orig, o)
		return s.Name == at.name && s.Function == at.function && !m.from.orig.IsGlobal(o.Name) && m.goWithFunction(o, p)
	})
}

// goWithFunction reports whether a function that went from one unit to the other uses both variables, each in its version.
func (m *moves) goWithFunction(o, p *asm.Block) bool {
	before, after := usersOf(m.from.orig, o.Name), usersOf(m.to.patched, p.Name)
	return slices.ContainsFunc(after, func(name string) bool { return slices.Contains(before, name) && m.went(name) })
}

// went reports whether what the source calls by a name went from one unit to the other.
func (m *moves) went(name string) bool { return m.from.lacks(name, Gone) && m.to.lacks(name, New) }

// lacks reports whether one version of a unit has no function that the source calls by a name, and the other has.
func (d *Delta) lacks(name string, status Status) bool {
	found := false
	for _, f := range d.Functions {
		if SourceName(f.Name) == name {
			found = true
			if f.Status != status {
				return false
			}
		}
	}
	return found
}

// privates lists the private variables of one unit that only that version has and that programs write.
func privates(d *Delta, f *debuginfo.Unit, status Status) map[private][]*asm.Block {
	list := map[private][]*asm.Block{}
	for i, v := range d.Variables {
		b := d.vars[i].p
		if status == Gone {
			b = d.vars[i].o
		}
		if v.Status != status || f.IsGlobal(b.Name) || b.Section.Class == asm.ReadOnly || b.Section.Class == asm.Relro || IsCounters(b.Name) {
			continue
		}
		s := stateOf(f, b)
		list[private{s.Function, s.Name}] = append(list[private{s.Function, s.Name}], b)
	}
	return list
}

// same reports whether a variable that is gone and a new one are alike, and whole.
func (m *moves) same(o, p *asm.Block) bool {
	code, _ := correlate.CompareVariables(m.to.m.Patched, p, m.from.m.Orig, o)
	before, after := m.from.orig.Declarations().BySymbol[o.Name], m.to.patched.Declarations().BySymbol[p.Name]
	return code == "" && !p.Section.IsSet() && p.Section.Class == asm.Writable && privateIn(m.to.patched.File, p) == "" && !holdsAddresses(p) &&
		before != nil && after != nil && before.Whole == nil && after.Whole == nil && before.How == after.How
}

// As is what the patch calls the variable, which no other unit sees.
func (m MovedPrivate) As(name string) string { return name + kpname.Elsewhere }

// Of is what moved, from a unit as callers number it.
func (m Moves) Of(unit int) Moves {
	of := Moves{map[string]MovedFunction{}, map[string]MovedPrivate{}}
	for name, f := range m.Functions {
		f.Unit = unit
		of.Functions[name] = f
	}
	for name, v := range m.Variables {
		v.Unit = unit
		of.Variables[name] = v
	}
	return of
}

// With is what moved with more.
func (m Moves) With(more Moves) Moves {
	sum := Moves{map[string]MovedFunction{}, map[string]MovedPrivate{}}
	for _, x := range []Moves{m, more} {
		maps.Copy(sum.Functions, x.Functions)
		maps.Copy(sum.Variables, x.Variables)
	}
	return sum
}

// Has reports whether all of what moved is known already.
func (m Moves) Has(all Moves) bool {
	for name := range all.Functions {
		if _, known := m.Functions[name]; !known {
			return false
		}
	}
	for name := range all.Variables {
		if _, known := m.Variables[name]; !known {
			return false
		}
	}
	return true
}

// Empty reports whether nothing moved.
func (m Moves) Empty() bool { return len(m.Functions)+len(m.Variables) == 0 }
