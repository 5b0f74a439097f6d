package asm

import (
	"strings"

	"gocare/internal/kpname"
)

// NumberedName is a name the compiler numbered itself: a static local (x.3) or a clone (f.isra.0.constprop.1).
type NumberedName struct {
	Base  string // x, f
	Kinds string // "#" for a number, ".isra.#" for a clone; the numbers left out
}

// cloneSuffix are the suffixes compilers add before a number.
var cloneSuffix = map[string]bool{
	"isra": true, "constprop": true, "part": true, "lto_priv": true, "clone": true, "llvm": true, "localalias": true,
	"simdclone": true, "_omp_fn": true, "_omp_cpyfn": true, "oacc_privatized": true,
}

// SplitNumbered takes a numbered name apart; ok is false for other names.
func SplitNumbered(name string) (a NumberedName, ok bool) {
	if isClangLiteral(name) {
		return NumberedName{Base: clangLiteral, Kinds: NumberedKind}, true
	}
	if strings.IndexByte(name, '.') <= 0 {
		return a, false
	}
	rest := name
	for {
		i := strings.LastIndexByte(rest, '.')
		if i <= 0 {
			break
		}
		switch last := rest[i+1:]; {
		case AllDigits(last):
			a.Kinds = ".#" + a.Kinds
		case cloneSuffix[last]:
			a.Kinds = "." + last + a.Kinds
		default:
			a.Base = rest
			return a, a.Kinds != ""
		}
		rest = rest[:i]
	}
	a.Base = rest
	return a, a.Kinds != ""
}

// Names of the variables that compound literals at file level are, to which the program may keep pointers. gcc counts all of
// the source, clang those that have storage; what LLVM takes one apart into gets a number more.
const (
	gccLiteral   = "__compound_literal"
	clangLiteral = ".compoundliteral"
)

func isClangLiteral(name string) bool {
	rest, ok := strings.CutPrefix(name, clangLiteral)
	return ok && (rest == "" || rest[0] == '.' && AllDigits(strings.ReplaceAll(rest[1:], ".", "")))
}

// IsNameless reports whether a variable has no name in the source: its number is all that it has, and that says nothing.
func IsNameless(name string) bool {
	a, ok := SplitNumbered(name)
	return ok && (a.Base == gccLiteral || a.Base == clangLiteral)
}

// AllDigits reports whether a text is digits and nothing else; an empty one is not.
func AllDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// NumberedKind is the kind of a name with nothing but a number behind it.
const NumberedKind = ".#"

// NumberedVariable takes the name of a private variable apart; ok is false for others. bases has the names of variables of which
// some have a number in either unit.
func (f *File) NumberedVariable(b *Block, bases map[string]bool) (a NumberedName, ok bool) {
	a, ok = SplitNumbered(b.Name)
	if !ok && bases[b.Name] { // the first of several of one name, for clang
		a, ok = NumberedName{Base: b.Name, Kinds: NumberedKind}, true
	}
	return a, ok && b.Owner == nil && !f.IsLiteral(b) && !f.IsGlobal(b.Name)
}

// Key is what candidates for the same name have in common.
func (a NumberedName) Key() string { return a.Base + a.Kinds }

// IsNumbered reports whether the compiler numbered a name.
func IsNumbered(name string) bool {
	_, ok := SplitNumbered(name)
	return ok
}

// SourceName is the name without what the compiler added.
func SourceName(name string) string {
	if a, ok := SplitNumbered(name); ok {
		return a.Base
	}
	return name
}

// noAddress are names of constants the compiler makes; programs cannot depend on their addresses.
var noAddress = map[string]bool{
	"__func__": true, "__FUNCTION__": true, "__PRETTY_FUNCTION__": true, "CSWTCH": true, "C": true,
}

// IsLiteral reports whether b is known by its content alone: a .L literal, or a constant the compiler made and numbered.
func (f *File) IsLiteral(b *Block) bool {
	if b.Owner != nil {
		return false
	}
	if IsLocal(b.Name) {
		// gcc's .LC constants are never written, also where it puts those with addresses into .data, as a patch does with all.
		return b.Section.Class == ReadOnly || b.Section.Class == Relro || b.Section.Class == Writable && (isConstant(b.Name) || b.Section.Name == kpname.Data)
	}
	// A name of clang's with a dot in front is that of a string which -fsanitize=address made a variable of.
	// A constant in a section whose pieces the linker may merge has no address of its own, whatever its name; clang puts static
	// ones there when it sees that nobody compares their addresses.
	return (isUnnamed(b.Name) || b.Section.Merge || b.isOffsetTable() || f.Clang && b.Name[0] == '.' && !isClangLiteral(b.Name)) && (b.Section.Class == ReadOnly || b.Section.Class == Relro) && !f.IsGlobal(b.Name)
}

// isOffsetTable reports whether b is a table of distances from its own start, which LLVM makes of a constant table of addresses and
// names after the function that uses it.
func (b *Block) isOffsetTable() bool {
	return strings.HasPrefix(b.Name, "reltable.") && len(b.Items) > 0 && strings.HasSuffix(b.Items[0].Args, "-"+b.Name)
}

// isConstant reports whether a local label is gcc's for a constant, or ours for an unnamed one (see kpname.LiteralPrefix); or what
// -fsanitize=undefined says of a place in the source, of which only that place's code makes use: the run-time library marks it
// once it has reported it; or clang's pointer to what a type of exceptions is, or the values from which it copies a part of a local variable.
func isConstant(name string) bool {
	if n, ok := strings.CutPrefix(name, ".Lconstinit"); ok && (n == "" || n[0] == '.' && AllDigits(n[1:])) {
		return true
	}
	if n, ok := strings.CutPrefix(name, ".L__unnamed_"); ok && AllDigits(n) || strings.HasPrefix(name, ".Lubsan_") || strings.HasSuffix(name, ".DW.stub") {
		return true
	}
	return strings.HasPrefix(name, ".LC") && AllDigits(name[3:]) || strings.HasPrefix(name, ".L") && isUnnamed(name[2:])
}

// IsFunctionName reports whether a constant is one that names a function: __func__ and what is like it.
func IsFunctionName(name string) bool {
	a, ok := SplitNumbered(name)
	return ok && strings.HasPrefix(a.Base, "__") && noAddress[a.Base]
}

// HasSourceName reports whether a name is that of something in the source, numbers aside.
func HasSourceName(name string) bool { return !isUnnamed(name) && !IsNameless(name) }

// isUnnamed reports whether gcc made the name up for a constant without an address of its own in the source.
func isUnnamed(name string) bool {
	a, ok := SplitNumbered(name)
	return ok && noAddress[a.Base]
}
