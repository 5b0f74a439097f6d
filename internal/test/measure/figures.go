package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
)

// function is one with a body; a function literal belongs to the one around it.
type function struct {
	name  string
	lines int // from its first line to the closing brace
}

func (p *pkg) functions() (list []function) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				lines := p.fset.Position(fn.End()).Line - p.fset.Position(fn.Pos()).Line + 1
				list = append(list, function{p.types.Name() + "." + fn.Name.Name, lines})
			}
		}
	}
	return list
}

// methods counts the methods that are declared for each type.
func (p *pkg) methods() map[string]int {
	count := map[string]int{}
	for _, t := range p.named() {
		count[p.types.Name()+"."+t.Obj().Name()] = t.NumMethods()
	}
	return count
}

func (p *pkg) named() (list []*types.Named) {
	for _, name := range p.types.Scope().Names() {
		if t, ok := p.types.Scope().Lookup(name).(*types.TypeName); ok && !t.IsAlias() {
			list = append(list, t.Type().(*types.Named))
		}
	}
	return list
}

// exported counts the exported names of a package: those at its top level, and the methods of its exported types.
func (p *pkg) exported() (n int) {
	for _, name := range p.types.Scope().Names() {
		if token.IsExported(name) {
			n++
		}
	}
	for _, t := range p.named() {
		for m := range t.Methods() {
			if t.Obj().Exported() && m.Exported() {
				n++
			}
		}
	}
	return n
}

// arrow leads from a file to one whose names it uses.
type arrow struct{ from, to string }

// arrows returns the pairs of files of which one uses names of the other, and those of them in which both do: arrows that
// run back up. Names are those at the top level, and methods; fields are not counted by themselves.
func (p *pkg) arrows() (all, back []arrow) {
	uses := map[arrow]bool{}
	for id, o := range p.info.Uses {
		if o.Pkg() != p.types || !topLevel(o) {
			continue
		}
		a := arrow{p.file(id.Pos()), p.file(o.Pos())}
		if a.from != a.to {
			uses[a] = true
		}
	}
	for a := range uses {
		mutual := uses[arrow{a.to, a.from}]
		if mutual && a.from > a.to {
			continue // counted from the other side
		}
		if all = append(all, a); mutual {
			back = append(back, a)
		}
	}
	return all, back
}

func topLevel(o types.Object) bool {
	if f, ok := o.(*types.Func); ok {
		o = f.Origin()
		return f.Signature().Recv() != nil || o.Parent() == o.Pkg().Scope()
	}
	return o.Parent() == o.Pkg().Scope()
}

func (p *pkg) file(at token.Pos) string { return filepath.Base(p.fset.Position(at).Filename) }

// quantile returns the value below which the given share of sorted values lies.
func quantile(sorted []int, share float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// lengths returns the lengths of functions in lines, sorted.
func lengths(list []function) (lines []int) {
	for _, f := range list {
		lines = append(lines, f.lines)
	}
	slices.Sort(lines)
	return lines
}
