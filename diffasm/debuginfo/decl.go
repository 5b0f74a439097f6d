package debuginfo

import (
	"maps"
	"slices"
	"strings"

	"gocare/diffasm/asm"
)

// Declaration is a variable as the debug information of the unit has it (DWARF 4 and 5).
type Declaration struct {
	Name      string       // in the source
	Symbol    string       // its symbol, "" if it has no storage
	Function  string       // the function whose static local it is, "" at file level; of a nested function "outer/inner"
	File      string       // as spelt in the assembly
	Line      int          // of the declaration
	Column    int          // 0 where the compiler does not tell
	At        asm.Position // file and line by number
	Constant  bool         // the compiler replaced it by its value
	How       string       // rest of the location: how its value is made of what its symbol holds, "" for as it is
	Other     bool         // it has a location of another kind, a value, or is visible to other units
	Whole     *Declaration // what it is a piece of; nil
	Part      string       // which one, "piece at N"
	Elsewhere bool         // it is only declared here (extern), or kept in pieces
}

// Declarations are the variables of a unit that its debug information lists.
type Declarations struct {
	All       []*Declaration
	BySymbol  map[string]*Declaration
	Functions map[string]bool // functions it lists, spelt as in Declaration.Function
	Code      []*Declaration  // those at file level that it has a place of; Symbol is the name
	Files     []string        // the sources that it names, in the order of their names

	bodies []*Declaration // definitions of functions, but for those within others
}

func readDeclarations(f *asm.File) *Declarations {
	if len(f.Debug[".debug_info"]) == 0 {
		return nil
	}
	r := &dieReader{f: f, dies: map[uint64]*die{}, abbrevs: readAbbrevs(f)}
	r.items = *itemsOf(f, ".debug_info")
	if r.abbrevs == nil || !r.unit() {
		return nil
	}
	if f.Clang {
		r.nameFunctions()
	}
	out := &Declarations{BySymbol: map[string]*Declaration{}, Functions: map[string]bool{}, Files: slices.Compact(slices.Sorted(maps.Values(f.Files)))}
	by := map[*die]*Declaration{}
	for _, at := range sortedOffsets(r.dies) {
		d := r.dies[at]
		first := r.origin(d) // name and place stand there once; copies of an inlined function have locations
		fn, ok := r.path(first.parent)
		if !ok && len(d.located) > 0 { // a variable of which the function is not known could be taken for another function's
			return nil
		}
		if first.tag == tagSubprogram {
			out.Functions[join(fn, first.name)] = true
			out.function(f, d, first)
			out.body(f, d, first)
			continue
		}
		e := by[first]
		if e == nil {
			e = &Declaration{Name: first.name, Function: fn, Column: int(first.column)}
			e.place(f, first.place)
			by[first] = e
			out.All = append(out.All, e)
		}
		e.Other = e.Other || d.other
		e.Constant, e.Elsewhere = e.Constant || d.constant, e.Elsewhere || d.declaration
		if d.place.Line > 0 { // a definition after a declaration has a place of its own
			e.place(f, d.place)
		}
		for _, l := range d.located {
			if !out.locate(e, l) {
				return nil
			}
		}
	}
	if f.Syntax.Unplaced {
		out.placeThreadLocal(f)
	}
	return out
}

// placeThreadLocal gives thread-local variables their symbols where one alone has the name, or other units see it: nothing else tells.
func (ds *Declarations) placeThreadLocal(f *asm.File) {
	symbols, shared := map[string][]string{}, map[string]bool{}
	for _, b := range f.Variables {
		switch name := asm.SourceName(b.Name); {
		case b.Section.Class != asm.ThreadLocal || ds.BySymbol[b.Name] != nil:
		case f.IsGlobal(b.Name):
			shared[b.Name] = true
		default:
			name = name[strings.LastIndexByte(name, '.')+1:] // clang's f.n
			symbols[name] = append(symbols[name], b.Name)
		}
	}
	declared := map[string][]*Declaration{}
	for _, e := range ds.All {
		switch {
		case e.Symbol != "" || e.Constant:
		case e.Function == "" && shared[e.Name] && ds.BySymbol[e.Name] == nil:
			e.Symbol, ds.BySymbol[e.Name] = e.Name, e
		case !e.Other && !e.Elsewhere:
			declared[e.Name] = append(declared[e.Name], e)
		}
	}
	for name, list := range symbols {
		if len(list) == 1 && len(declared[name]) == 1 {
			declared[name][0].Symbol, ds.BySymbol[list[0]] = list[0], declared[name][0]
		}
	}
}

// function notes where a function at file level is declared. d is first itself, or tells where its code is.
func (ds *Declarations) function(f *asm.File, d, first *die) {
	if d == first && d.parent == nil && d.name != "" && d.place.Line > 0 {
		e := &Declaration{Name: d.name, Symbol: d.name, Column: int(d.column), Elsewhere: d.declaration}
		e.place(f, d.place)
		ds.Code = append(ds.Code, e)
	}
}

// body notes where a function is defined. Those within functions count as these.
func (ds *Declarations) body(f *asm.File, d, first *die) {
	at := d.place
	if at.Line == 0 {
		at = first.place
	}
	for out := first.parent; out != nil; out = out.parent {
		if out.tag == tagSubprogram {
			return
		}
	}
	if !d.declaration && first.name != "" && at.Line > 0 {
		e := &Declaration{Name: first.name}
		e.place(f, at)
		ds.bodies = append(ds.bodies, e)
	}
}

// FunctionAt names the function that a line is in, without what that is in; "" if there is none.
func (ds *Declarations) FunctionAt(file string, line int) (name string) {
	begin := 0
	for _, d := range ds.bodies {
		if d.File == file && begin < d.Line && d.Line <= line {
			name, begin = d.Name, d.Line
		}
	}
	return name
}

// locate notes where a variable is kept; it is false for two storages of one variable, or two variables in one storage. A piece
// of a structure that the compiler took apart counts as a variable.
func (ds *Declarations) locate(e *Declaration, l located) bool {
	if l.piece != "" {
		e.Elsewhere = true
		piece := *e
		piece.Function, piece.Elsewhere, piece.Symbol, piece.Whole = l.piece+" of "+e.Name+" "+e.Function, false, "", e
		piece.Part = l.piece
		e = &piece
		if old := ds.BySymbol[l.sym]; old != nil && old.Function == e.Function {
			return true
		}
		ds.All = append(ds.All, e)
	}
	if other := ds.BySymbol[l.sym]; e.Symbol != "" && e.Symbol != l.sym || other != nil && other != e {
		return false
	}
	e.Symbol, e.How, ds.BySymbol[l.sym] = l.sym, l.how, e
	return true
}

func (d *Declaration) place(f *asm.File, p asm.Position) {
	d.At, d.File, d.Line = p, f.Files[p.File], int(p.Line)
}

func sortedOffsets(dies map[uint64]*die) []uint64 { return slices.Sorted(maps.Keys(dies)) }

func join(outer, inner string) string {
	if outer == "" {
		return inner
	}
	return outer + "/" + inner
}

// origin is the entry that has name and place: that of the inlined function, not of its copy.
func (r *dieReader) origin(d *die) *die {
	for range 8 {
		o := r.dies[d.ref]
		if o == nil || d.ref == 0 || o.tag != d.tag {
			break
		}
		d = o
	}
	return d
}

// path names a function and those around it; ok is false if one has no name.
func (r *dieReader) path(d *die) (name string, ok bool) {
	if d == nil {
		return "", true
	}
	d = r.origin(d)
	outer, ok := r.path(d.parent)
	return join(outer, d.name), ok && d.name != ""
}
