package ld

import (
	"debug/elf"
	"slices"

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

// objects are the inputs of the original link.
type objects []Object

func objectName(obj *Object) string {
	switch {
	case obj.Source != "":
		return obj.Source
	case obj.Member == "":
		return obj.Path
	}
	return obj.Path + "(" + obj.Member + ")"
}

// name names an input of the original, "" for NewInput.
func (o objects) name(input int) string {
	if input == NewInput {
		return ""
	}
	return objectName(&o[input])
}

// libraryName is what a program asks for to have a library loaded.
func libraryName(obj *Object) string {
	if name := obj.File.Soname(); name != "" {
		return name
	}
	return obj.Path
}

// provide reports whether all libraries that the binary asks for are among the inputs.
func (o objects) provide(needed []string) bool {
	given := map[string]bool{}
	for i := range o {
		if f := o[i].File; f.Type == elf.ET_DYN && !o[i].New && !o[i].Later {
			given[f.Soname()] = true
		}
	}
	for _, name := range needed {
		if !given[name] {
			return false
		}
	}
	return true
}

// definedIn reports whether an input defines a symbol.
func (o objects) definedIn(input int, name string) bool {
	return input != NewInput && slices.ContainsFunc(o[input].File.Symbols, func(s elfobj.Symbol) bool {
		return s.Name == name && s.Section != int(elf.SHN_UNDEF)
	})
}

// localSymbols are the local symbols of the inputs, by name.
type localSymbols struct {
	objects objects
	byName  []map[string][]*elfobj.Symbol // by input; read when first needed
}

func newLocalSymbols(inputs objects) *localSymbols {
	return &localSymbols{inputs, make([]map[string][]*elfobj.Symbol, len(inputs))}
}

// of indexes the local symbols of an input when they are first needed.
func (p *localSymbols) of(input int) map[string][]*elfobj.Symbol {
	if index := p.byName[input]; index != nil {
		return index
	}
	index := map[string][]*elfobj.Symbol{}
	f := p.objects[input].File
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Name != "" && s.Bind == elf.STB_LOCAL && s.Type != elf.STT_FILE && s.Type != elf.STT_SECTION {
			index[s.Name] = append(index[s.Name], s)
		}
	}
	p.byName[input] = index
	return index
}

// functionSymbol finds a defined function by name in an input.
func (o objects) functionSymbol(input int, name, where string) (*elfobj.Symbol, error) {
	var found *elfobj.Symbol
	f := o[input].File
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if s.Name != name || !s.Defined() || s.Type == elf.STT_SECTION || s.Type == elf.STT_FILE {
			continue
		}
		if found != nil && (found.Section != s.Section || found.Value != s.Value) {
			return nil, fault.Refuse(fault.AmbiguousSymbol, where, "several functions of %s are named %q", objectName(&o[input]), name)
		}
		found = s
	}
	if found == nil {
		return nil, fault.Refuse(fault.UnknownFunction, where, "%s has no symbol %q", objectName(&o[input]), name).
			WithHint("the object was stripped or is not the one that the unit was compiled to")
	}
	if f.Sections[found.Section].Flags&elf.SHF_EXECINSTR == 0 {
		return nil, fault.Refuse(fault.UnknownFunction, where, "%q of %s is no code", name, objectName(&o[input]))
	}
	return found, nil
}

func (o objects) section(s inputSection) *elfSection {
	return &o[s.object].File.Sections[s.section]
}
