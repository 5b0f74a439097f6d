package ld

import (
	"debug/elf"
	"encoding/binary"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Object is an input of the original link: an object, an archive member, or a shared library.
type Object struct {
	Path   string // as the linker's map spells it
	Member string // archive member, else ""
	Source string // for messages, if the object itself is gone: what it was compiled from
	File   *elfobj.File
	New    bool // a shared library that only the patched link has, and that the original does not load
	Later  bool // the patched version of a library that the original loads: what only that has is in no process

	// Parts are the paths that the map gives the sections of an object which was merged of several; nil for Path.
	Parts []string
	// Linked are the names that the linker knew private symbols by, where these have another one in File.
	Linked map[string]string
}

// linked is the name of a symbol of the input in the binary.
func (obj *Object) linked(name string) string {
	if linked := obj.Linked[name]; linked != "" {
		return linked
	}
	return name
}

// path is how the map spells the input that a section is from.
func (obj *Object) path(section int) string {
	if obj.Parts == nil {
		return obj.Path
	}
	return obj.Parts[section]
}

// Original is the original binary with everything known about its link.
type Original struct {
	target     *arch.Target
	machine    machine
	bin        *elfobj.File
	objects    []Object
	link       linkKind
	places     [][]place                    // by object and section header index
	symbols    map[string][]definition      // global symbols of the binary's own tables
	locals     map[string][]definition      // local symbols of the binary's own table
	inputs     map[string][]definition      // global symbols of the inputs, placed by the map
	missing    map[string]inputSymbol       // global symbols of the inputs that the map does not place
	commons    map[string]uint64            // places of common symbols, from the map
	imports    map[string]*elfobj.Symbol    // by name; of one with several versions any
	taken      map[versioned]*elfobj.Symbol // imports by version, too
	copies     map[versioned]bool           // variables of libraries that the binary has a place for
	exports    map[string]*elfobj.Symbol
	library    map[string]libSymbol
	byVersion  map[string]bool      // names of which an input asks for a version
	canonicals map[versioned]uint64 // PLT entries that are the addresses of imported functions
	slots      slots
	out        []OrigSection
	wrapped    map[string]bool   // see Map.Wrapped
	own        string            // see Map.Own
	partial    bool              // see Map.Partial
	numbers    map[string]uint64 // values of global symbols that are no places

	byName      []map[string][]*elfobj.Symbol // local symbols by input; read when first needed
	inputLocals map[string][]uint64           // places of local symbols of the inputs by name, 0 where unknown
	leads       map[evidenceKey]uint64        // read when first needed
	literalsOf  []map[literal]*found          // by input; read when first needed
	sought      []map[string]bool             // by input, of shared libraries; read when first needed
}

// inputSymbol is a symbol of an input, by index.
type inputSymbol struct{ input, symbol int }

// linkKind is what sort of file the binary is.
type linkKind struct {
	shared   bool // a shared library, not a position independent executable
	fixed    bool // loads at its link address
	dynamic  bool // has a dynamic section
	bindNow  bool // slots are filled before the program runs
	symbolic bool // -Bsymbolic
}

// definition is a symbol with a known place.
type definition struct {
	addr uint64 // link address
	typ  elf.SymType
	weak bool
}

// libSymbol is what the shared libraries among the inputs say of a name.
type libSymbol struct {
	typ     elf.SymType
	version string // that a name without one means; empty for none, and if not settled
	settled bool   // it is known what that is
	missing string // the library's name, if only one that the original does not load has the symbol
	later   string // the library's name, if only its patched version has the symbol
}

// Open puts the binary, its map and the inputs of its link together.
func Open(bin *elfobj.File, m *Map, objects []Object) (*Original, error) {
	target, ok := arch.ByMachine(bin.Machine)
	machine := machineOf(target)
	if !ok || machine == nil {
		return nil, fault.Refuse(fault.ForeignMachine, "original binary", "machine %v, want EM_X86_64 or EM_AARCH64", bin.Machine)
	}
	o := &Original{target: target, machine: machine, bin: bin, objects: objects, link: kindOf(bin), out: originalSections(bin)}
	o.byName = make([]map[string][]*elfobj.Symbol, len(objects))
	o.literalsOf = make([]map[literal]*found, len(objects))
	o.sought = make([]map[string]bool, len(objects))
	for i, obj := range objects {
		if obj.File == nil {
			return nil, fault.New(fault.Bug, objectName(&objects[i]), "input without contents")
		}
	}
	o.wrapped, o.own, o.partial = map[string]bool{}, m.Own, m.Partial
	for _, name := range m.Wrapped {
		o.wrapped[name] = true
	}
	o.place(m)
	o.indexBinary()
	o.indexInputs(m)
	if err := o.readSlots(); err != nil {
		return nil, err
	}
	return o, nil
}

func objectName(obj *Object) string {
	switch {
	case obj.Source != "":
		return obj.Source
	case obj.Member == "":
		return obj.Path
	}
	return obj.Path + "(" + obj.Member + ")"
}

// inputName names an input of the original, "" for NewInput.
func (o *Original) inputName(input int) string {
	if input == NewInput {
		return ""
	}
	return objectName(&o.objects[input])
}

// kindOf tells shared libraries from position independent executables, which are both ET_DYN: DF_1_PIE marks the
// latter since binutils 2.26, before that an interpreter without a DT_SONAME.
func kindOf(bin *elfobj.File) linkKind {
	tags := dynamicTags(bin)
	_, soname := tags[elf.DT_SONAME]
	_, symbolic := tags[elf.DT_SYMBOLIC]
	_, now := tags[elf.DT_BIND_NOW]
	flags, flags1 := elf.DynFlag(tags[elf.DT_FLAGS]), elf.DynFlag1(tags[elf.DT_FLAGS_1])
	pie := flags1&elf.DF_1_PIE != 0 || hasSegment(bin, elf.PT_INTERP) && !soname
	return linkKind{
		shared:   bin.Type == elf.ET_DYN && !pie && len(tags) > 0,
		fixed:    bin.Type == elf.ET_EXEC,
		dynamic:  len(tags) > 0,
		bindNow:  now || flags&elf.DF_BIND_NOW != 0 || flags1&elf.DF_1_NOW != 0,
		symbolic: symbolic || flags&elf.DF_SYMBOLIC != 0,
	}
}

func dynamicTags(bin *elfobj.File) map[elf.DynTag]uint64 {
	tags := map[elf.DynTag]uint64{}
	for i := range bin.Sections {
		s := &bin.Sections[i]
		if s.Type != elf.SHT_DYNAMIC {
			continue
		}
		for b := s.Data; len(b) >= 16; b = b[16:] {
			tags[elf.DynTag(binary.LittleEndian.Uint64(b))] = binary.LittleEndian.Uint64(b[8:])
		}
	}
	return tags
}

func hasSegment(bin *elfobj.File, t elf.ProgType) bool {
	for _, p := range bin.Segments {
		if p.Type == t {
			return true
		}
	}
	return false
}

// originalSections lists the sections that take room in memory. .tbss does not: its addresses are those of its neighbours.
func originalSections(bin *elfobj.File) []OrigSection {
	var out []OrigSection
	for _, s := range bin.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Addr == 0 || s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0 {
			continue
		}
		out = append(out, OrigSection{s.Name, s.Addr, s.Size, max(s.Align, 1), s.Flags})
	}
	sortSections(out)
	return out
}

// indexBinary collects the symbols of the binary's own tables.
func (o *Original) indexBinary() {
	o.symbols, o.locals = map[string][]definition{}, map[string][]definition{}
	o.numbers = map[string]uint64{}
	o.imports, o.exports = map[string]*elfobj.Symbol{}, map[string]*elfobj.Symbol{}
	o.taken, o.canonicals = map[versioned]*elfobj.Symbol{}, map[versioned]uint64{}
	for i := range o.bin.Symbols {
		o.indexSymbol(&o.bin.Symbols[i])
	}
	for i := range o.bin.DynSymbols {
		s := &o.bin.DynSymbols[i]
		switch {
		case s.Name == "":
		case s.Defined():
			o.indexExport(s)
			o.indexSymbol(s)
		case s.Section == int(elf.SHN_UNDEF):
			o.imports[s.Name], o.taken[versioned{s.Name, s.Version}] = s, s
			if s.Value != 0 {
				o.canonicals[versioned{s.Name, s.Version}] = s.Value
			}
		}
	}
}

// indexExport remembers a defined dynamic symbol; of a name with several versions the version is not known.
func (o *Original) indexExport(s *elfobj.Symbol) {
	if known := o.exports[s.Name]; known != nil && known.Version != s.Version {
		unversioned := *s
		unversioned.Version = ""
		s = &unversioned
	}
	o.exports[s.Name] = s
}

func (o *Original) indexSymbol(s *elfobj.Symbol) {
	if s.Section == int(elf.SHN_ABS) && s.Bind != elf.STB_LOCAL && s.Type == elf.STT_NOTYPE {
		o.numbers[s.Name] = s.Value
	}
	if s.Name == "" || !s.Defined() || s.Type == elf.STT_FILE || s.Type == elf.STT_SECTION {
		return
	}
	d := definition{s.Value, s.Type, s.Bind == elf.STB_WEAK}
	if s.Type == elf.STT_TLS {
		d.addr += o.tlsBase()
	}
	index := o.symbols
	if s.Bind == elf.STB_LOCAL {
		index = o.locals
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

// indexInputs collects the global symbols of all inputs, hidden ones included, which linking makes local.
func (o *Original) indexInputs(m *Map) {
	o.inputs, o.missing = map[string][]definition{}, map[string]inputSymbol{}
	o.inputLocals, o.byVersion = map[string][]uint64{}, map[string]bool{}
	o.commons, o.library = map[string]uint64{}, map[string]libSymbol{}
	for i := range o.objects {
		f := o.objects[i].File
		if f.Type == elf.ET_DYN {
			if !o.objects[i].New && !o.objects[i].Later {
				o.indexLibrary(f, libSymbol{})
			}
			continue
		}
		for k := range f.Symbols {
			o.indexInput(inputSymbol{i, k}, &f.Symbols[k])
		}
	}
	for i := range o.objects {
		switch obj := &o.objects[i]; {
		case obj.Later:
			o.indexLibrary(obj.File, libSymbol{later: libraryName(obj)})
		case obj.New:
			o.indexLibrary(obj.File, libSymbol{missing: libraryName(obj)})
		}
	}
	for _, e := range m.Entries {
		for name, addr := range e.Symbols {
			o.commons[name] = addr
		}
	}
}

// libraryName is what a program asks for to have a library loaded.
func libraryName(obj *Object) string {
	if name := obj.File.Soname(); name != "" {
		return name
	}
	return obj.Path
}

func (o *Original) indexInput(at inputSymbol, s *elfobj.Symbol) {
	o.asked(s)
	if s.Name == "" || !s.Defined() || s.Type == elf.STT_FILE || s.Type == elf.STT_SECTION {
		return
	}
	p := o.places[at.input][s.Section]
	if s.Bind == elf.STB_LOCAL {
		addr := uint64(0)
		if p.state == placed {
			addr = p.addr + s.Value
		}
		o.inputLocals[s.Name] = append(o.inputLocals[s.Name], addr)
		return
	}
	if p.state == placed {
		d := definition{p.addr + s.Value, s.Type, s.Bind == elf.STB_WEAK}
		o.inputs[s.Name] = addDefinition(o.inputs[s.Name], d)
	} else if _, found := o.missing[s.Name]; !found {
		o.missing[s.Name] = at
	}
}

// allLibraries reports whether every library that the binary asks for is among the inputs.
func (o *Original) allLibraries() bool {
	given := map[string]bool{}
	for i := range o.objects {
		if f := o.objects[i].File; f.Type == elf.ET_DYN && !o.objects[i].New && !o.objects[i].Later {
			given[f.Soname()] = true
		}
	}
	for _, name := range o.bin.Needed() {
		if !given[name] {
			return false
		}
	}
	return true
}

func (o *Original) tlsBase() uint64 {
	if seg := o.bin.TLS(); seg != nil {
		return seg.Vaddr
	}
	return 0
}
