package ld

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"gocare/internal/elfobj"
)

// Outside says how a global function of an input is reached by what is no input of the link, or under another name; "" if it
// is not. The linker itself may do so, for other programs and libraries, or when it is told to.
func (o *Original) Outside(input int, name string) string {
	at, found := o.globalAt(input, name)
	if !found {
		return fmt.Sprintf("%q is not found in the binary", name)
	}
	tags := dynamicTags(o.bin.File)
	init, hasInit := tags[elf.DT_INIT]
	fini, hasFini := tags[elf.DT_FINI]
	switch {
	case o.names.redirects(input, name):
		return "the link redirects calls of it (--wrap)"
	case at == o.bin.Entry:
		return "the program begins with it"
	case hasInit && at == init || hasFini && at == fini:
		return "the dynamic linker calls it"
	case slices.ContainsFunc(o.bin.DynSymbols, func(s elfobj.Symbol) bool { return s.Defined() && (s.Value == at || s.Name == name) }):
		return "the binary exports it"
	}
	for i := range o.bin.Symbols {
		if s := &o.bin.Symbols[i]; s.Defined() && s.Value == at && s.Name != name && (s.Type == elf.STT_FUNC || s.Bind != elf.STB_LOCAL) {
			return fmt.Sprintf("the binary also calls it %q", s.Name)
		}
	}
	return ""
}

// Users lists the inputs that look for a symbol in others, with those whose code is made at link time: what they use is not
// known.
func (o *Original) Users(name string) (inputs []int) {
	for i := range o.objects {
		f := o.objects[i].File
		undefined := func(s elfobj.Symbol) bool { return s.Name == name && s.Section == int(elf.SHN_UNDEF) }
		late := func(s elfobj.Section) bool { return strings.HasPrefix(s.Name, ".gnu.lto_") }
		if f.Type == elf.ET_REL && (slices.ContainsFunc(f.Symbols, undefined) || slices.ContainsFunc(f.Sections, late)) {
			inputs = append(inputs, i)
		}
	}
	return inputs
}

// DefinedAgain names an input besides one that defines a symbol for others, of which the linker took one; "" if there is none.
func (o *Original) DefinedAgain(input int, name string) string {
	for i := range o.objects {
		f := o.objects[i].File
		if i != input && f.Type == elf.ET_REL && slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
			return s.Name == name && s.Defined() && s.Bind != elf.STB_LOCAL
		}) {
			return o.objects.name(i)
		}
	}
	return ""
}

// InputName names an input for messages.
func (o *Original) InputName(input int) string { return o.objects.name(input) }

// Displaced names the input whose definition of a symbol the linker might no longer take once another input, or NewInput,
// defines it with some strength; "" if there is none.
func (o *Original) Displaced(input int, name string, by Strength) string {
	return o.objects.displaced(input, name, by)
}

// Seeker names a shared library that looks for a symbol when it is loaded, "" if there is none, and says whether the binary shows it one.
func (o *Original) Seeker(name string) (library string, shown bool) { return o.seekers.find(name) }

// Keeper returns the input whose definition of a global symbol the original has, -1 if that is not known.
func (o *Original) Keeper(name string) int { return o.names.keeper(name) }

// InLibrary reports whether a shared library of the link defines a symbol.
func (o *Original) InLibrary(name string) bool { return o.names.libraries[name] != (libSymbol{}) }

// HasOwnPath reports whether the binary is a shared library that says where it looks for others.
func (o *Original) HasOwnPath() bool { return o.bin.kind.shared && o.bin.HasRunPath() }

// DataSize returns the bytes of a variable that an input or a library of the link shows to others, and that can be written.
func (o *Original) DataSize(name string) (size uint64, found bool) {
	for i := range o.objects {
		f := o.objects[i].File
		symbols := f.Symbols
		if f.Type == elf.ET_DYN {
			symbols = f.DynSymbols
		}
		for k := range symbols {
			if s := &symbols[k]; s.Name == name && s.Bind != elf.STB_LOCAL && isWritable(f, s) {
				return s.Size, true
			}
		}
	}
	return 0, false
}

// isWritable reports whether a symbol is that of a variable that can be written, a common one included.
func isWritable(f *elfobj.File, s *elfobj.Symbol) bool {
	switch {
	case s.Section == int(elf.SHN_COMMON):
		return true
	case s.Type != elf.STT_OBJECT && s.Type != elf.STT_TLS || !s.Defined():
		return false
	}
	sec := &f.Sections[s.Section]
	return sec.Flags&elf.SHF_WRITE != 0 && !strings.HasPrefix(sec.Name, ".data.rel.ro")
}

// Named reports whether the binary has a symbol of that name that others see or that it looks for, or an input defines one.
func (o *Original) Named(name string) bool {
	named := func(s elfobj.Symbol) bool { return s.Name == name && s.Bind != elf.STB_LOCAL }
	return slices.ContainsFunc(o.bin.Symbols, named) || slices.ContainsFunc(o.bin.DynSymbols, named)
}
