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

// asked notes that an input asks for a version of a name.
func (o *Original) asked(s *elfobj.Symbol) {
	if s.Section == int(elf.SHN_UNDEF) && s.Bind != elf.STB_LOCAL && s.Version != "" {
		o.byVersion[s.Name] = true
	}
}

// isCopy reports whether the binary has a place for a variable of a library, of the version that is asked for.
func (o *Original) isCopy(s *elfobj.Symbol) bool { return o.copies[versioned{s.Name, s.Version}] }

// importOf returns what the original takes from a library that a reference means, nil if it does not take that. A name alone is what the
// original has by it, but where an input asks for a version of it: then only the library tells which one the linker takes.
func (o *Original) importOf(sym *elfobj.Symbol, lib libSymbol) (*elfobj.Symbol, error) {
	known := o.imports[sym.Name]
	if known == nil {
		return nil, nil
	}
	twice := o.slots.twice[sym.Name]
	switch {
	case sym.Version != "":
		return o.taken[versioned{sym.Name, sym.Version}], nil
	case !twice && !o.byVersion[sym.Name]:
		return known, nil
	case lib.settled && lib.missing == "" && lib.later == "":
		return o.taken[versioned{sym.Name, lib.version}], nil
	case twice:
		return nil, fault.Refuse(fault.AmbiguousSymbol, "original binary", "several versions of %q are in use", sym.Name)
	}
	return nil, fault.Refuse(fault.AmbiguousSymbol, "original binary", "it takes version %q of %q, and it cannot be told which one a reference without a version means",
		known.Version, sym.Name)
}

// indexLibrary collects what a library defines; where tells whose its symbols are if no process has them. A name without a version means the
// first definition that says so.
func (o *Original) indexLibrary(f *elfobj.File, where libSymbol) {
	for i := range f.DynSymbols {
		s := &f.DynSymbols[i]
		if s.Name == "" || !s.Defined() {
			continue
		}
		known, found := o.library[s.Name]
		if found && (known.settled || known.missing != where.missing || known.later != where.later) {
			continue
		}
		if lib := (libSymbol{typ: s.Type, missing: where.missing, later: where.later}); !s.Older {
			lib.version, lib.settled = s.Version, true
			o.library[s.Name] = lib
		} else if !found {
			o.library[s.Name] = lib
		}
	}
}
