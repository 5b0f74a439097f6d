package ld

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
)

// Addition is an input that the patched link has and the original did not have: a new source, or an archive member that was
// pulled for it.
type Addition struct {
	Name   string // for messages
	File   *elfobj.File
	NoInit bool // leave out what runs only when a program starts or ends, instead of refusing it
}

// NewInput is Unit.Input of code that no input of the original was compiled to.
const NewInput = -1

// Carry makes a unit of each addition: the sections that references of users lead to, and what those refer to in turn.
// The Object of a unit is nil if nothing of the addition is needed. It refuses what would take effect only in a program
// that is linked with the addition: constructors, sets, thread-local variables, indirect functions, and names that the
// original has already.
func (o *Original) Carry(additions []Addition, users []*Resolved) ([]Unit, error) {
	c := carrier{
		link: o.link, names: o.names, seekers: o.seekers,
		additions: additions, winners: map[string]inputSymbol{}, worklist: worklist{needed: map[int]map[int]bool{}},
	}
	for i := range additions {
		if err := c.define(i); err != nil {
			return nil, err
		}
	}
	for i := range additions {
		if err := c.check(i); err != nil {
			return nil, err
		}
	}
	for _, r := range users {
		for i := range r.refs {
			b := &r.refs[i].binding
			if r.refs[i].err != nil || b.kind != bindImport || b.own {
				continue
			}
			if err := c.want(b.name); err != nil {
				return nil, err
			}
		}
	}
	roles := make([][]UnitRole, len(additions))
	for i := range additions {
		var err error
		if roles[i], err = c.roles(i); err != nil {
			return nil, err
		}
	}
	if err := c.follow(); err != nil {
		return nil, err
	}
	units := make([]Unit, len(additions))
	for i := range additions {
		var err error
		if units[i], err = c.unit(i); err != nil {
			return nil, err
		}
		units[i].Roles = roles[i]
	}
	return units, nil
}

// carrier finds what is needed of the additions.
type carrier struct {
	*link
	names     *scope
	seekers   *seekers
	additions []Addition
	winners   map[string]inputSymbol // the definition that a linker would take, by addition and symbol
	worklist                         // by addition
}

// worklist are the sections that are needed; the references of those in the queue are still to be followed.
type worklist struct {
	needed map[int]map[int]bool // by input and section
	queue  []inputSection
}

func (w *worklist) need(s inputSection) {
	if w.needed[s.object] == nil {
		w.needed[s.object] = map[int]bool{}
	}
	if !w.needed[s.object][s.section] {
		w.needed[s.object][s.section] = true
		w.queue = append(w.queue, s)
	}
}

// next takes a section of which the references are to be followed.
func (w *worklist) next() (s inputSection, ok bool) {
	if len(w.queue) == 0 {
		return s, false
	}
	s, w.queue = w.queue[0], w.queue[1:]
	return s, true
}

// define collects the global definitions of an addition: the first strong one counts, else the first.
func (c *carrier) define(i int) error {
	f := c.additions[i].File
	if f.Type != elf.ET_REL || f.Machine != c.bin.target.Machine {
		return fault.New(fault.Bug, c.additions[i].Name, "input of type %v for %v", f.Type, f.Machine)
	}
	for k := range f.Symbols {
		s := &f.Symbols[k]
		if s.Name == "" || s.Bind == elf.STB_LOCAL || !s.Defined() {
			continue
		}
		first, found := c.winners[s.Name]
		if !found || s.Bind != elf.STB_WEAK && c.symbol(first).Bind == elf.STB_WEAK {
			c.winners[s.Name] = inputSymbol{i, k}
		}
	}
	return nil
}

func (c *carrier) symbol(at inputSymbol) *elfobj.Symbol {
	return &c.additions[at.input].File.Symbols[at.symbol]
}

// check refuses an addition that a program has to be linked with.
func (c *carrier) check(i int) error {
	a := &c.additions[i]
	for k := range a.File.Sections {
		s := &a.File.Sections[k]
		switch {
		case strings.HasPrefix(s.Name, ".gnu.lto_") && !hasCode(a.File):
			return fault.Refuse(fault.LTO, a.Name, "it is compiled with -flto: its code is made at link time").
				WithHint("build both versions with -fno-lto, and restart what runs the old one")
		case s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0:
		case runsAtStart(s) && !a.NoInit && !registersCounters(a.File, s):
			return fault.Refuse(fault.NewConstructor, a.Name, "section %s: it has code that runs only when a program starts or ends", s.Name)
		case c.collected(s.Name) && !strings.HasPrefix(s.Name, llvmCounters):
			return fault.Refuse(fault.SectionSet, a.Name, "section %s: the program collects such sections when it is linked", s.Name).
				WithHint("call the new code from code that is there")
		}
	}
	for k := range a.File.Symbols {
		if err := c.checkSymbol(a, &a.File.Symbols[k]); err != nil {
			return err
		}
	}
	return nil
}

// checkSymbol refuses a definition that would take the place of another in code that does not change.
func (c *carrier) checkSymbol(a *Addition, s *elfobj.Symbol) error {
	if s.Bind == elf.STB_LOCAL || !s.Defined() || s.Name == "" {
		return nil
	}
	if user := c.names.without(s.Name); user != "" {
		return movedGlobal(a.Name, s.Name, s, user+" looks for it, and goes without in the original")
	}
	if user, shown := c.seekers.find(s.Name); user != "" && !shown && !isHidden(s) && !grouped(a.File, s) {
		return movedGlobal(a.Name, s.Name, s, user+" looks for it when it is loaded, and found another one, or none")
	}
	if s.Bind == elf.STB_WEAK {
		if !grouped(a.File, s) && c.objects.displaced(NewInput, s.Name, WeakDefinition) != "" {
			return movedGlobal(a.Name, s.Name, s, "the original defines it elsewhere")
		}
		return nil
	}
	if c.names.defines(s.Name) {
		return movedGlobal(a.Name, s.Name, s, "the original defines it elsewhere")
	}
	if c.names.takes(s.Name) {
		return movedGlobal(a.Name, s.Name, s, "the original takes it from a library")
	}
	return nil
}

func movedGlobal(unit, name string, s *elfobj.Symbol, why string) error {
	e := fault.Refuse(fault.MovedGlobal, unit, "%q is new here, but %s", name, why)
	if s.Type == elf.STT_FUNC {
		return e.WithHint("leave it where it was, or give the new one another name: unchanged code goes on using the old")
	}
	return e.WithHint("leave it where it was: unchanged code goes on using the old one, and under another name it would not have its value")
}

func hasCode(f *elfobj.File) bool {
	return slices.ContainsFunc(f.Sections, func(s elfSection) bool { return s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 0 })
}

// StartOrEnd names the sections of an object with constructors or destructors that do more than to tell of counters.
func StartOrEnd(f *elfobj.File) (names []string) {
	for k := range f.Sections {
		s := &f.Sections[k]
		if s.Flags&elf.SHF_ALLOC != 0 && s.Size > 0 && runsAtStart(s) && !registersCounters(f, s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// runsAtStart reports whether a section holds constructors or destructors.
func runsAtStart(s *elfSection) bool {
	switch s.Type {
	case elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY, elf.SHT_PREINIT_ARRAY:
		return true
	}
	for _, name := range []string{".init", ".fini", ".ctors", ".dtors", ".init_array", ".fini_array"} {
		if s.Name == name || strings.HasPrefix(s.Name, name+".") {
			return true
		}
	}
	return false
}

// collected reports whether code of the program or of an addition goes through all sections of a name.
func (c *carrier) collected(section string) bool {
	asks := func(f *elfobj.File) bool {
		return f.Type == elf.ET_REL && slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
			return s.Name == "__start_"+section || s.Name == "__stop_"+section
		})
	}
	return slices.ContainsFunc(c.objects, func(o Object) bool { return asks(o.File) }) ||
		slices.ContainsFunc(c.additions, func(a Addition) bool { return asks(a.File) })
}

// want notes that a name is referred to.
func (c *carrier) want(name string) error {
	at, found := c.winners[name]
	if !found || c.names.defines(name) {
		return nil
	}
	if c.symbol(at).Type == elf.STT_GNU_IFUNC {
		return c.refuseIFUNC(at)
	}
	c.need(inputSection{at.input, c.symbol(at).Section})
	return nil
}

// follow goes from the needed sections to those they refer to.
func (c *carrier) follow() error {
	for at, ok := c.next(); ok; at, ok = c.next() {
		a := &c.additions[at.object]
		sec := &a.File.Sections[at.section]
		if sec.Flags&elf.SHF_ALLOC == 0 || runsAtStart(sec) {
			return fault.Refuse(fault.UnknownSection, a.Name, "section %s is no part of a patch", sec.Name)
		}
		relas, err := a.File.Relas(at.section)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		if sec.Flags&elf.SHF_EXECINSTR != 0 {
			more, err := unwindRefs(a.File, at.section, a.Name)
			if err != nil {
				return err
			}
			relas = append(relas[:len(relas):len(relas)], more...)
		}
		for _, r := range relas {
			if c.bin.target.Reloc(r.Type).Kind == arch.None {
				continue
			}
			if err := c.reference(inputSymbol{at.object, r.Symbol}); err != nil {
				return err
			}
		}
	}
	return nil
}

// reference follows one reference of a needed section.
func (c *carrier) reference(at inputSymbol) error {
	a, s := &c.additions[at.input], c.symbol(at)
	switch {
	case s.Defined() && !c.elsewhere(at):
		if s.Type == elf.STT_GNU_IFUNC {
			return c.refuseIFUNC(at)
		}
		c.need(inputSection{at.input, s.Section})
	case s.Section == int(elf.SHN_ABS):
		return fault.Refuse(fault.AbsoluteSymbol, a.Name, "%q is no place in a section", s.Name)
	case s.Section == int(elf.SHN_COMMON) && !c.names.defines(s.Name) && !c.wins(s.Name):
		return fault.Refuse(fault.NewCommon, a.Name, "it uses the new common variable %q, which another unit may define", s.Name)
	default:
		return c.want(c.names.linkName(NewInput, s.Name))
	}
	return nil
}

func (c *carrier) wins(name string) bool {
	_, found := c.winners[name]
	return found
}

func (c *carrier) refuseIFUNC(at inputSymbol) error {
	return fault.Refuse(fault.NewIfunc, c.additions[at.input].Name, "%q is chosen when a program starts", c.symbol(at).Name)
}

// elsewhere reports whether a global that an addition defines is taken from another place.
func (c *carrier) elsewhere(at inputSymbol) bool {
	s := c.symbol(at)
	return s.Bind != elf.STB_LOCAL && s.Name != "" && (c.names.defines(s.Name) || c.winners[s.Name] != at)
}

// unit makes a unit of the needed sections of an addition: its symbols get the names that other units look for.
func (c *carrier) unit(i int) (Unit, error) {
	a := &c.additions[i]
	u := Unit{Name: a.Name, Input: NewInput}
	if len(c.needed[i]) == 0 {
		return u, nil
	}
	f := *a.File
	f.Sections, f.Symbols = slices.Clone(f.Sections), slices.Clone(f.Symbols)
	for k := range f.Sections {
		if err := c.rename(a, &f.Sections[k], c.needed[i][k]); err != nil {
			return u, err
		}
	}
	for k := range f.Symbols {
		s := &f.Symbols[k]
		switch {
		case s.Section == int(elf.SHN_COMMON) || s.Defined() && c.elsewhere(inputSymbol{i, k}):
			s.Section, s.Value = int(elf.SHN_UNDEF), 0
		case s.Defined() && c.needed[i][s.Section] && s.Bind != elf.STB_LOCAL && s.Name != "":
			if grouped(a.File, s) {
				u.Grouped = append(u.Grouped, s.Name)
			}
			s.Name += kpname.New
		}
	}
	u.Object = &f
	if err := keepUnwind(&f, c.needed[i], a.Name); err != nil {
		return u, err
	}
	u.Functions = newFunctions(&f, c.needed[i])
	return u, nil
}

// rename puts a section where its like goes in a patch, or leaves it out. Constants that hold addresses are data.
func (c *carrier) rename(a *Addition, s *elfSection, needed bool) error {
	if !needed {
		s.Flags &^= elf.SHF_ALLOC
		return nil
	}
	relas, err := a.File.Relas(s.Index)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Name, err)
	}
	absolute := func(r elfobj.Rela) bool {
		switch c.bin.target.Reloc(r.Type).Kind {
		case arch.Abs64, arch.Abs32, arch.Abs32S:
			return true
		}
		return false
	}
	name := strings.TrimPrefix(s.Name, ".")
	switch {
	case s.Flags&elf.SHF_EXECINSTR != 0:
		s.Name = kpname.Text + "." + name
	case s.Flags&elf.SHF_WRITE != 0 || slices.ContainsFunc(relas, absolute):
		s.Name = kpname.Data + "." + name
	default:
		s.Name = kpname.Rodata + "." + name
	}
	return nil
}

// newFunctions lists the functions of the needed sections, of several names for one the first.
func newFunctions(f *elfobj.File, needed map[int]bool) []UnitFunction {
	var list []UnitFunction
	seen, names := map[inputSection]bool{}, map[string]bool{}
	for k := range f.Symbols {
		s := &f.Symbols[k]
		at := inputSection{s.Section, int(s.Value)}
		if s.Type != elf.STT_FUNC || !s.Defined() || !needed[s.Section] || s.Size == 0 || seen[at] || names[s.Name] {
			continue
		}
		seen[at], names[s.Name] = true, true
		list = append(list, UnitFunction{Name: strings.TrimSuffix(s.Name, kpname.New), Symbol: s.Name, Reason: "new function"})
	}
	return list
}
