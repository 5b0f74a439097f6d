package diffasm

import (
	"maps"
	"slices"
)

// decl is a variable as the debug information of the unit has it (DWARF 4 and 5).
type decl struct {
	name      string // in the source
	sym       string // its symbol, "" if it has no storage
	fn        string // the function whose static local it is, "" at file level; of a nested function "outer/inner"
	file      string // as spelt in the assembly
	line      int    // of the declaration
	column    int    // 0 where the compiler does not tell
	at        srcPos // file and line by number
	constant  bool   // the compiler replaced it by its value
	how       string // rest of the location: how its value is made of what its symbol holds, "" for as it is
	other     bool   // it has a location of another kind, a value, or is visible to other units
	whole     *decl  // what it is a piece of; nil
	part      string // which one, "piece at N"
	elsewhere bool   // it is only declared here (extern), or kept in pieces
}

// declarations are the variables of a unit that its debug information lists.
type declarations struct {
	all   []*decl
	bySym map[string]*decl
	funcs map[string]bool // functions it lists, spelt as in decl.fn
	code  []*decl         // those at file level that it has a place of; sym is the name
}

func (f *File) readDeclarations() *declarations {
	if len(f.debug[".debug_info"]) == 0 {
		return nil
	}
	r := &dieReader{f: f, dies: map[uint64]*die{}, abbrevs: f.readAbbrevs()}
	r.items = items{spans: f.spans(".debug_info")}
	if r.abbrevs == nil || !r.unit() {
		return nil
	}
	if f.clang {
		r.nameFunctions()
	}
	out := &declarations{bySym: map[string]*decl{}, funcs: map[string]bool{}}
	by := map[*die]*decl{}
	for _, at := range sortedOffsets(r.dies) {
		d := r.dies[at]
		first := r.origin(d) // name and place stand there once; copies of an inlined function have locations
		fn, ok := r.path(first.parent)
		if !ok && len(d.located) > 0 { // a variable of which the function is not known could be taken for another function's
			return nil
		}
		if first.tag == tagSubprogram {
			out.funcs[join(fn, first.name)] = true
			out.function(f, d, first)
			continue
		}
		e := by[first]
		if e == nil {
			e = &decl{name: first.name, fn: fn, column: int(first.column)}
			e.place(f, first.place)
			by[first] = e
			out.all = append(out.all, e)
		}
		e.other = e.other || d.other
		e.constant, e.elsewhere = e.constant || d.constant, e.elsewhere || d.declaration
		if d.place.line > 0 { // a definition after a declaration has a place of its own
			e.place(f, d.place)
		}
		for _, l := range d.located {
			if !out.locate(e, l) {
				return nil
			}
		}
	}
	return out
}

// function notes where a function at file level is declared. d is first itself, or tells where its code is.
func (ds *declarations) function(f *File, d, first *die) {
	if d == first && d.parent == nil && d.name != "" && d.place.line > 0 {
		e := &decl{name: d.name, sym: d.name, column: int(d.column), elsewhere: d.declaration}
		e.place(f, d.place)
		ds.code = append(ds.code, e)
	}
}

// locate notes where a variable is kept; it is false for two storages of one variable, or two variables in one storage. A piece
// of a structure that the compiler took apart counts as a variable.
func (ds *declarations) locate(e *decl, l located) bool {
	if l.piece != "" {
		e.elsewhere = true
		piece := *e
		piece.fn, piece.elsewhere, piece.sym, piece.whole = l.piece+" of "+e.name+" "+e.fn, false, "", e
		piece.part = l.piece
		e = &piece
		if old := ds.bySym[l.sym]; old != nil && old.fn == e.fn {
			return true
		}
		ds.all = append(ds.all, e)
	}
	if other := ds.bySym[l.sym]; e.sym != "" && e.sym != l.sym || other != nil && other != e {
		return false
	}
	e.sym, e.how, ds.bySym[l.sym] = l.sym, l.how, e
	return true
}

func (d *decl) place(f *File, p srcPos) { d.at, d.file, d.line = p, f.files[p.file], int(p.line) }

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
