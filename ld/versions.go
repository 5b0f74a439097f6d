package ld

import (
	"debug/elf"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// This file tells versions of a library's symbols apart: f@V1 and f@V2 are two functions, and f alone means the one that the library's maker
// chose for whoever links with it (LSB 5.0, Core, section 10.7).

// versioned is a symbol of a library, with its version; "" for one without.
type versioned struct{ name, version string }

func (n versioned) less(m versioned) bool {
	return n.name < m.name || n.name == m.name && n.version < m.version
}

func (i *Import) symbol() versioned { return versioned{i.Name, i.Version} }

// latest is the symbol of a name that a slot was found for; where there are several, the last.
func (s *slots) latest(name string) versioned { return versioned{name, s.versions[name]} }

// named is the symbol of a binding as slots know it. Which of its own versions a library reaches by a name its slots tell.
func (s *slots) named(b binding) versioned {
	if b.own || b.kind != bindImport {
		return s.latest(b.name)
	}
	return versioned{b.name, b.version}
}

// libSymbol is what the shared libraries among the inputs say of a name.
type libSymbol struct {
	typ     elf.SymType
	version string // that a name without one means; empty for none, and if not settled
	settled bool   // it is known what that is
	missing string // the library's name, if only one that the original does not load has the symbol
	later   string // the library's name, if only its patched version has the symbol
}

// libraries are what the shared libraries of the link define, by name.
type libraries map[string]libSymbol

// readLibraries collects what the libraries define that the original loads, then what others do.
func readLibraries(inputs objects) libraries {
	l := libraries{}
	for i := range inputs {
		if obj := &inputs[i]; obj.File.Type == elf.ET_DYN && !obj.New && !obj.Later {
			l.add(obj.File, libSymbol{})
		}
	}
	for i := range inputs {
		switch obj := &inputs[i]; {
		case obj.Later:
			l.add(obj.File, libSymbol{later: libraryName(obj)})
		case obj.New:
			l.add(obj.File, libSymbol{missing: libraryName(obj)})
		}
	}
	return l
}

// noteVersion notes that an input asks for a version of a name.
func (t *inputTables) noteVersion(s *elfobj.Symbol) {
	if s.Section == int(elf.SHN_UNDEF) && s.Bind != elf.STB_LOCAL && s.Version != "" {
		t.byVersion[s.Name] = true
	}
}

// isCopy reports whether the binary has a place for a variable of a library, of the version that is asked for.
func (s *slots) isCopy(sym *elfobj.Symbol) bool { return s.copies[versioned{sym.Name, sym.Version}] }

// importOf returns what the original takes from a library that a reference means, nil if it does not take that. A name alone is what the
// original has by it, but where an input asks for a version of it: then only the library tells which one the linker takes.
func (sc *scope) importOf(sym *elfobj.Symbol, lib libSymbol) (*elfobj.Symbol, error) {
	known := sc.tables.imports[sym.Name]
	if known == nil {
		return nil, nil
	}
	twice := sc.slots.twice[sym.Name]
	switch {
	case sym.Version != "":
		return sc.tables.taken[versioned{sym.Name, sym.Version}], nil
	case !twice && !sc.inputs.byVersion[sym.Name]:
		return known, nil
	case lib.settled && lib.missing == "" && lib.later == "":
		return sc.tables.taken[versioned{sym.Name, lib.version}], nil
	case twice:
		return nil, fault.Refuse(fault.AmbiguousSymbol, "original binary", "several versions of %q are in use", sym.Name)
	}
	return nil, fault.Refuse(fault.AmbiguousSymbol, "original binary", "it takes version %q of %q, and it cannot be told which one a reference without a version means",
		known.Version, sym.Name)
}

// add collects what a library defines; where tells whose its symbols are if no process has them. A name without a version means the
// first definition that says so.
func (l libraries) add(f *elfobj.File, where libSymbol) {
	for i := range f.DynSymbols {
		s := &f.DynSymbols[i]
		if s.Name == "" || !s.Defined() {
			continue
		}
		known, found := l[s.Name]
		if found && (known.settled || known.missing != where.missing || known.later != where.later) {
			continue
		}
		if lib := (libSymbol{typ: s.Type, missing: where.missing, later: where.later}); !s.Older {
			lib.version, lib.settled = s.Version, true
			l[s.Name] = lib
		} else if !found {
			l[s.Name] = lib
		}
	}
}
