package diffasm

import (
	"fmt"

	"gocare/diffasm/asm"
	"gocare/diffasm/debuginfo"
	"gocare/diffasm/machine"
)

// Replaced is a function of the patch that takes the place of one of the original.
type Replaced struct {
	Orig, Name string // in the original unit, and in the patched one
	Clone      bool   // made by the compiler, with parameters of its own choice
	Global     bool   // other units see it, in one version at least
}

// Use is something that refers to a function.
type Use struct {
	What  string // in words that go on "…: "
	Where string // source place, "" if it is not known
	// Caller names the function of the patched unit that calls it and is not in the patch, if that is what uses it.
	Caller string
}

// Replaced lists the functions of the patch that replace one with changed code.
func (s *Selection) Replaced() (list []Replaced) {
	for i, pair := range s.chosen {
		if pair.o == nil || s.Functions[i].Status != Changed {
			continue
		}
		_, clone := asm.SplitNumbered(pair.o.Name)
		global := s.d.orig.IsGlobal(pair.o.Name) || s.d.patched.IsGlobal(pair.p.Name)
		list = append(list, Replaced{Orig: pair.o.Name, Name: pair.p.Name, Clone: clone, Global: global})
	}
	return list
}

// SourceName is the name that the source has for a function, of which name may be a clone, or for a static local.
func SourceName(name string) string { return asm.SourceName(name) }

// OtherUse looks for a reference to a function, named so in the original and in the patched unit, that is none of these: a
// call by a function of the patch, and a call by one that only the original has. Where all are, only old code reaches the original
// function, and only the patch the new one.
func (s *Selection) OtherUse(orig, patched string) *Use {
	if s.d == nil || s.d.late() {
		return &Use{What: "the unit's code is made when the program is linked"}
	}
	mine := map[*asm.Function]bool{}
	for _, pair := range s.chosen {
		mine[pair.p], mine[pair.o] = true, pair.o != nil
	}
	for _, pair := range s.d.fns {
		if pair.p == nil {
			mine[pair.o] = true
		}
	}
	if u := otherUse(s.d.patched, patched, mine); u != nil {
		return u
	}
	u := otherUse(s.d.orig, orig, mine)
	if u != nil {
		u.Caller = "" // it is one of the original, which no patch can take in
	}
	return u
}

// otherUse returns a reference to name besides calls by functions that are mine.
func otherUse(f *debuginfo.Unit, name string, mine map[*asm.Function]bool) *Use {
	if other := otherName(f.File, name); other != nil {
		return other
	}
	if s := f.Symbols[name]; s != nil && s.Binding == "weak" {
		return use(f.File, asm.Statement{}, "it is weak")
	}
	return mention(f, name, mine)
}

// mention returns a place that names a function, besides calls by functions that are mine.
func mention(f *debuginfo.Unit, name string, mine map[*asm.Function]bool) *Use {
	for _, l := range f.Loose {
		if asm.MentionsName(l.Statement, name) {
			return use(f.File, l.Statement, "its address is in section %s", l.Section.Name)
		}
	}
	for _, b := range f.Order {
		for _, st := range b.Items {
			if asm.MentionsName(st, name) {
				return use(f.File, asm.Statement{Line: b.Line, Place: f.DeclaredAt(b.Name)}, "its address is in %s", dataName(f.File, b))
			}
		}
	}
	for _, fn := range f.Functions {
		for _, s := range fn.Streams {
			for _, st := range s.Statements {
				switch {
				case st.Kind == asm.Label || !asm.MentionsName(st, name):
				case st.Asm:
					return use(f.File, st, "inline assembly of %q names it", fn.Name)
				case !machine.OnlyCalls(machine.Of(f.File), st, name):
					return use(f.File, st, "%q takes its address", fn.Name)
				case !mine[fn]:
					u := use(f.File, st, "%q, which is not in the patch, calls it", fn.Name)
					u.Caller = fn.Name
					return u
				}
			}
		}
	}
	return nil
}

// otherName returns how a function may be reached by more than its name.
func otherName(f *asm.File, name string) *Use {
	for _, a := range f.Aliases {
		if target, _, _ := f.Follow(a.Name); target == name || a.Target == name {
			return use(f, asm.Statement{Line: a.Line}, "%q is another name of it", a.Name)
		}
	}
	s := f.Symbols[name]
	switch {
	case len(f.Macros) > 0:
		return use(f, asm.Statement{}, "the unit has assembler macros")
	case s != nil && s.Type == "gnu_indirect_function":
		return use(f, asm.Statement{}, "it is an indirect function")
	case s != nil && s.Version != "":
		return use(f, asm.Statement{}, "it has a symbol version")
	}
	return nil
}

func use(f *asm.File, at asm.Statement, format string, args ...any) *Use {
	u := &Use{What: fmt.Sprintf(format, args...)}
	if _, line := f.Place(at.Place); line > 0 {
		u.Where = f.Where(at)
	}
	return u
}

// dataName is a block in words.
func dataName(f *asm.File, b *asm.Block) string {
	if asm.IsLocal(b.Name) {
		return "a table or constant"
	}
	return fmt.Sprintf("%q", b.Name)
}
