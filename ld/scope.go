package ld

import (
	"debug/elf"
	"slices"
	"strings"

	"gocare/internal/elfobj"
)

// scope says what a name means in an input of the link.
type scope struct {
	*link
	tables    *symbolTables
	inputs    *inputTables
	libraries libraries
	slots     *slots
	evidence  *evidence
	privates  *localSymbols
	wrapped   map[string]bool // see Map.Wrapped
	own       string          // see Map.Own
}

func openScope(l *link, m *Map) (*scope, error) {
	sc := &scope{link: l, tables: readTables(l.bin), inputs: readInputs(l, m), libraries: readLibraries(l.objects), own: m.Own}
	sc.evidence, sc.privates, sc.wrapped = &evidence{link: l}, newLocalSymbols(l.objects), map[string]bool{}
	for _, name := range m.Wrapped {
		sc.wrapped[name] = true
	}
	var err error
	sc.slots, err = readSlots(l.bin, sc.tables.imports)
	return sc, err
}

// linkName is the symbol that a link with --wrap takes for a name which an input leaves undefined.
func (sc *scope) linkName(input int, name string) string {
	real, isReal := strings.CutPrefix(name, "__real_")
	switch {
	case isReal && sc.wrapped[real]:
		return real
	case sc.wrapped[name] && !sc.objects.definedIn(input, name):
		return "__wrap_" + name
	}
	return name
}

// redirects reports whether the link gives a name another meaning than its own (--wrap), or what refers to it.
func (sc *scope) redirects(input int, name string) bool {
	return sc.wrapped[name] || sc.linkName(input, name) != name
}

// takes reports whether the original takes a name from a library.
func (sc *scope) takes(name string) bool { return sc.tables.imports[name] != nil }

// defines reports whether the original defines a global of that name.
func (sc *scope) defines(name string) bool {
	_, common := sc.inputs.commons[name]
	return common || len(sc.tables.globals[name]) > 0 || len(sc.inputs.globals[name]) > 0
}

// without names an input that looks for a symbol which nothing in the original defines, and no library is asked for: a weak reference, which
// is null there. "" if there is none.
func (sc *scope) without(name string) string {
	if sc.defines(name) || sc.takes(name) {
		return ""
	}
	for i := range sc.objects {
		f := sc.objects[i].File
		if f.Type == elf.ET_REL && slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
			return s.Name == name && s.Section == int(elf.SHN_UNDEF) && s.Bind == elf.STB_WEAK
		}) {
			return sc.objects.name(i)
		}
	}
	return ""
}

// survives reports whether the binary names a function although the linker left out its section, at a place where no
// input has that name: lld and mold fold identical functions so.
func (sc *scope) survives(input int, s *elfobj.Symbol) bool {
	linked := sc.objects[input].linked(s.Name)
	for _, list := range [][]definition{sc.tables.globals[linked], sc.tables.locals[linked]} {
		for _, d := range list {
			if !contains(sc.inputs.globals[s.Name], d) && !slices.Contains(sc.inputs.locals[s.Name], d.addr) {
				return true
			}
		}
	}
	return false
}

// overridden reports whether another input's definition of a weak symbol won.
func (sc *scope) overridden(s *elfobj.Symbol, addr uint64) bool {
	linked := sc.tables.globals[s.Name]
	return s.Bind == elf.STB_WEAK && len(linked) > 0 && !contains(linked, definition{addr: addr})
}

// keeper returns the input whose definition of a global symbol the original has, -1 if that is not known.
func (sc *scope) keeper(name string) int {
	for i := range sc.objects {
		f := sc.objects[i].File
		if f.Type != elf.ET_REL {
			continue
		}
		for k := range f.Symbols {
			s := &f.Symbols[k]
			if s.Name != name || s.Bind == elf.STB_LOCAL || !s.Defined() {
				continue
			}
			if p := sc.places[i][s.Section]; p.state == placed && contains(sc.tables.globals[name], definition{addr: p.addr + s.Value}) {
				return i
			}
		}
	}
	return -1
}

// canonical returns the PLT entry that is the address of an imported function everywhere in the process: the linker
// gives it as the value of the undefined dynamic symbol.
func (sc *scope) canonical(b binding) (uint64, bool) {
	addr, found := sc.tables.canonicals[sc.slots.named(b)]
	return addr, found
}
