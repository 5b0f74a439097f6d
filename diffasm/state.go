package diffasm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
	"gocare/diffasm/correlate"
	"gocare/diffasm/debuginfo"
)

// State is a variable that keeps what a process writes to it, and that only one of the two versions of a unit has.
type State struct {
	Symbol   string // in the unit
	Name     string // in the source
	Function string // whose static local it is, as far as that is known; "" at file level
	At       string // FILE:LINE of its declaration; FILE where that is not known
	Size     string // bytes, in decimal; "" where that is not known

	Initial string // what its source says that it begins with
	Known   bool   // that is known, and of a new one, that nothing is assigned to it but that

	Users []string // source names of the functions that use it, where they were asked for
}

// SharesUser reports whether one function uses both variables, each in its version.
func (s State) SharesUser(o State) bool {
	return slices.ContainsFunc(s.Users, func(n string) bool { return slices.Contains(o.Users, n) })
}

// BecomesConstant reports whether a new variable is one that nothing writes, and that begins with another value than one which is gone: it is
// what the patched source says it is, whatever that one held.
func (s State) BecomesConstant(gone State) bool {
	return s.Known && gone.Known && correlate.OtherInitial(s.Initial, gone.Initial)
}

// NamedAlike reports whether the names of two variables have to do with one another.
func (s State) NamedAlike(o State) bool { return correlate.NamedAlike(s.Name, o.Name) }

// Called names it in a message, without its place.
func (s State) Called() string {
	if asm.IsNameless(s.Symbol) {
		return "a compound literal outside functions"
	}
	if s.Function != "" {
		return fmt.Sprintf("%q of %s()", s.Name, s.Function)
	}
	return strconv.Quote(s.Name)
}

func (s State) String() string { return fmt.Sprintf("%s (%s)", s.Called(), s.At) }

// mayBe tells the variables of the original that one of the patched unit may be, by what their source says of them.
func (d *Delta) mayBe(name string) string {
	var list []string
	for _, o := range d.m.Candidates(name) {
		if b := d.orig.Blocks[o]; b != nil {
			list = append(list, stateOf(d.orig, b).String())
		}
	}
	all := len(list)
	slices.Sort(list)
	if asm.IsNameless(name) {
		return fmt.Sprintf("any of %d of the original", all)
	}
	if list = slices.Compact(list); len(list) < all { // nothing tells them apart
		return fmt.Sprintf("any of %d in the original: %s", all, strings.Join(list, ", "))
	}
	return strings.Join(list, ", or ") + " of the original"
}

// GoneState lists the variables of the original that hold state and that the patched unit no longer has, in its source or because the
// compiler keeps nothing of them. One that nothing uses holds none.
func (d *Delta) GoneState() (list []State) {
	for i, v := range d.Variables {
		o := d.vars[i].o
		if v.Status != Gone || o.Section.Class != asm.Writable && o.Section.Class != asm.ThreadLocal || IsCounters(o.Name) || !hasUsers(d.orig, o) {
			continue
		}
		s := stateOf(d.orig, o)
		s.Users = usersOf(d.orig, o.Name)
		s.Initial, s.Known = d.m.Initial(o.Name)
		list = append(list, s)
	}
	return list
}

// RenamedVariables lists the variables of the patched unit that had another name, or stood at another level: what each was and is.
func (d *Delta) RenamedVariables() (list [][2]State) {
	if d.late() {
		return nil
	}
	for _, name := range d.m.RenamedVariables() {
		p := d.patched.Blocks[name]
		if o := d.m.OrigVariable(p); o != nil {
			list = append(list, [2]State{stateOf(d.orig, o), stateOf(d.patched, p)})
		}
	}
	return list
}

// usersOf lists the source names of the functions that use a symbol.
func usersOf(f *debuginfo.Unit, symbol string) (names []string) {
	for _, fn := range canon.UsersOf(f.File, symbol).Functions {
		names = append(names, asm.SourceName(fn.Name))
	}
	return names
}

// usersBefore lists the functions of the patched unit that use a symbol, by their source names in the original.
func (d *Delta) usersBefore(symbol string) (names []string) {
	for _, fn := range canon.UsersOf(d.patched.File, symbol).Functions {
		if o := d.m.OrigFunction(fn); o != nil {
			fn = o
		}
		names = append(names, asm.SourceName(fn.Name))
	}
	return names
}

// NewlyUsed lists what functions of the patch use of other units and libraries, and the original unit does not name, as if they were
// variables.
func (s *Selection) NewlyUsed() (list []State) {
	if s.clo == nil {
		return nil
	}
	names := slices.Clone(s.clo.externs)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !mentionsAtAll(s.d.orig, name) {
			list = append(list, State{Symbol: name, Name: name, At: s.d.patched.UnitName(), Users: s.d.usersBefore(name)})
		}
	}
	return list
}

// mentionsAtAll reports whether code or data of a unit name a symbol.
func mentionsAtAll(f *debuginfo.Unit, name string) bool {
	mentions := func(st asm.Statement) bool { return asm.MentionsName(st, name) }
	return slices.ContainsFunc(f.Functions, func(fn *asm.Function) bool {
		return slices.ContainsFunc(fn.Streams, func(s *asm.Stream) bool { return slices.ContainsFunc(s.Statements, mentions) })
	}) || slices.ContainsFunc(f.Order, func(b *asm.Block) bool { return slices.ContainsFunc(b.Items, mentions) })
}

func hasUsers(f *debuginfo.Unit, b *asm.Block) bool {
	u := canon.UsersOf(f.File, b.Name)
	return len(u.Functions)+len(u.Variables) > 0 || f.IsGlobal(b.Name)
}

// newState lists those of the new variables that hold state.
func (d *Delta) newState(names []string) (list []State) {
	for _, name := range names {
		if b := d.patched.Blocks[name]; b != nil && b.Section.Class == asm.Writable && !IsCounters(name) {
			s := stateOf(d.patched, b)
			s.Initial, s.Known = d.m.Fixed(name)
			list = append(list, s)
		}
	}
	return list
}

// NewUnkept lists the new variables that the patched unit keeps nothing of: its code has what they begin with in their place.
func (d *Delta) NewUnkept() (list []State) {
	if d.late() || d.orig.Declarations() == nil || d.patched.Declarations() == nil {
		return nil
	}
	for _, p := range d.m.NewUnkept() {
		s := State{Symbol: p.Name, Name: p.Name, Function: p.Function, At: fmt.Sprintf("%s:%d", p.File, p.Line)}
		s.Initial, s.Known = d.m.FixedAt(p)
		list = append(list, s)
	}
	return list
}

// Unproven describes the variables of the patched unit, by their symbols.
func (d *Delta) Unproven(symbols []string) (list []State) {
	for _, name := range symbols {
		if b := d.patched.Blocks[name]; b != nil {
			list = append(list, stateOf(d.patched, b))
		}
	}
	return list
}

// Users lists the functions of the patch that refer to a variable of the patched unit.
func (s *Selection) Users(symbol string) (list []string) {
	for _, pair := range s.chosen {
		if canon.Uses(s.d.patched.File, pair.p, symbol) {
			list = append(list, pair.p.Name)
		}
	}
	return list
}

func stateOf(f *debuginfo.Unit, b *asm.Block) State {
	s := State{Symbol: b.Name, Name: asm.SourceName(b.Name), At: f.UnitName(), Size: f.Size(b)}
	ds := f.Declarations()
	if ds == nil || ds.BySymbol[b.Name] == nil {
		if u := canon.UsersOf(f.File, b.Name); asm.IsNumbered(b.Name) && len(u.Functions) == 1 {
			s.Function = asm.SourceName(u.Functions[0].Name)
		}
		return s
	}
	e := ds.BySymbol[b.Name]
	if e.Whole != nil {
		e = e.Whole
	}
	if e.Name != "" {
		s.Name = e.Name
	}
	if e.Line > 0 && e.File != "" { // the debug information may be another compile's, whose places the unit does not have
		s.At = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	s.Function = e.Function
	return s
}
