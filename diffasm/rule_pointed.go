package diffasm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/correlate"
	"gocare/diffasm/flow"
	"gocare/diffasm/machine"
	"gocare/internal/fault"
)

// A process may have pointers to private variables that the original's code made. A compiler that sees the address of such a variable given away
// nowhere takes it that no pointer leads there. The assembly of both versions tells, however the source spells it.

// pointedTo refuses private variables whose address the original gives away where the patched unit does so no more, unless that surely gives it
// away elsewhere.
func (d *Delta) pointedTo() (list []asm.Problem) {
	if d.plain || d.m.Exact {
		return nil
	}
	c, unchanged := newPointers(d.orig.File, d.patched.File), d.unchangedPlaces()
	same := func(place string) bool { return unchanged[place] || c.code.hasAll(place) }
	for _, pair := range d.vars {
		if pair.o == nil || pair.p == nil || !canChange(pair.p) || d.made == nil && d.patched.IsGlobal(pair.p.Name) {
			continue
		}
		gone := c.gone([]string{pair.o.Name}, []string{pair.p.Name}, anyWay, same)
		if len(gone) == 0 || c.is.surelyGiven(pair.p.Name) {
			continue
		}
		list = append(list, asm.Problem{
			Code: fault.StaticLost, At: asm.Statement{Line: pair.p.Line, Place: d.patched.DeclaredAt(pair.p.Name)},
			What: fmt.Sprintf("the patched source does not surely give away the address of the static variable %q, and its compiler may not know of the pointers to it "+
				"that the process may have from %s", d.sourceName(pair.p), strings.Join(gone, " and ")),
			Hint: "leave the code that takes its address, and what it assigns that to, as it is; --allow static-lost goes on where nothing points to it any more",
		})
	}
	return list
}

// unchangedPlaces says of places, as addresses spell them, whether all their functions are the same in both versions.
func (d *Delta) unchangedPlaces() map[string]bool {
	same := map[string]bool{}
	for _, f := range d.Functions {
		name := asm.SourceName(f.Name)
		is, known := same[name]
		same[name] = (is || !known) && (f.Status == Same || f.Status == LineOnly)
	}
	return same
}

// sourceName is what the source calls a variable of the patched unit.
func (d *Delta) sourceName(b *asm.Block) string {
	if at := d.m.PatchedDeclaration(b.Name); at != nil {
		return at.Name
	}
	return asm.SourceName(b.Name)
}

// PointersGone reports whether code or data of the original that gives away the address of a private variable does so no more in the
// patched unit, or in code that differs, where that may be a left-over, and nothing else there surely does.
func PointersGone(orig, patched *File) bool {
	c := newPointers(orig.File, patched.File)
	for name, versions := range c.variables() {
		private := slices.DeleteFunc(slices.Clone(versions[1]), patched.IsGlobal)
		anchors := name == anchorPrefix // of many variables: most of what may be left of a use is of others
		rules := anyWay
		if anchors {
			rules = surely
		}
		gone := func(same func(string) bool) bool { return len(c.gone(versions[0], versions[1], rules, same)) > 0 }
		if len(private) > 0 && (gone(nil) || !anchors && !slices.ContainsFunc(private, c.is.surelyGiven) && gone(c.code.hasAll)) {
			return true
		}
	}
	return false
}

// variables lists the variables of both versions that programs write to, and the anchors of sections, by what the source calls them.
func (c *pointers) variables() map[string][2][]string {
	names := map[string][2][]string{anchorPrefix: {{anchorPrefix}, {anchorPrefix}}}
	for version, a := range []*addresses{c.was, c.is} {
		for _, b := range a.f.Order {
			if canChange(b) {
				name := asm.SourceName(b.Name)
				list := names[name]
				list[version] = append(list[version], b.Name)
				names[name] = list
			}
		}
	}
	return names
}

// MayBePointedTo reports whether a process may have pointers to a variable that a source of C calls by a name: the unit gives the address of one of that
// name away, or it is not known which one it is, or which addresses are its own.
func MayBePointedTo(f *File, name string) bool {
	a := newAddresses(f.File)
	var named []string
	for _, b := range f.Order {
		if base := asm.SourceName(b.Name); canChange(b) && (base == name || strings.HasSuffix(base, "."+name)) { // of clang: FUNCTION.NAME
			named = append(named, b.Name)
		}
	}
	anchored := len(a.code[anchorPrefix])+len(a.data[anchorPrefix]) > 0
	renamed := slices.ContainsFunc(f.Aliases, func(other *asm.Alias) bool { return slices.Contains(named, a.variable(other.Name)) })
	all := func(*asm.Function, string) bool { return true }
	return len(named) == 0 || anchored || renamed || len(a.given(anyWay, named, all)) > 0
}

// PrivateVariables names the private variables at file level that a unit keeps and programs write to.
func PrivateVariables(f *File) (names []string) {
	for _, b := range f.Order {
		if canChange(b) && !f.IsGlobal(b.Name) && !strings.ContainsAny(b.Name, ".$") {
			names = append(names, b.Name)
		}
	}
	return names
}

// canChange reports whether programs write to a variable.
func canChange(b *asm.Block) bool {
	return b.Section != nil && (b.Section.Class == asm.Writable || b.Section.Class == asm.ThreadLocal)
}

// addresses are the places in a unit that may have addresses of its variables.
type addresses struct {
	f    *asm.File
	code map[string][]*asm.Function // by variable: functions with an instruction that may have its address as a value
	data map[string][]string        // by variable: what holds its address
}

func newAddresses(f *asm.File) *addresses {
	a := &addresses{f: f, code: map[string][]*asm.Function{}, data: map[string][]string{}}
	m := machine.Of(f)
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			for _, st := range s.Statements {
				if st.Kind == asm.Instruction && (st.Asm || m.NamesAddress(st)) {
					a.note(st, func(n string) { a.addCode(n, fn) })
				}
			}
		}
	}
	for _, b := range f.Order {
		for _, st := range b.Items {
			if !b.Section.IsUnwind() {
				a.note(st, func(n string) { a.data[n] = append(a.data[n], holderName(b)) })
			}
		}
	}
	for _, l := range f.Loose {
		a.note(l.Statement, func(n string) { a.data[n] = append(a.data[n], l.Section.Name) })
	}
	for _, n := range keptVariables(f) {
		a.data[n] = append(a.data[n], "a table")
	}
	return a
}

// note calls yield for the variables that a statement names.
func (a *addresses) note(st asm.Statement, yield func(string)) {
	for _, n := range asm.SymbolsOf(st.Args) {
		yield(a.variable(n))
	}
}

// variable is what a name stands for; all anchors of sections are one.
func (a *addresses) variable(name string) string {
	if strings.HasPrefix(name, anchorPrefix) {
		return anchorPrefix
	}
	name, _, _ = a.f.Follow(name)
	return name
}

func (a *addresses) addCode(name string, fn *asm.Function) {
	if list := a.code[name]; len(list) == 0 || list[len(list)-1] != fn {
		a.code[name] = append(list, fn)
	}
}

// holderName names a piece of data, literals by what they are.
func holderName(b *asm.Block) string {
	if asm.IsLocal(b.Name) {
		return "a constant"
	}
	return asm.SourceName(b.Name)
}

// held is the leak of what is in data, or known to other units.
var held = flow.Leak{What: "is in memory"}

// anyWay are the rules for all ways in which code may give an address away, surely those for what its compiler knew of.
var (
	anyWay = flow.Rules{Calls: true, Asm: true, Stale: true}
	surely = flow.Rules{Calls: true, Sure: true}
)

// given returns the ways in which places of a unit may give away the address of one of some variables: data, and those functions that are
// asked for where it gets to what outlives a call.
func (a *addresses) given(rules flow.Rules, variables []string, asked func(fn *asm.Function, variable string) bool) map[string]map[flow.Leak]bool {
	places := map[string]map[flow.Leak]bool{}
	note := func(place string, leaks map[flow.Leak]bool) {
		if len(leaks) > 0 && places[place] == nil {
			places[place] = map[flow.Leak]bool{}
		}
		maps.Copy(places[place], leaks)
	}
	for _, v := range variables {
		if a.f.IsGlobal(v) {
			note("other units", map[flow.Leak]bool{held: true})
		}
		for _, place := range a.data[v] {
			note(place, map[flow.Leak]bool{held: true})
		}
		for _, fn := range a.code[v] {
			if asked(fn, v) {
				note(asm.SourceName(fn.Name), a.leaks(fn, v, rules))
			}
		}
	}
	return places
}

func (a *addresses) leaks(fn *asm.Function, variable string, rules flow.Rules) map[flow.Leak]bool {
	return flow.Leaks(a.f, fn, rules, func(n string) bool { return a.variable(n) == variable })
}

// pointers compares where two versions of a unit give addresses away.
type pointers struct {
	was, is *addresses
	code    *sameCode
}

func newPointers(orig, patched *asm.File) *pointers {
	return &pointers{newAddresses(orig), newAddresses(patched), newSameCode(orig, patched)}
}

// gone names the places that may have given away an address and do so no more, of variables of the original and of those that they are in the
// patched unit. What both versions have may be a left-over, or a guess, in the patched one: with same, which tells places whose code is the same, it
// counts only there, or where a declaration says that it is there.
func (c *pointers) gone(was, is []string, rules flow.Rules, same func(place string) bool) (places []string) {
	isSame := func(place string) bool { return same == nil || same(place) }
	stays := func(fn *asm.Function, variable string) bool {
		named := slices.Contains(is, variable) && (!asm.IsLocal(variable) || variable == anchorPrefix)
		return named && isSame(asm.SourceName(fn.Name)) && c.code.has(fn.Name)
	}
	gave := c.was.given(rules, was, func(fn *asm.Function, v string) bool { return !stays(fn, v) })
	if len(gave) == 0 {
		return nil
	}
	still := c.is.given(rules, is, func(fn *asm.Function, _ string) bool { return gave[asm.SourceName(fn.Name)] != nil })
	for place, leaks := range gave {
		for l := range leaks {
			if !still[place][l] || l != held && !l.Declared() && !isSame(place) {
				places = append(places, place)
				break
			}
		}
	}
	slices.Sort(places)
	return places
}

// surelyGiven reports whether the compiler of a unit must have seen the address of a variable given away.
func (a *addresses) surelyGiven(variable string) bool {
	return len(a.data[variable]) > 0 || slices.ContainsFunc(a.code[variable], func(fn *asm.Function) bool {
		return len(a.leaks(fn, variable, surely)) > 0
	})
}

// keptVariables lists the variables in a table of KeeperOf, which is in a section that is not read otherwise: lines of one directive.
func keptVariables(f *asm.File) (names []string) {
	_, table, found := strings.Cut(f.Text, "\n"+correlate.KeeperName)
	if !found {
		return nil
	}
	_, table, _ = strings.Cut(table, "\n")
	directive := asm.FirstWord(asm.Trim(table))
	for line := range strings.Lines(table) {
		if line = asm.Trim(line); line == "" || asm.FirstWord(line) != directive {
			break
		}
		names = append(names, asm.SymbolsOf(line[len(directive):])...)
	}
	return names
}
