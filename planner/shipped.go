package planner

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Shipped is a binary given with --target: a patch made from a rebuilt one that is proved to be the same code is for it.
type Shipped struct {
	Path  string
	File  *elfobj.File
	among bool // given with all others of a directory
}

// LoadShipped reads the binaries; each needs a BuildID. Of a directory it takes the programs and libraries that have one.
func LoadShipped(paths []string) ([]Shipped, error) {
	var list []Shipped
	for _, path := range paths {
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			found, err := loadShippedIn(path)
			if err != nil {
				return nil, err
			}
			list = append(list, found...)
			continue
		}
		f, err := elfobj.Load(path)
		if err != nil {
			return nil, fault.New(fault.Refused, "", "--target").WithCause(err).WithState("tree unchanged")
		}
		if f.BuildID() == "" {
			return nil, withoutBuildID(path, "the binary has no BuildID")
		}
		list = append(list, Shipped{Path: path, File: f})
	}
	return list, nil
}

func loadShippedIn(dir string) (list []Shipped, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !elfobj.IsELF(data) {
			return err
		}
		f, err := elfobj.Parse(data)
		if err == nil && (f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN) && !debugOnly(f) && f.BuildID() != "" {
			list = append(list, Shipped{path, f, true})
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		return nil, withoutBuildID(dir, "no program or library with a BuildID in it")
	}
	return list, err
}

func withoutBuildID(where, what string) *fault.Error {
	return fault.Refuse(fault.NoBuildID, where, "%s", what).
		WithState("tree unchanged").WithHint("processes that run it cannot be told from others")
}

// CheckShipped refuses, before the patched version is built, shipped binaries that the rebuilt one of their name is not, or of which none
// is like any that was rebuilt. For those of a directory it returns what speaks against each: a patch that leaves them alone is right, and
// Make refuses it for any that it changes.
func CheckShipped(d Dirs, list []Shipped) (others []*fault.Error, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	files, err := installedFiles(d)
	if err != nil {
		return nil, err
	}
	var first *fault.Error
	matched := false
	for _, s := range list {
		same, mismatch := s.rebuilt(files)
		switch {
		case same:
			matched = true
			continue
		case mismatch == nil:
			continue
		case s.among:
			others = append(others, mismatch)
		case s.Named(mismatch.Where):
			return nil, mismatch
		}
		if first == nil {
			first = mismatch
		}
	}
	if matched || first == nil {
		return others, nil
	}
	return nil, first
}

// Named reports whether a shipped binary has the base name of a rebuilt one.
func (s Shipped) Named(path string) bool { return filepath.Base(path) == filepath.Base(s.Path) }

// rebuilt reports whether one of the installed files is the shipped one; else it says why the likeliest is not: the one of its name, or the
// first.
func (s Shipped) rebuilt(files []installed) (same bool, mismatch *fault.Error) {
	for _, f := range files {
		rebuilt, err := elfobj.Load(f.path)
		if err != nil {
			continue
		}
		d := Difference(s.File, rebuilt)
		if d == "" {
			return true, nil
		}
		if mismatch == nil || s.Named(f.path) {
			mismatch = fault.Refuse(fault.TargetMismatch, f.path, "the rebuilt binary is not the one to be patched: %s: %s", s.Path, WhyDifferent(s.File, rebuilt, d))
		}
	}
	return false, mismatch
}

// WhyDifferent says what is behind a difference: another compiler, if the files name theirs, or another option, if both have debugging
// information.
func WhyDifferent(shipped, rebuilt *elfobj.File, difference string) string {
	a, b := compilersOf(shipped), compilersOf(rebuilt)
	if a != "" && b != "" && a != b {
		return fmt.Sprintf("it was made by %q, the rebuilt one by %q; %s", a, b, difference)
	}
	if option := otherOption(shipped, rebuilt); option != "" {
		return option + "; " + difference
	}
	return difference
}

// otherOption names the first option of a unit that only one of two files was compiled with, as far as their debugging information tells.
func otherOption(shipped, rebuilt *elfobj.File) string {
	ours, err := compilesOf(rebuilt)
	if err != nil {
		return ""
	}
	theirs, err := compilesOf(shipped)
	if err != nil {
		return ""
	}
	for _, u := range theirs {
		i := slices.IndexFunc(ours, func(o dwarfUnit) bool { return o.source == u.source })
		if i < 0 || ours[i].producer == u.producer {
			continue
		}
		a, b := strings.Fields(u.producer), strings.Fields(ours[i].producer)
		switch x, y := firstMissing(a, b), firstMissing(b, a); {
		case x != "" && y != "":
			return fmt.Sprintf("its %s was compiled with %s, the rebuilt one with %s", u.source, x, y)
		case x != "":
			return fmt.Sprintf("its %s was compiled with %s, the rebuilt one without", u.source, x)
		case y != "":
			return fmt.Sprintf("its %s was compiled without %s, the rebuilt one with it", u.source, y)
		}
	}
	return ""
}

// firstMissing returns the first word of a that b does not have.
func firstMissing(a, b []string) string {
	if i := slices.IndexFunc(a, func(word string) bool { return !slices.Contains(b, word) }); i >= 0 {
		return a[i]
	}
	return ""
}

// compilersOf returns what compilers left in a file's .comment, "" for nothing.
func compilersOf(f *elfobj.File) string {
	s := f.Section(".comment")
	if s == nil {
		return ""
	}
	return strings.Join(strings.FieldsFunc(string(s.Data), func(r rune) bool { return r == 0 }), ", ")
}

// Difference names the first difference in what two files load, "" if there is none: in what there is, else in how much, else in where it
// is and what it holds, which any other size changes, too. The BuildID may differ: another point release of a compiler changes nothing
// else. So may run paths: they say where libraries are looked for, and an install takes them out.
func Difference(a, b *elfobj.File) string {
	if a.Type != b.Type || a.Machine != b.Machine {
		return fmt.Sprintf("%v of %v, the rebuilt one %v of %v", a.Type, a.Machine, b.Type, b.Machine)
	}
	x, y := allocated(a), allocated(b)
	if len(x) == 0 {
		return "it has no section headers"
	}
	for i := range x {
		if i >= len(y) || x[i].Name != y[i].Name {
			return fmt.Sprintf("section %s is in one of them only", x[i].Name)
		}
	}
	if len(y) > len(x) {
		return fmt.Sprintf("section %s is in one of them only", y[len(x)].Name)
	}
	for _, difference := range []func(a, b *elfobj.Section) string{sizeDifference, sectionDifference} {
		for i := range x {
			if d := difference(x[i], y[i]); d != "" && !(holdsRunPath(x[i]) && elfobj.SameButRunPath(a, b)) {
				return fmt.Sprintf("section %s: %s", x[i].Name, d)
			}
		}
	}
	if a.Entry != b.Entry {
		return fmt.Sprintf("it is entered at %#x, the rebuilt one at %#x", a.Entry, b.Entry)
	}
	return ""
}

func holdsRunPath(s *elfobj.Section) bool { return s.Name == ".dynamic" || s.Name == ".dynstr" }

func sizeDifference(a, b *elfobj.Section) string {
	if a.Size != b.Size {
		return fmt.Sprintf("%d and %d bytes", a.Size, b.Size)
	}
	return ""
}

func sectionDifference(a, b *elfobj.Section) string {
	if a.Addr != b.Addr || a.Type != b.Type || a.Flags != b.Flags {
		return fmt.Sprintf("other address, type or flags (%#x and %#x)", a.Addr, b.Addr)
	}
	if d := sizeDifference(a, b); d != "" {
		return d
	}
	if a.Name == ".note.gnu.build-id" || bytes.Equal(a.Data, b.Data) {
		return ""
	}
	i := 0
	for a.Data[i] == b.Data[i] {
		i++
	}
	return fmt.Sprintf("differs at %#x", a.Addr+uint64(i))
}

func allocated(f *elfobj.File) []*elfobj.Section {
	var list []*elfobj.Section
	for i := range f.Sections {
		if f.Sections[i].Flags&elf.SHF_ALLOC != 0 {
			list = append(list, &f.Sections[i])
		}
	}
	return list
}
