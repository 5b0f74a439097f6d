package debuginfo

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"gocare/diffasm/asm"
	"gocare/diffasm/canon"
)

// Unit is a unit's assembly with what its debug information says, or that of the same source compiled once more with -g.
type Unit struct {
	*asm.File
	lender   *Unit         // has the debug information for this one
	decls    *Declarations // see Declarations
	readOnce sync.Once     // fills decls
}

// Nothing is a unit without code, of the compiler of another one.
func Nothing(like *Unit) *Unit {
	f, _ := asm.Parse(like.Syntax, like.UnitName(), nil) // there is nothing to refuse
	f.Clang = like.Clang
	u := &Unit{File: f, decls: &Declarations{BySymbol: map[string]*Declaration{}, Functions: map[string]bool{}}}
	u.readOnce.Do(func() {})
	return u
}

// NumberedNames adds the names of private variables that have a number behind them in a unit of clang's. It gives the first
// static local x of f the name f.x and the next one, of another block, f.x.1; it also takes structures apart, s into s.0 and s.1.
func (f *Unit) NumberedNames(names map[string]bool) {
	for _, b := range f.Variables {
		a, ok := asm.SplitNumbered(b.Name)
		if ok && f.Clang && a.Kinds == asm.NumberedKind && !f.IsGlobal(b.Name) {
			names[a.Base] = true
		}
		if f.Clang && !ok && f.isStaticLocal(b) {
			names[b.Name] = true
		}
	}
}

// isStaticLocal reports whether the debug information has b in a function.
func (f *Unit) isStaticLocal(b *asm.Block) bool {
	ds := f.Declarations()
	if ds == nil || strings.IndexByte(b.Name, '.') < 0 || f.IsGlobal(b.Name) {
		return false
	}
	d := ds.BySymbol[b.Name]
	return d != nil && d.Function != ""
}

// WithDebug returns the unit with the debug information of g, the same source compiled with -g as well, for telling static locals
// apart; or why not: the code of both is not the same, or g has none that is understood.
func (f *Unit) WithDebug(g *Unit) (with *Unit, why string) {
	if why = otherCode(f.File, g.File); why != "" {
		return nil, why
	}
	if g.Declarations() == nil {
		return nil, "its debug information is not understood"
	}
	return &Unit{File: f.File, lender: g}, ""
}

// otherCode says what differs in the functions and variables of two units, and their names; "" if nothing does.
func otherCode(f, g *asm.File) string {
	if len(f.Functions) != len(g.Functions) || len(f.Variables) != len(g.Variables) {
		return "it has other functions or variables then"
	}
	// -g changes no code, but for what depends on __LINE__ or a time: compare all of it, names as they are, since the symbols that the
	// debug information names have to be those of this unit.
	raw := func(n string) string { return n }
	a, b := canon.New(f, raw), canon.New(g, raw)
	a.Code, b.Code = true, true // it has unwind tables made, for the debugger, where the build leaves them out
	for i, fn := range f.Functions {
		if fn.Name != g.Functions[i].Name || a.Hash(fn) != b.Hash(g.Functions[i]) {
			return fmt.Sprintf("function %q has other code then", asm.SourceName(fn.Name))
		}
	}
	for i, v := range f.Variables {
		if v.Name != g.Variables[i].Name || a.Data(v) != b.Data(g.Variables[i]) {
			return fmt.Sprintf("variable %q has another initial value then", asm.SourceName(v.Name))
		}
	}
	return ""
}

// HasStatics reports whether the unit has variables that the compiler numbered.
func (f *Unit) HasStatics() bool {
	bases := map[string]bool{}
	f.NumberedNames(bases)
	return slices.ContainsFunc(f.Variables, func(b *asm.Block) bool {
		_, ok := f.NumberedVariable(b, bases)
		return ok
	})
}

// Borrowed reports whether it has the debug information of another file.
func (f *Unit) Borrowed() bool { return f.lender != nil }

// Declarations returns the declarations of the unit; nil where it has no debug information or it is not understood.
func (f *Unit) Declarations() *Declarations {
	if f.lender != nil {
		return f.lender.Declarations()
	}
	f.readOnce.Do(func() { f.decls = readDeclarations(f.File) })
	return f.decls
}
