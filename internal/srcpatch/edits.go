package srcpatch

import (
	"path"
	"slices"
	"strings"
)

// Edits is a change as the top-level items of the sources have it.
type Edits struct {
	files     []*editedFile
	byName    map[string][]mention
	root, dir string // see In
}

// Edit is one item that the patches changed, added or took away; one that only moved, or whose comments changed, is none.
type Edit struct {
	File string // path in the patched tree; in the original one if the file is gone
	Line int    // first line of the patched file that counts, from 1
	Item
}

// editedFile is one changed file with the items of both versions.
type editedFile struct {
	name     string
	lines    LineMap
	versions [2]version // original, patched
}

// version is one side of a changed file.
type version struct {
	items   []Item
	touched []Range
	edits   []*Edit // by item; nil where the item is the same on both sides
}

const (
	before = 0
	after  = 1
)

// NewEdits compares the files of a change.
func NewEdits(files []FileChange) *Edits {
	e := &Edits{}
	for _, c := range files {
		f := &editedFile{name: c.path(), lines: c.LineMap()}
		old, fresh := c.touched()
		f.versions = [2]version{{items: Outline(c.Before), touched: old}, {items: Outline(c.After), touched: fresh}}
		f.compare()
		e.files = append(e.files, f)
	}
	e.byName = e.mentions()
	return e
}

// In returns the edits for a unit: of a tree at root, compiled in dir, both absolute. Files that a compiler names are found
// by that.
func (e *Edits) In(root, dir string) *Edits {
	return &Edits{files: e.files, byName: e.byName, root: root, dir: dir}
}

// of returns the edits of those files, named as in Edit, that are wanted.
func (e *Edits) of(wanted func(file string) bool) *Edits {
	of := &Edits{root: e.root, dir: e.dir}
	for _, f := range e.files {
		if wanted(f.name) {
			of.files = append(of.files, f)
		}
	}
	of.byName = of.mentions()
	return of
}

// compare finds the items that are not the same in both versions.
func (f *editedFile) compare() {
	for side, v := range f.versions {
		have := map[string]int{}
		for _, it := range f.versions[1-side].items {
			have[it.text()]++
		}
		f.versions[side].edits = make([]*Edit, len(v.items))
		for i, it := range v.items {
			if have[it.text()] > 0 {
				have[it.text()]--
				continue
			}
			f.versions[side].edits[i] = &Edit{File: f.name, Line: f.firstLine(side, it), Item: it}
		}
	}
}

func (it *Item) text() string { return strings.Join(it.words, " ") }

// firstLine returns the line of the patched file where the change of an item begins.
func (f *editedFile) firstLine(side int, it Item) int {
	for i, r := range f.versions[side].touched {
		if r.touches(it.First, it.Last) {
			if side == before {
				return f.versions[after].touched[i].Start
			}
			return max(r.Start, it.First)
		}
	}
	return it.First
}

// file finds a changed file by a name that a compiler gave it: absolute, relative to where it ran, or with a prefix that
// it was told to replace. The last is found where one name only ends so.
func (e *Edits) file(name string) *editedFile {
	full := name
	if !path.IsAbs(full) {
		full = path.Join(e.dir, name)
	}
	for _, rel := range []string{strings.TrimPrefix(path.Clean(full), e.root+"/"), path.Clean(name)} {
		for _, f := range e.files {
			if f.name == rel {
				return f
			}
		}
	}
	if e.root != "" && strings.HasPrefix(name, e.root+"/") || isSystem(name) {
		return nil
	}
	name = strings.TrimLeft(path.Clean(name), "./")
	var found *editedFile
	for _, f := range e.files {
		if strings.HasSuffix(name, "/"+f.name) || strings.HasSuffix(f.name, "/"+name) {
			if found != nil {
				return nil
			}
			found = f
		}
	}
	return found
}

// isSystem tells whether a file is one of the system's headers.
func isSystem(name string) bool { return strings.HasPrefix(name, "/usr/") }

// At returns the edited item that a line belongs to, nil if it is in none.
func (e *Edits) At(name string, line int, inPatched bool) *Edit {
	f := e.file(name)
	if f == nil {
		return nil
	}
	v := f.versions[before]
	if inPatched {
		v = f.versions[after]
	}
	if i := v.at(line); i >= 0 {
		return v.edits[i]
	}
	return nil
}

func (v version) at(line int) int {
	return slices.IndexFunc(v.items, func(it Item) bool { return it.First <= line && line <= it.Last })
}

// Function returns the edit of a function by the file it is in and its name, and the place where it begins in the
// patched file; line is 0 where the file did not change or has no such function.
func (e *Edits) Function(name, function string) (edit *Edit, line int) {
	f := e.file(name)
	if f == nil {
		return nil, 0
	}
	for side := range f.versions {
		for i, it := range f.versions[side].items {
			if it.Kind != FunctionItem || it.Name != function {
				continue
			}
			if side == after && line == 0 {
				line = it.First
			}
			if f.versions[side].edits[i] != nil {
				edit = f.versions[side].edits[i]
			}
		}
	}
	return edit, line
}

// All returns every edit, those of the patched version first within a file.
func (e *Edits) All() (list []*Edit) {
	for _, f := range e.files {
		for _, side := range []int{after, before} {
			for _, ed := range f.versions[side].edits {
				if ed != nil {
					list = append(list, ed)
				}
			}
		}
	}
	return list
}

// Reached returns the edit that a function comes to by names: what its text mentions, what that mentions, and so on. The
// names are those of the unit's source; sources that changed are known. It returns nil if there is none.
func (e *Edits) Reached(names *Names, function string) *Edit {
	var own []Item
	for _, m := range names.by[function] {
		if m.item.Kind == FunctionItem && m.item.Name == function {
			own = append(own, m.item)
		}
	}
	return e.reached(names.by, own...)
}

// reached follows names from some items to the first edit. more are items of sources that did not change, by name.
func (e *Edits) reached(more map[string][]mention, from ...Item) *Edit {
	seen := map[string]bool{}
	var next []string
	add := func(it Item) {
		for _, w := range it.words {
			if isName(w) && !seen[w] {
				seen[w] = true
				next = append(next, w)
			}
		}
	}
	for _, it := range from {
		add(it)
	}
	for ; len(next) > 0; next = next[1:] {
		for _, m := range e.byName[next[0]] {
			if m.edit != nil && m.item.Kind != PrototypeItem {
				return m.edit
			}
			add(m.item)
		}
		for _, m := range more[next[0]] {
			add(m.item)
		}
	}
	return nil
}

// mention is an item by one of the names it gives.
type mention struct {
	item Item
	edit *Edit
}

func (e *Edits) mentions() map[string][]mention {
	by := map[string][]mention{}
	for _, f := range e.files {
		for _, side := range []int{after, before} {
			v := f.versions[side]
			for i, it := range v.items {
				for _, n := range it.names {
					by[n] = append(by[n], mention{it, v.edits[i]})
				}
			}
		}
	}
	return by
}
