package diffasm

import (
	"strings"

	"gocare/internal/patchname"
)

// numberedName is a name the compiler numbered itself: a static local (x.3) or a clone (f.isra.0.constprop.1).
type numberedName struct {
	base  string // x, f
	kinds string // "#" for a number, ".isra.#" for a clone; the numbers left out
}

// cloneSuffix are the suffixes compilers add before a number.
var cloneSuffix = map[string]bool{
	"isra": true, "constprop": true, "part": true, "lto_priv": true, "clone": true, "llvm": true, "localalias": true,
	"simdclone": true, "_omp_fn": true, "_omp_cpyfn": true, "oacc_privatized": true,
}

// splitNumbered takes a numbered name apart; ok is false for other names.
func splitNumbered(name string) (a numberedName, ok bool) {
	if isClangLiteral(name) {
		return numberedName{base: clangLiteral, kinds: numberedKind}, true
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
		case allDigits(last):
			a.kinds = ".#" + a.kinds
		case cloneSuffix[last]:
			a.kinds = "." + last + a.kinds
		default:
			a.base = rest
			return a, a.kinds != ""
		}
		rest = rest[:i]
	}
	a.base = rest
	return a, a.kinds != ""
}

// Names of the variables that compound literals at file level are, to which the program may keep pointers. gcc counts all of
// the source, clang those that have storage; what LLVM takes one apart into gets a number more.
const (
	gccLiteral   = "__compound_literal"
	clangLiteral = ".compoundliteral"
)

func isClangLiteral(name string) bool {
	rest, ok := strings.CutPrefix(name, clangLiteral)
	return ok && (rest == "" || rest[0] == '.' && allDigits(strings.ReplaceAll(rest[1:], ".", "")))
}

// isNameless reports whether a variable has no name in the source: its number is all that it has, and that says nothing.
func isNameless(name string) bool {
	a, ok := splitNumbered(name)
	return ok && (a.base == gccLiteral || a.base == clangLiteral)
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// numberedKind is the kind of a name with nothing but a number behind it.
const numberedKind = ".#"

// numberedVar takes the name of a private variable apart; ok is false for others. bases has the names of variables of which
// some have a number in either unit.
func (f *File) numberedVar(b *block, bases map[string]bool) (a numberedName, ok bool) {
	a, ok = splitNumbered(b.name)
	if !ok && bases[b.name] { // the first of several of one name, for clang
		a, ok = numberedName{base: b.name, kinds: numberedKind}, true
	}
	return a, ok && b.owner == nil && !f.isLiteral(b) && !f.isGlobal(b.name)
}

// key is what candidates for the same name have in common.
func (a numberedName) key() string { return a.base + a.kinds }

// isNumbered reports whether the compiler numbered a name.
func isNumbered(name string) bool {
	_, ok := splitNumbered(name)
	return ok
}

// sourceName is the name without what the compiler added.
func sourceName(name string) string {
	if a, ok := splitNumbered(name); ok {
		return a.base
	}
	return name
}

// noAddress are names of constants the compiler makes; programs cannot depend on their addresses.
var noAddress = map[string]bool{
	"__func__": true, "__FUNCTION__": true, "__PRETTY_FUNCTION__": true, "CSWTCH": true, "C": true,
}

// isLiteral reports whether b is known by its content alone: a .L literal, or a constant the compiler made and numbered.
func (f *File) isLiteral(b *block) bool {
	if b.owner != nil {
		return false
	}
	if isLocal(b.name) {
		// gcc's .LC constants are never written, also where it puts those with addresses into .data, as a patch does with all.
		return b.sec.class == classRO || b.sec.class == classRelro || b.sec.class == classRW && (isConstant(b.name) || b.sec.name == patchname.DataSection)
	}
	// A name of clang's with a dot in front is that of a string which -fsanitize=address made a variable of.
	// A constant in a section whose pieces the linker may merge has no address of its own, whatever its name; clang puts static
	// ones there when it sees that nobody compares their addresses.
	return (isUnnamed(b.name) || b.sec.merge || b.isOffsetTable() || f.clang && b.name[0] == '.' && !isClangLiteral(b.name)) && (b.sec.class == classRO || b.sec.class == classRelro) && !f.isGlobal(b.name)
}

// isOffsetTable reports whether b is a table of distances from its own start, which LLVM makes of a constant table of addresses and
// names after the function that uses it.
func (b *block) isOffsetTable() bool {
	return strings.HasPrefix(b.name, "reltable.") && len(b.items) > 0 && strings.HasSuffix(b.items[0].args, "-"+b.name)
}

// isConstant reports whether a local label is gcc's for a constant, or ours for an unnamed one (see emitter.name); or what
// -fsanitize=undefined says of a place in the source, of which only that place's code makes use: the run-time library marks it
// once it has reported it.
func isConstant(name string) bool {
	if n, ok := strings.CutPrefix(name, ".L__unnamed_"); ok && allDigits(n) || strings.HasPrefix(name, ".Lubsan_") {
		return true
	}
	return strings.HasPrefix(name, ".LC") && allDigits(name[3:]) || strings.HasPrefix(name, ".L") && isUnnamed(name[2:])
}

// isUnnamed reports whether gcc made the name up for a constant without an address of its own in the source.
func isUnnamed(name string) bool {
	a, ok := splitNumbered(name)
	return ok && noAddress[a.base]
}
