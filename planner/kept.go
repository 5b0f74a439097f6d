package planner

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/isolate"
)

// This file has the patched version keep what a process has. A compiler that sees all uses of a private variable leaves it out, makes it read-only
// or a byte, once the patched source no longer writes it. With a table of its address behind the source, in a section that is not compared, it
// has to expect other values, as they are in the process.

// keptUnit is a unit that is compiled from its record with such a table.
type keptUnit struct {
	path  string // its source
	text  string // the table, behind the source, for compiles with the flags alone
	flags []string
}

// keepFlags are options of all compiles of the patched version.
func (u *pairedUnit) keepFlags() []string {
	if u.kept == nil {
		return nil
	}
	return u.kept.flags
}

// keepVariables compiles the patched version of units once more from which the compiler took variables that the original keeps. A unit that
// does not compile so stays as it is, and is refused for what it lost.
func (c *comparison) keepVariables(ctx context.Context, links []pairedLink) error {
	if c.b.View == nil || c.b.View.Mode() == isolate.InPlace {
		return nil
	}
	var units []*pairedUnit
	var requests []request
	files := map[string][]byte{}
	for i := range links {
		for k := range links[i].units {
			u := &links[i].units[k]
			if source := c.keep(u, archOf(links[i].machine), len(units)); source != nil {
				if files[u.kept.path] == nil {
					files[u.kept.path] = slices.Clone(source)
				}
				files[u.kept.path] = append(files[u.kept.path], u.kept.text...)
				units, requests = append(units, u), append(requests, request{unit: &u.record, flags: u.kept.flags})
			}
		}
	}
	if len(units) == 0 {
		return nil
	}
	if err := c.b.View.WriteFiles(files, nil); err != nil {
		return err
	}
	results, err := c.b.compileInView(ctx, requests)
	for i, r := range results {
		if r.err != nil {
			units[i].kept = nil
			continue
		}
		units[i].asm = r.asm
	}
	return err
}

// keep decides what a unit has to keep, the number-th that does, and returns its patched source; nil if there is nothing.
func (c *comparison) keep(u *pairedUnit, machine *arch.Target, number int) []byte {
	if u.late != nil || u.record.AsmID != u.asm || c.drift == nil || c.unshown(*u) || !isOptimisedC(u.orig) || !isOptimisedC(&u.record) {
		return nil
	}
	path := sourcePath(&u.record)
	source, err := c.patchedSource(path)
	if err != nil {
		return nil
	}
	names := c.toKeep(privateVariables(source), source, machine, u)
	if len(names) == 0 {
		return nil
	}
	u.kept = &keptUnit{path, keepingText(names, number), []string{"-w", fmt.Sprint("-D", keeping, number)}}
	return source
}

// keeping begins the names of macros that switch tables on.
const keeping = "GOCARE_KEEP_"

// keepingText is the table behind a source, which may end without a newline behind a backslash.
func keepingText(names []string, number int) string {
	return fmt.Sprintf("\n\n#ifdef %s%d\n%s#endif\n", keeping, number, diffasm.KeeperOf(names, number))
}

// patchedSource reads a source as the patched build had it: as the patch makes it, or as it is in the tree. One that is neither is no file of
// which that is known.
func (c *comparison) patchedSource(path string) ([]byte, error) {
	data, err := c.b.patchedText(path)
	if err == nil && digest(data) != c.drift.after.Digests[path] {
		err = os.ErrNotExist
	}
	return data, err
}

func (b *Builds) patchedText(path string) ([]byte, error) {
	for _, f := range b.Change.Files {
		if f.New != "" && filepath.Join(b.Dirs.Source, f.New) == path {
			return f.After, nil
		}
	}
	return os.ReadFile(path)
}

// toKeep returns the variables of which the compiler must not believe what the patched source says: those that the original keeps in memory which
// can be written, and the patched version not, or otherwise. Where the process may have pointers that the patched version makes no more, it is any
// variable: which of them holds such a pointer is not known.
func (c *comparison) toKeep(declared []string, patched []byte, machine *arch.Target, u *pairedUnit) (list []string) {
	before, err := c.b.Store.Blob(u.orig.AsmID)
	if err != nil {
		return nil
	}
	after, err := c.b.Store.Blob(u.asm)
	if err != nil {
		return nil
	}
	was, is := memoryOf(before, declared), memoryOf(after, declared)
	gone, private := pointersGone(machine, before, after)
	if orig, err := c.b.originalSource(u.orig); err == nil {
		gone = gone || slices.ContainsFunc(declared, func(n string) bool { return pointersTo(n, orig) > pointersTo(n, patched) })
	}
	for _, n := range declared {
		if o := was[n]; o.writable && (gone || o.size != is[n].size || !is[n].writable) {
			list = append(list, n)
		}
	}
	if gone {
		list = append(list, private...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// pointersGone reports whether a process may have pointers to private variables of a unit that its patched version makes no more: its compiler takes it
// that what other pointers lead to is another variable. It returns the private variables at file level that the patched version keeps.
func pointersGone(machine *arch.Target, before, after []byte) (gone bool, private []string) {
	orig, err := diffasm.Parse(machine, "", before)
	if err != nil {
		return false, nil
	}
	patched, err := diffasm.Parse(machine, "", after)
	if err != nil || !diffasm.PointersGone(orig, patched) {
		return false, nil
	}
	return true, diffasm.PrivateVariables(patched)
}

// memory is how assembly keeps a variable; the zero value is not at all.
type memory struct {
	size     string // in bytes
	writable bool
}

// memoryOf reads how a text of assembly keeps variables.
func memoryOf(text []byte, names []string) map[string]memory {
	found, section := map[string]memory{}, ""
	for line := range bytes.Lines(text) {
		words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) })
		switch {
		case len(words) == 0:
		case sectionOf(words) != "":
			section = sectionOf(words)
		case (words[0] == ".comm" || words[0] == ".lcomm") && len(words) > 2 && slices.Contains(names, words[1]):
			found[words[1]] = memory{words[2], true}
		case words[0] == ".size" && len(words) == 3 && slices.Contains(names, words[1]):
			found[words[1]] = memory{words[2], found[words[1]].writable}
		case strings.HasSuffix(words[0], ":") && slices.Contains(names, strings.TrimSuffix(words[0], ":")):
			name := strings.TrimSuffix(words[0], ":")
			found[name] = memory{found[name].size, isWritable(section)}
		}
	}
	return found
}

// sectionOf returns the section that a line of assembly goes to, "" if it goes to none.
func sectionOf(words []string) string {
	switch words[0] {
	case ".section":
		return words[min(1, len(words)-1)]
	case ".text", ".data", ".bss":
		return words[0]
	}
	return ""
}

// isWritable reports whether programs write to a section; not if it is read-only once they run.
func isWritable(section string) bool {
	return (strings.HasPrefix(section, ".data") || strings.HasPrefix(section, ".bss")) && !strings.HasPrefix(section, ".data.rel.ro")
}
