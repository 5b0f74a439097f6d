package planner

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/isolate"
	"gocare/internal/srcpatch"
)

// declarations tells from sources alone which units declare their variables as they did.
type declarations struct {
	b     *Builds
	drift *drift
	words map[string]*srcpatch.Words // of files that did not change, by path
}

// kept reports whether the declarations of a unit's variables are surely as they were: what changed in the files that it reads are bodies of
// functions, in which it keeps no variable, and macros of which only such bodies make use.
func (d *declarations) kept(u *buildtree.Unit) bool {
	reads := d.b.Before.units[readerID(u)]
	if u.Lang != "c" || reads.unit == nil || reads.unknown != nil || d.drift.concernsMoved(&reads) != "" || keepsInFunctions(d.b.Store, u) {
		return false
	}
	var macros []string
	var own, system []*srcpatch.Words
	for _, r := range reads.files {
		if !d.drift.changed(r.Path) {
			if isolate.Within(r.Path, "/usr") {
				system = append(system, d.wordsOf(r.Path))
			} else {
				own = append(own, d.wordsOf(r.Path))
			}
			continue
		}
		f := d.patchedFile(r.Path)
		if f == nil {
			return false
		}
		changed, ok := f.OnlyCode()
		if !ok {
			return false
		}
		macros = append(macros, changed...)
		own = append(own, srcpatch.WordsOf(f.Before), srcpatch.WordsOf(f.After))
	}
	own = append(own, srcpatch.WordsOf(definitions(u)))
	return !slices.Contains(own, nil) && !slices.Contains(system, nil) && !srcpatch.Reaches(macros, own, system)
}

// wordsOf returns the words of a file, nil if it cannot be read.
func (d *declarations) wordsOf(path string) *srcpatch.Words {
	w, known := d.words[path]
	if !known {
		if text, err := os.ReadFile(path); err == nil {
			w = srcpatch.WordsOf(text)
		}
		d.words[path] = w
	}
	return w
}

// definitions is what a unit's options define, as a source would.
func definitions(u *buildtree.Unit) []byte {
	var text strings.Builder
	for _, o := range u.ShapingOptions() {
		if macro, ok := strings.CutPrefix(o.Key, "-D"); ok {
			_, value, _ := strings.Cut(o.Text, "=")
			text.WriteString("#define " + macro + " " + value + "\n")
		}
	}
	return []byte(text.String())
}

// patchedFile returns the change of a file if the source patch made all of it, else nil.
func (d *declarations) patchedFile(path string) *srcpatch.FileChange {
	for i := range d.b.Change.Files {
		f := &d.b.Change.Files[i]
		if f.Old != "" && f.New == f.Old && filepath.Join(d.b.Dirs.Source, f.New) == filepath.Clean(path) &&
			d.drift.before.Digests[path] == digest(f.Before) && d.drift.after.Digests[path] == digest(f.After) {
			return f
		}
	}
	return nil
}

// keepsInFunctions reports whether a unit may keep variables that functions declare: their symbols are local, with a number behind the
// name or a function before it.
func keepsInFunctions(store *buildtree.Store, u *buildtree.Unit) bool {
	f, err := LoadObject(store, u.ObjectID)
	return err != nil || slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool {
		return s.Bind == elf.STB_LOCAL && s.Type != elf.STT_SECTION && strings.Contains(s.Name, ".") && s.Section != int(elf.SHN_COMMON) && s.Defined() &&
			f.Sections[s.Section].Flags&elf.SHF_WRITE != 0
	})
}
