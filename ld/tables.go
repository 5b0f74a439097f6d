package ld

import (
	"debug/elf"

	"gocare/internal/elfobj"
)

// symbolTables are the symbols of the binary's own tables, by name.
type symbolTables struct {
	globals    map[string][]definition
	locals     map[string][]definition
	numbers    map[string]uint64 // values of global symbols that are no places
	exports    map[string]*elfobj.Symbol
	imports    map[string]*elfobj.Symbol    // of one with several versions any
	taken      map[versioned]*elfobj.Symbol // imports by version, too
	canonicals map[versioned]uint64         // PLT entries that are the addresses of imported functions
}

// inputTables are the symbols of the inputs of the link, by name.
type inputTables struct {
	globals   map[string][]definition // placed by the map
	missing   map[string]inputSymbol  // global symbols that the map does not place
	commons   map[string]uint64       // places of common symbols, from the map
	locals    map[string][]uint64     // places of local symbols, 0 where unknown
	byVersion map[string]bool         // names of which an input asks for a version
}

// inputSymbol is a symbol of an input, by index.
type inputSymbol struct{ input, symbol int }

// definition is a symbol with a known place.
type definition struct {
	addr uint64 // link address
	typ  elf.SymType
	weak bool
}

func readTables(bin *image) *symbolTables {
	t := &symbolTables{
		globals: map[string][]definition{}, locals: map[string][]definition{}, numbers: map[string]uint64{},
		exports: map[string]*elfobj.Symbol{}, imports: map[string]*elfobj.Symbol{},
		taken: map[versioned]*elfobj.Symbol{}, canonicals: map[versioned]uint64{},
	}
	for i := range bin.Symbols {
		t.add(&bin.Symbols[i], bin.tlsBase())
	}
	for i := range bin.DynSymbols {
		s := &bin.DynSymbols[i]
		switch {
		case s.Name == "":
		case s.Defined():
			t.addExport(s)
			t.add(s, bin.tlsBase())
		case s.Section == int(elf.SHN_UNDEF):
			t.imports[s.Name], t.taken[versioned{s.Name, s.Version}] = s, s
			if s.Value != 0 {
				t.canonicals[versioned{s.Name, s.Version}] = s.Value
			}
		}
	}
	return t
}

// addExport remembers a defined dynamic symbol; of a name with several versions the version is not known.
func (t *symbolTables) addExport(s *elfobj.Symbol) {
	if known := t.exports[s.Name]; known != nil && known.Version != s.Version {
		unversioned := *s
		unversioned.Version = ""
		s = &unversioned
	}
	t.exports[s.Name] = s
}

// add remembers a symbol; tls is the link address that thread-local ones count from.
func (t *symbolTables) add(s *elfobj.Symbol, tls uint64) {
	if s.Section == int(elf.SHN_ABS) && s.Bind != elf.STB_LOCAL && s.Type == elf.STT_NOTYPE {
		t.numbers[s.Name] = s.Value
	}
	if s.Name == "" || !s.Defined() || s.Type == elf.STT_FILE || s.Type == elf.STT_SECTION {
		return
	}
	d := definition{s.Value, s.Type, s.Bind == elf.STB_WEAK}
	if s.Type == elf.STT_TLS {
		d.addr += tls
	}
	index := t.globals
	if s.Bind == elf.STB_LOCAL {
		index = t.locals
	}
	index[s.Name] = addDefinition(index[s.Name], d)
}

// addDefinition leaves out what is known already: .symtab and .dynsym name the same places.
func addDefinition(list []definition, d definition) []definition {
	for i := range list {
		if list[i].addr == d.addr && (list[i].typ == elf.STT_TLS) == (d.typ == elf.STT_TLS) {
			list[i].weak = list[i].weak && d.weak
			return list
		}
	}
	return append(list, d)
}

// readInputs collects the symbols of all inputs, hidden ones included, which linking makes local.
func readInputs(l *link, m *Map) *inputTables {
	t := &inputTables{
		globals: map[string][]definition{}, missing: map[string]inputSymbol{}, commons: map[string]uint64{},
		locals: map[string][]uint64{}, byVersion: map[string]bool{},
	}
	for i := range l.objects {
		f := l.objects[i].File
		if f.Type == elf.ET_DYN {
			continue
		}
		for k := range f.Symbols {
			s := &f.Symbols[k]
			t.noteVersion(s)
			if s.Name != "" && s.Defined() && s.Type != elf.STT_FILE && s.Type != elf.STT_SECTION {
				t.add(inputSymbol{i, k}, s, l.places[i][s.Section])
			}
		}
	}
	for _, e := range m.Entries {
		for name, addr := range e.Symbols {
			t.commons[name] = addr
		}
	}
	return t
}

// add remembers a symbol of a section that is at p.
func (t *inputTables) add(at inputSymbol, s *elfobj.Symbol, p place) {
	if s.Bind == elf.STB_LOCAL {
		addr := uint64(0)
		if p.state == placed {
			addr = p.addr + s.Value
		}
		t.locals[s.Name] = append(t.locals[s.Name], addr)
		return
	}
	if p.state == placed {
		d := definition{p.addr + s.Value, s.Type, s.Bind == elf.STB_WEAK}
		t.globals[s.Name] = addDefinition(t.globals[s.Name], d)
	} else if _, found := t.missing[s.Name]; !found {
		t.missing[s.Name] = at
	}
}
