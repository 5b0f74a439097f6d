package diffasm

import (
	"fmt"
	"strings"
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
		_, clone := splitNumbered(pair.o.name)
		global := s.d.orig.isGlobal(pair.o.name) || s.d.patched.isGlobal(pair.p.name)
		list = append(list, Replaced{Orig: pair.o.name, Name: pair.p.name, Clone: clone, Global: global})
	}
	return list
}

// SourceName is the name that the source has for a function, of which name may be a clone.
func SourceName(name string) string { return sourceName(name) }

// OtherUse looks for a reference to a function, named so in the original and in the patched unit, that is none of these: a
// call by a function of the patch, and a call by one that only the original has. Where all are, only old code reaches the original
// function, and only the patch the new one.
func (s *Selection) OtherUse(orig, patched string) *Use {
	if s.d == nil || s.d.late() {
		return &Use{What: "the unit's code is made when the program is linked"}
	}
	mine := map[*fn]bool{}
	for _, pair := range s.chosen {
		mine[pair.p], mine[pair.o] = true, pair.o != nil
	}
	for _, pair := range s.d.fns {
		if pair.p == nil {
			mine[pair.o] = true
		}
	}
	if u := s.d.patched.otherUse(patched, mine); u != nil {
		return u
	}
	u := s.d.orig.otherUse(orig, mine)
	if u != nil {
		u.Caller = "" // it is one of the original, which no patch can take in
	}
	return u
}

// otherUse returns a reference to name besides calls by functions that are mine.
func (f *Unit) otherUse(name string, mine map[*fn]bool) *Use {
	if other := f.otherName(name); other != nil {
		return other
	}
	for _, l := range f.loose {
		if mentionsName(l.stmt, name) {
			return f.use(l.stmt, "its address is in section %s", l.sec.name)
		}
	}
	for _, b := range f.order {
		for _, st := range b.items {
			if mentionsName(st, name) {
				return f.use(stmt{line: b.line, src: f.declaredAt(b.name)}, "its address is in %s", f.dataName(b))
			}
		}
	}
	for _, fn := range f.funcs {
		for _, s := range fn.streams {
			for _, st := range s.stmts {
				switch {
				case st.kind == label || !mentionsName(st, name):
				case st.asm:
					return f.use(st, "inline assembly of %q names it", fn.name)
				case !onlyCalls(machineOf(f.File), st, name):
					return f.use(st, "%q takes its address", fn.name)
				case !mine[fn]:
					u := f.use(st, "%q, which is not in the patch, calls it", fn.name)
					u.Caller = fn.name
					return u
				}
			}
		}
	}
	return nil
}

// otherName returns how a function may be reached by more than its name.
func (f *File) otherName(name string) *Use {
	for _, a := range f.aliases {
		if target, _, _ := f.follow(a.name); target == name || a.target == name {
			return f.use(stmt{line: a.line}, "%q is another name of it", a.name)
		}
	}
	s := f.symbols[name]
	switch {
	case len(f.macros) > 0:
		return f.use(stmt{}, "the unit has assembler macros")
	case s != nil && s.bind == "weak":
		return f.use(stmt{}, "it is weak")
	case s != nil && s.typ == "gnu_indirect_function":
		return f.use(stmt{}, "it is an indirect function")
	case s != nil && s.symver != "":
		return f.use(stmt{}, "it has a symbol version")
	}
	return nil
}

func (f *File) use(at stmt, format string, args ...any) *Use {
	u := &Use{What: fmt.Sprintf(format, args...)}
	if _, line := f.place(at.src); line > 0 {
		u.Where = f.where(at)
	}
	return u
}

// dataName is a block in words.
func (f *File) dataName(b *block) string {
	if isLocal(b.name) {
		return "a table or constant"
	}
	return fmt.Sprintf("%q", b.name)
}

// onlyCalls reports whether a statement that mentions a function calls it or jumps to its entry, and does no more.
func onlyCalls(m Machine, st stmt, name string) bool {
	if st.kind != insn {
		return false
	}
	in := m.Decode(st)
	if !in.Transfers() || strings.Count(st.args, name) != 1 {
		return false
	}
	to := in.Operands[0]
	return to.Kind == Memory && to.Symbol == name && to.Disp == 0 && to.Base == NoRegister && to.Index == NoRegister && !to.Segment &&
		to.Indirect == to.GOT
}
