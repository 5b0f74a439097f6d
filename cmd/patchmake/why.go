package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/srcpatch"
)

// explain puts into the functions of a delta which edit of the source patch each of them comes from. source is the text
// of the unit's source, nil where that is not known.
func (s *sources) explain(u unit, d *diffasm.Delta, source []byte) {
	for i := range d.Functions {
		f := &d.Functions[i]
		if f.Status != diffasm.Changed && f.Status != diffasm.New {
			continue
		}
		w := s.why(u, d, i, source)
		if f.Status == diffasm.New {
			w.explainNew(f)
		} else {
			w.explainChanged(f)
		}
	}
}

func (s *sources) why(u unit, d *diffasm.Delta, i int, source []byte) *why {
	w := &why{edits: s.of(u), unit: u.Source, source: source, d: d, i: i}
	w.name, _, _ = strings.Cut(d.Functions[i].Name, ".")
	w.orig, w.patched = d.Places(i)
	return w
}

// why looks for the reason of one function.
type why struct {
	edits         *srcpatch.Edits
	unit          string // its source
	source        []byte
	d             *diffasm.Delta
	i             int
	name          string // without what the compiler added
	orig, patched []srcpatch.Place
}

// explainNew says where a new function comes from; a clone, or one that was inlined everywhere before, from an edit elsewhere.
func (w *why) explainNew(f *diffasm.Function) {
	if w.name != f.Name {
		f.Reason = "clone of " + w.name
	}
	edit, line := w.own()
	switch {
	case edit != nil && line > 0 && w.name == f.Name:
		f.File, f.Line = edit.File, line
		return
	case edit == nil:
		if edit = w.inlined(); edit == nil {
			edit = w.mentioned()
		}
	}
	if edit != nil {
		f.File, f.Line = edit.File, edit.Line
	}
}

func (w *why) explainChanged(f *diffasm.Function) {
	edit, _ := w.own()
	if edit != nil {
		f.Reason, f.File, f.Line = "edit", edit.File, edit.Line
		return
	}
	if edit = w.inlined(); edit != nil {
		f.Reason, f.File, f.Line = "inlined "+edit.Name, edit.File, edit.Line
		return
	}
	if edit = w.mentioned(); edit == nil {
		return
	}
	f.File, f.Line = edit.File, edit.Line
	if other := strings.HasPrefix(f.Reason, "clone ") || strings.HasPrefix(f.Reason, "variable "); !other {
		f.Reason = w.reason(edit)
	}
}

// own returns the edit of the function itself, and the line where it begins in the patched source.
func (w *why) own() (*srcpatch.Edit, int) {
	file := w.unit
	if len(w.patched) > 0 {
		file = w.patched[0].File
	}
	edit, line := w.edits.Function(file, w.name)
	if edit == nil && line == 0 && len(w.patched) > 0 { // a macro may have made the function
		if at := w.edits.At(file, w.patched[0].Line, true); at != nil && at.Kind == srcpatch.FunctionItem {
			return at, w.patched[0].Line
		}
	}
	return edit, line
}

// inlined returns the edited function elsewhere that some code of the function comes from.
func (w *why) inlined() *srcpatch.Edit {
	for _, p := range w.patched {
		if e := w.edits.At(p.File, p.Line, true); e != nil && e.Kind == srcpatch.FunctionItem {
			return e
		}
	}
	for _, p := range w.orig {
		if e := w.edits.At(p.File, p.Line, false); e != nil && e.Kind == srcpatch.FunctionItem {
			return e
		}
	}
	return nil
}

// mentioned returns the edit that the function's source comes to by names, else the only one there is.
func (w *why) mentioned() *srcpatch.Edit {
	if e := w.edits.Reached(w.source, w.name); e != nil {
		return e
	}
	all := w.edits.All()
	other := func(e *srcpatch.Edit) bool { return e.File != all[0].File || e.Name != all[0].Name }
	if len(all) > 0 && !slices.ContainsFunc(all, other) {
		return all[0]
	}
	return nil
}

// reason puts an edit that is not the function's own in words.
func (w *why) reason(e *srcpatch.Edit) string {
	switch {
	case e.Kind == srcpatch.FunctionItem && w.d.Mentions(w.i, e.Name):
		return "callee " + e.Name
	case e.Kind == srcpatch.FunctionItem:
		return "inlined " + e.Name
	case e.File != w.unit:
		return "header"
	case e.Name == "":
		return "changed directive"
	case e.Kind == srcpatch.MacroItem:
		return "changed constant " + e.Name
	}
	return "changed declaration " + e.Name
}

// unitSource reads the source of a unit if it is still what the original was compiled from, or as the patches leave it.
func (w *workspace) unitSource(u unit) []byte {
	path := u.Source
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.o.SourceDir, path)
	}
	data, err := os.ReadFile(path)
	if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != u.SHA256 {
		return nil
	}
	return data
}
