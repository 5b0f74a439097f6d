package diffasm

import (
	"slices"
	"strings"
	"sync"
)

// Unit is a unit's assembly with what its debug information says, or that of the same source compiled once more with -g.
type Unit struct {
	*File
	lender   *Unit         // has the debug information for this one
	decls    *declarations // see declared
	readOnce sync.Once     // fills decls
}

// numberedNames adds the names of private variables that have a number behind them in a unit of clang's. It gives the first
// static local x of f the name f.x and the next one, of another block, f.x.1; it also takes structures apart, s into s.0 and s.1.
func (f *Unit) numberedNames(names map[string]bool) {
	for _, b := range f.vars {
		a, ok := splitNumbered(b.name)
		if ok && f.clang && a.kinds == numberedKind && !f.isGlobal(b.name) {
			names[a.base] = true
		}
		if f.clang && !ok && f.isStaticLocal(b) {
			names[b.name] = true
		}
	}
}

// isStaticLocal reports whether the debug information has b in a function.
func (f *Unit) isStaticLocal(b *block) bool {
	ds := f.declared()
	if ds == nil || strings.IndexByte(b.name, '.') < 0 || f.isGlobal(b.name) {
		return false
	}
	d := ds.bySym[b.name]
	return d != nil && d.fn != ""
}

// BorrowDebug takes the debug information of g, the same source compiled with -g as well, for telling static locals apart.
// It reports whether it could: the code of both has to be the same.
func (f *Unit) BorrowDebug(g *Unit) bool {
	if len(f.funcs) != len(g.funcs) || len(f.vars) != len(g.vars) || g.declared() == nil {
		return false
	}
	// -g changes no code, but for what depends on __LINE__ or a time: compare all of it, names as they are, since the symbols that the
	// debug information names have to be those of this unit.
	raw := func(n string) string { return n }
	a, b := newCanon(f.File, raw), newCanon(g.File, raw)
	for i, fn := range f.funcs {
		if fn.name != g.funcs[i].name || a.hash(fn) != b.hash(g.funcs[i]) {
			return false
		}
	}
	for i, v := range f.vars {
		if v.name != g.vars[i].name || a.data(v) != b.data(g.vars[i]) {
			return false
		}
	}
	f.lender = g
	return true
}

// HasStatics reports whether the unit has variables that the compiler numbered.
func (f *Unit) HasStatics() bool {
	bases := map[string]bool{}
	f.numberedNames(bases)
	return slices.ContainsFunc(f.vars, func(b *block) bool {
		_, ok := f.numberedVar(b, bases)
		return ok
	})
}

// Borrowed reports whether it has the debug information of another file.
func (f *Unit) Borrowed() bool { return f.lender != nil }

// declared returns the declarations of the unit; nil where it has no debug information or it is not understood.
func (f *Unit) declared() *declarations {
	if f.lender != nil {
		return f.lender.declared()
	}
	f.readOnce.Do(func() { f.decls = f.readDeclarations() })
	return f.decls
}
