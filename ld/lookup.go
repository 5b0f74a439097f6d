package ld

import (
	"debug/elf"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// bindingKind says what a name means for new code.
type bindingKind int

const (
	bindPlace     bindingKind = iota // a link address of the original
	bindTLS                          // a thread-local variable of the original
	bindImport                       // found at run time, in another object or through the global scope
	bindDiscarded                    // a function of an input that the linker left out
	bindNumber                       // a constant of the link
)

// binding is what a symbolic reference to the original refers to.
type binding struct {
	kind    bindingKind
	name    string
	version string      // of an import, where known
	typ     elf.SymType // NOTYPE where unknown
	addr    uint64      // link address; of a thread-local variable that of its initial value; of a number that
	ifunc   bool        // an IFUNC of the original: addr is its PLT entry, or 0
	slot    uint64      // of an IFUNC: a GOT slot that no PLT entry uses, or 0
	own     bool        // preemptible: defined here, but found through the global scope
	absent  bool        // weak and defined nowhere: its address is 0
	unsure  bool        // of an own one: it may as well be bound to the library
	input   int         // of a discarded symbol
	why     error       // of a discarded or undefined symbol: what to say when the patch does not hold it either
}

// lookup finds what name means in an input of the link. Private symbols of the input come first, then what the dynamic
// linker may bind elsewhere, then the definitions of the link, then imports.
func (sc *scope) lookup(input int, sym *elfobj.Symbol) (binding, error) {
	name := sym.Name
	if strings.HasPrefix(name, ".L") {
		return binding{}, fault.Refuse(fault.LocalLabel, sc.objects.name(input), "%q names a place that objects do not keep", name)
	}
	if input != NewInput {
		if b, found, err := sc.private(input, name); found || err != nil {
			return b, err
		}
	}
	if real := sc.linkName(input, name); real != name {
		redirected := *sym
		redirected.Name, name, sym = real, real, &redirected
	}
	if sym.Version == "" || sc.slots.isCopy(sym) {
		if b, found := sc.preemptible(name); found && sc.slots.twice[name] {
			return b, fault.Refuse(fault.AmbiguousSymbol, "original binary", "several versions of %q are in use", name)
		} else if found && b.unsure {
			return b, fault.Refuse(fault.AmbiguousSymbol, "original binary", "it cannot be told whether %q is the library's own or may be another object's (--%s)", name, sc.own).
				WithHint("use a function or variable that the library uses already, or one that is hidden")
		} else if found {
			return b, nil
		}
		if b, found, err := sc.global(input, name); found || err != nil {
			return b, err
		}
	}
	if value, found := sc.tables.numbers[name]; found {
		if _, place := sc.bin.locate(value); place && !sc.bin.kind.fixed { // old linkers wrote _end so
			return binding{}, fault.Refuse(fault.AbsoluteSymbol, "original binary", "it cannot be told whether %q is the number 0x%x or that place", name, value).
				WithHint("write the number into the source")
		}
		return binding{kind: bindNumber, name: name, addr: value}, nil
	}
	return sc.imported(sym)
}

// private finds a local symbol of the input.
func (sc *scope) private(input int, name string) (binding, bool, error) {
	list := sc.privates.of(input)[name]
	if len(list) == 0 {
		return binding{}, false, nil
	}
	for _, s := range list[1:] {
		if s.Section != list[0].Section || s.Value != list[0].Value {
			return binding{}, false, fault.Refuse(fault.AmbiguousSymbol, objectName(&sc.objects[input]),
				"several local symbols are named %q", name).WithHint("make the change in a function that uses none of them")
		}
	}
	if !list[0].Defined() {
		return binding{}, false, fault.Refuse(fault.AbsoluteSymbol, objectName(&sc.objects[input]), "%q is no place in a section", name)
	}
	b, err := sc.placed(input, list[0])
	return b, err == nil, err
}

// placed turns a defined symbol of an input into a link address.
func (sc *scope) placed(input int, s *elfobj.Symbol) (binding, error) {
	obj, p := &sc.objects[input], sc.places[input][s.Section]
	switch p.state {
	case placed:
		return sc.at(input, s.Name, definition{addr: p.addr + s.Value, typ: s.Type})
	case discarded:
		return binding{kind: bindDiscarded, name: s.Name, input: input, why: fault.Refuse(fault.DiscardedSymbol, objectName(obj),
			"%q was left out of the original by the linker", s.Name)}, nil
	case merged:
		return binding{}, fault.Refuse(fault.MergedSymbol, objectName(obj), "%q is %v", s.Name, p.state)
	}
	return binding{}, fault.Refuse(fault.UnplacedSymbol, objectName(obj), "%q: section %s is %v",
		s.Name, obj.File.Sections[s.Section].Name, p.state).WithHint("%s", sc.objects.placeHint(input, p))
}

// at makes a binding of a known definition. The address of an IFUNC is its PLT entry, as for the linker.
func (sc *scope) at(input int, name string, d definition) (binding, error) {
	b := binding{kind: bindPlace, name: name, typ: d.typ, addr: d.addr}
	switch d.typ {
	case elf.STT_TLS:
		b.kind = bindTLS
	case elf.STT_GNU_IFUNC:
		return sc.ifunc(input, b)
	}
	return b, nil
}

// ifunc finds the PLT entry and the GOT slot of an IFUNC. Without a PLT entry it is reached through the slot only.
func (sc *scope) ifunc(input int, b binding) (binding, error) {
	stubs, bare := sc.slots.ofResolver(b.addr, b.name)
	if len(bare) > 0 {
		b.slot = bare[0] // all hold the same once relocated
		if slot, found := sc.evidence.inUse(input, b.name, bare); found {
			b.slot = slot
		}
	}
	b.ifunc, b.addr = true, 0
	if len(stubs) == 1 {
		b.addr = stubs[0]
	} else if len(stubs) > 1 {
		stub, found := sc.evidence.inUse(input, b.name, stubs)
		if !found {
			return binding{}, fault.Refuse(fault.AmbiguousSymbol, "original binary", "%d indirect functions have the resolver of %q", len(stubs), b.name)
		}
		b.addr = stub
	}
	if b.addr == 0 && b.slot == 0 {
		return binding{}, fault.Refuse(fault.IfuncWithoutStub, "original binary", "indirect function %q has neither PLT entry nor GOT slot", b.name)
	}
	return b, nil
}

// preemptible finds a symbol of a shared library that the dynamic linker may bind to another object.
func (sc *scope) preemptible(name string) (binding, bool) {
	s := sc.tables.exports[name]
	if s == nil || !sc.bin.kind.shared || sc.bin.kind.symbolic || s.Vis != elf.STV_DEFAULT || s.Bind == elf.STB_LOCAL {
		return binding{}, false
	}
	bound, known := sc.boundByOption(s)
	if bound || sc.boundHere(name, s.Value) {
		return binding{}, false
	}
	b := binding{kind: bindImport, name: name, version: s.Version, typ: s.Type, own: true, addr: s.Value, unsure: !known}
	if s.Type == elf.STT_TLS {
		b.kind, b.addr = bindTLS, s.Value+sc.bin.tlsBase()
	}
	return b, true
}

// global finds a symbol that an input of the link defines, or the linker itself. The binary's own table and the inputs
// with the map have to agree.
func (sc *scope) global(input int, name string) (binding, bool, error) {
	linked, inputs := sc.tables.globals[name], sc.inputs.globals[name]
	switch {
	case len(linked) == 1 && (len(inputs) == 0 || contains(inputs, linked[0])):
		b, err := sc.at(input, name, ifuncType(linked[0], inputs))
		return b, err == nil, err
	case len(linked) > 0:
		if both := common(linked, inputs); len(both) == 1 {
			b, err := sc.at(input, name, both[0])
			return b, err == nil, err
		}
		return binding{}, false, conflict(name, linked, inputs)
	}
	if d, found, err := sc.hiddenGlobal(name, inputs); found || err != nil {
		if err != nil {
			return binding{}, false, err
		}
		b, err := sc.at(input, name, d)
		return b, err == nil, err
	}
	return sc.discardedGlobal(name)
}

// ifuncType keeps what the input says of an IFUNC: where its address is taken the linker turns it into a FUNC at its PLT
// entry.
func ifuncType(d definition, inputs []definition) definition {
	for _, in := range inputs {
		if in.addr == d.addr && in.typ == elf.STT_GNU_IFUNC {
			d.typ = in.typ
		}
	}
	return d
}

func conflict(name string, linked, inputs []definition) error {
	if len(linked) == 1 {
		return fault.Refuse(fault.ObjectMismatch, "original binary", "%q is at 0x%x in the symbol table and at 0x%x in the link map",
			name, linked[0].addr, inputs[0].addr).WithHint("map, objects and binary have to come from one link")
	}
	return fault.Refuse(fault.AmbiguousSymbol, "original binary", "%d symbols are named %q", len(linked), name)
}

// hiddenGlobal finds a symbol that linking made local: hidden, common, or defined by the linker itself.
func (sc *scope) hiddenGlobal(name string, inputs []definition) (definition, bool, error) {
	candidates := inputs
	if len(candidates) > 1 {
		candidates = strong(candidates)
	}
	if len(candidates) > 1 {
		return definition{}, false, fault.Refuse(fault.AmbiguousSymbol, "link map", "%d inputs define %q", len(candidates), name)
	}
	if len(candidates) == 1 {
		return candidates[0], true, nil
	}
	if addr, found := sc.inputs.commons[name]; found {
		return definition{addr: addr, typ: elf.STT_OBJECT}, true, nil
	}
	if own := sc.tables.locals[name]; len(own) == 1 && len(sc.inputs.locals[name]) == 0 {
		return own[0], true, nil
	}
	return definition{}, false, nil
}

// discardedGlobal finds a symbol of an input that the linker left out.
func (sc *scope) discardedGlobal(name string) (binding, bool, error) {
	at, found := sc.inputs.missing[name]
	if !found {
		return binding{}, false, nil
	}
	b, err := sc.placed(at.input, &sc.objects[at.input].File.Symbols[at.symbol])
	return b, err == nil, err
}

// imported takes a name that nothing in the link defines.
func (sc *scope) imported(sym *elfobj.Symbol) (binding, error) {
	name := sym.Name
	lib, inLibrary := sc.libraries[name]
	b := binding{kind: bindImport, name: name, version: sym.Version, typ: lib.typ}
	known, err := sc.importOf(sym, lib)
	if err != nil {
		return b, err
	}
	if known != nil {
		if b.version = known.Version; b.typ == elf.STT_NOTYPE {
			b.typ = known.Type
		}
		return b, nil
	}
	if b.version == "" {
		b.version = lib.version
	}
	switch {
	case inLibrary && lib.missing != "":
		b.why = fault.Refuse(fault.NewLibrary, "original binary", "%q is in %s, which the original does not load", name, lib.missing)
	case inLibrary && lib.later != "":
		b.why = fault.Refuse(fault.LibraryPatch, "original binary", "%q is new in %s: a process finds it neither in the library that it has nor in a patch of that", name, lib.later)
	case inLibrary:
	case sym.Bind == elf.STB_WEAK && sc.objects.mayMake(name):
		b.why = fault.Refuse(fault.UndefinedSymbol, "original binary", "%q is what the linker makes for whoever refers to it, and the original does not", name).
			WithHint("do without it")
	case sym.Bind == elf.STB_WEAK:
		b.absent = true
	case !sc.bin.kind.dynamic:
		b.why = fault.Refuse(fault.UndefinedSymbol, "original binary",
			"%q is in no input of the link, and a static executable has no shared libraries", name).
			WithHint("define it in the patch")
	case !sc.bin.kind.shared && sc.objects.provide(sc.bin.Needed()):
		b.why = fault.Refuse(fault.UndefinedSymbol, "original binary", "%q is in no input and no library of the link", name).
			WithHint("define it in the patch")
	}
	return b, nil
}

func contains(list []definition, d definition) bool {
	for _, e := range list {
		if e.addr == d.addr {
			return true
		}
	}
	return false
}

func common(a, b []definition) []definition {
	var both []definition
	for _, d := range a {
		if contains(b, d) {
			both = append(both, d)
		}
	}
	return both
}

func strong(list []definition) []definition {
	var out []definition
	for _, d := range list {
		if !d.weak {
			out = append(out, d)
		}
	}
	return out
}
