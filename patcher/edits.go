package patcher

import (
	"slices"
	"strings"
	"sync"

	"gocare/diffasm"
	"gocare/internal/srcpatch"
	"gocare/planner"
)

// explain puts into the functions of a delta which edit of the source patch each of them comes from. source is the text
// of the unit's source, nil where that is not known.
func (s *sources) explain(u *planner.Unit, d *diffasm.Delta, source []byte) {
	names := sync.OnceValue(func() *srcpatch.Names { return srcpatch.NamesOf(source) })
	for i := range d.Functions {
		f := &d.Functions[i]
		if f.Status != diffasm.Changed && f.Status != diffasm.New {
			continue
		}
		r := s.reasons(u, d, i, names)
		if f.Status == diffasm.New {
			r.explainNew(f)
		} else {
			r.explainChanged(f)
		}
	}
}

func (s *sources) reasons(u *planner.Unit, d *diffasm.Delta, i int, names func() *srcpatch.Names) *reasons {
	r := &reasons{edits: s.of(u), unit: u.Source, names: names, d: d, i: i}
	r.name, _, _ = strings.Cut(d.Functions[i].Name, ".")
	r.orig, r.patched = d.Places(i)
	return r
}

// reasons looks for the reason of one function.
type reasons struct {
	edits         *srcpatch.Edits
	unit          string                 // its source
	names         func() *srcpatch.Names // of that
	d             *diffasm.Delta
	i             int
	name          string // without what the compiler added
	orig, patched []srcpatch.Place
}

// explainNew says where a new function comes from; a clone, or one that was inlined everywhere before, from an edit elsewhere.
func (r *reasons) explainNew(f *diffasm.Function) {
	if r.name != f.Name {
		f.Reason = "clone of " + r.name
	}
	edit, line := r.own()
	switch {
	case edit != nil && line > 0 && r.name == f.Name:
		f.File, f.Line = edit.File, line
		return
	case edit == nil:
		if edit = r.inlined(); edit == nil {
			edit = r.mentioned()
		}
	}
	if edit != nil {
		f.File, f.Line = edit.File, edit.Line
	}
}

func (r *reasons) explainChanged(f *diffasm.Function) {
	edit, _ := r.own()
	if edit != nil {
		f.Reason, f.File, f.Line = "edit", edit.File, edit.Line
		return
	}
	if edit = r.inlined(); edit != nil {
		f.Reason, f.File, f.Line = "inlined "+edit.Name, edit.File, edit.Line
		return
	}
	if edit = r.mentioned(); edit == nil {
		return
	}
	f.File, f.Line = edit.File, edit.Line
	if other := strings.HasPrefix(f.Reason, "clone ") || strings.HasPrefix(f.Reason, "variable "); !other {
		f.Reason = r.reason(edit)
	}
}

// own returns the edit of the function itself, and the line where it begins in the patched source.
func (r *reasons) own() (*srcpatch.Edit, int) {
	file := r.unit
	if len(r.patched) > 0 {
		file = r.patched[0].File
	}
	edit, line := r.edits.Function(file, r.name)
	if edit == nil && line == 0 && len(r.patched) > 0 { // a macro may have made the function
		if at := r.edits.At(file, r.patched[0].Line, true); at != nil && at.Kind == srcpatch.FunctionItem {
			return at, r.patched[0].Line
		}
	}
	return edit, line
}

// inlined returns the edited function elsewhere that some code of the function comes from.
func (r *reasons) inlined() *srcpatch.Edit {
	for _, p := range r.patched {
		if e := r.edits.At(p.File, p.Line, true); e != nil && e.Kind == srcpatch.FunctionItem {
			return e
		}
	}
	for _, p := range r.orig {
		if e := r.edits.At(p.File, p.Line, false); e != nil && e.Kind == srcpatch.FunctionItem {
			return e
		}
	}
	return nil
}

// mentioned returns the edit that the function's source comes to by names, else the only one there is.
func (r *reasons) mentioned() *srcpatch.Edit {
	if e := r.edits.Reached(r.names(), r.name); e != nil {
		return e
	}
	all := r.edits.All()
	other := func(e *srcpatch.Edit) bool { return e.File != all[0].File || e.Name != all[0].Name }
	if len(all) > 0 && !slices.ContainsFunc(all, other) {
		return all[0]
	}
	return nil
}

// reason puts an edit that is not the function's own in words.
func (r *reasons) reason(e *srcpatch.Edit) string {
	switch {
	case e.Kind == srcpatch.FunctionItem && r.d.Mentions(r.i, e.Name):
		return "callee " + e.Name
	case e.Kind == srcpatch.FunctionItem:
		return "inlined " + e.Name
	case e.File != r.unit:
		return "header"
	case e.Name == "":
		return "changed directive"
	case e.Kind == srcpatch.MacroItem:
		return "changed constant " + e.Name
	}
	return "changed declaration " + e.Name
}
