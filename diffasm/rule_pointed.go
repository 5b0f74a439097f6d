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

// pointedTo refuses private variables whose address the original gives away, and the patched unit nowhere.
func (d *Delta) pointedTo() (list []asm.Problem) {
	if d.plain || d.m.Exact {
		return nil
	}
	was, is := newAddresses(d.orig.File), newAddresses(d.patched.File)
	for _, pair := range d.vars {
		if pair.o == nil || pair.p == nil || !canChange(pair.p) || d.made == nil && d.patched.IsGlobal(pair.p.Name) {
			continue
		}
		given := was.given(pair.o.Name)
		if len(given) == 0 || len(is.given(pair.p.Name)) > 0 {
			continue
		}
		list = append(list, asm.Problem{
			Code: fault.StaticLost, At: asm.Statement{Line: pair.p.Line, Place: d.patched.DeclaredAt(pair.p.Name)},
			What: fmt.Sprintf("the patched source takes the address of the static variable %q nowhere, and its compiler does not know of the pointers to it "+
				"that the process may have from %s", d.sourceName(pair.p), strings.Join(slices.Sorted(maps.Keys(given)), " and ")),
			Hint: "leave the code that takes its address, and what it assigns that to, as it is; --allow static-lost goes on where nothing points to it any more",
		})
	}
	return list
}

// sourceName is what the source calls a variable of the patched unit.
func (d *Delta) sourceName(b *asm.Block) string {
	if at := d.m.PatchedDeclaration(b.Name); at != nil {
		return at.Name
	}
	return asm.SourceName(b.Name)
}

// PointersGone reports whether code or data of the original that gives away the address of a private variable does so no more in the
// patched unit.
func PointersGone(orig, patched *File) bool {
	was, is := newAddresses(orig.File), newAddresses(patched.File)
	names := map[string][2][]string{}
	note := func(f *asm.File, version int) {
		for _, b := range f.Order {
			if canChange(b) {
				name := asm.SourceName(b.Name)
				list := names[name]
				list[version] = append(list[version], b.Name)
				names[name] = list
			}
		}
	}
	note(orig.File, 0)
	note(patched.File, 1)
	names[anchorPrefix] = [2][]string{{anchorPrefix}, {anchorPrefix}}
	for _, versions := range names {
		private := func(n string) bool { return !patched.IsGlobal(n) }
		if len(versions[1]) == 0 || !slices.ContainsFunc(versions[1], private) {
			continue
		}
		given := is.given(versions[1]...)
		for place := range was.given(versions[0]...) {
			if !given[place] {
				return true
			}
		}
	}
	return false
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

// given names what gives away the address of one of some variables: data, and functions where it gets to a place that outlives a call.
// What may be left in a register from another use is none.
func (a *addresses) given(variables ...string) map[string]bool {
	places, rules := map[string]bool{}, flow.Rules{Calls: true, Asm: true, Sure: true}
	for _, v := range variables {
		if a.f.IsGlobal(v) {
			places["other units"] = true
		}
		for _, place := range a.data[v] {
			places[place] = true
		}
		for _, fn := range a.code[v] {
			if name := asm.SourceName(fn.Name); !places[name] && flow.Escapes(a.f, fn, rules, func(n string) bool { return a.variable(n) == v }) != nil {
				places[name] = true
			}
		}
	}
	return places
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
