package planner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/isolate"
)

// This file has the patched version keep what a process has. A compiler that sees all uses of a private variable leaves it out, makes it read-only
// or a byte, once the patched source no longer writes it. With a table of its address behind the source, in a section that is not compared, it
// has to expect other values, as they are in the process.

// keptUnit is a unit that is compiled from its record with such a table.
type keptUnit struct {
	path   string // its source
	source []byte // which holds that in the patched version
	names  []string
	sizes  map[string]string // of those of them that both versions keep alike without it
	number int               // of its table
}

// table is the text behind the source, which may end without a newline behind a backslash, for compiles with the flags alone.
func (k *keptUnit) table() string {
	return fmt.Sprintf("\n\n#ifdef %s%d\n%s#endif\n", keeping, k.number, diffasm.KeeperOf(k.names, k.number))
}

func (k *keptUnit) flags() []string { return []string{"-w", fmt.Sprint("-D", keeping, k.number)} }

// keepFlags are options of all compiles of the patched version.
func (u *pairedUnit) keepFlags() []string {
	if u.kept == nil {
		return nil
	}
	return u.kept.flags()
}

// keepVariables compiles the patched version of units once more from which the compiler took variables that the original keeps. A unit that
// does not compile so is tried with those variables alone that its own source declares, stays as it is then, and is refused for what it lost.
func (c *comparison) keepVariables(ctx context.Context, links []pairedLink) error {
	if c.b.View == nil || c.b.View.Mode() == isolate.InPlace {
		return nil
	}
	var units []*pairedUnit
	for i := range links {
		for k := range links[i].units {
			u := &links[i].units[k]
			if u.kept = c.keep(u, archOf(links[i].machine), len(units)); u.kept != nil {
				units = append(units, u)
			}
		}
	}
	failed, err := c.compileKept(ctx, units, units)
	if err != nil {
		return err
	}
	for _, u := range failed {
		own := privateVariables(u.kept.source)
		u.kept.names = slices.DeleteFunc(u.kept.names, func(n string) bool { return !slices.Contains(own, n) })
	}
	widened := slices.DeleteFunc(slices.Clone(units), func(u *pairedUnit) bool { return slices.Contains(failed, u) || !c.dropWidened(u) })
	failed, err = c.compileKept(ctx, units, slices.Concat(failed, widened))
	for _, u := range failed {
		u.kept, u.asm = nil, u.record.AsmID
	}
	return err
}

// dropWidened takes those variables from a unit's table that were as large in both versions without it, and are not now, and reports whether there are
// any: a compiler that keeps one as a byte has seen that its address is taken nowhere.
func (c *comparison) dropWidened(u *pairedUnit) bool {
	text, err := c.b.Store.Blob(u.asm)
	if err != nil {
		return false
	}
	is, all := memoryOf(string(text), u.kept.names), len(u.kept.names)
	u.kept.names = slices.DeleteFunc(u.kept.names, func(n string) bool { return u.kept.sizes[n] != "" && is[n].size != u.kept.sizes[n] })
	return len(u.kept.names) < all
}

// compileKept compiles some of the units that have tables, and returns those of which that fails.
func (c *comparison) compileKept(ctx context.Context, all, some []*pairedUnit) (failed []*pairedUnit, err error) {
	if len(some) == 0 {
		return nil, nil
	}
	files := map[string][]byte{}
	for _, u := range all {
		if files[u.kept.path] == nil {
			files[u.kept.path] = slices.Clone(u.kept.source)
		}
		files[u.kept.path] = append(files[u.kept.path], u.kept.table()...)
	}
	if err := c.b.View.WriteFiles(files, nil); err != nil {
		return nil, err
	}
	requests := make([]request, len(some))
	for i, u := range some {
		requests[i] = request{unit: &u.record, flags: u.kept.flags()}
	}
	results, err := c.b.compileInView(ctx, requests)
	for i, r := range results {
		if r.err != nil {
			failed = append(failed, some[i])
			continue
		}
		some[i].asm = r.asm
	}
	return failed, err
}

// keep decides what a unit has to keep, the number-th that does; nil if there is nothing.
func (c *comparison) keep(u *pairedUnit, machine *arch.Target, number int) *keptUnit {
	if u.late != nil || u.record.AsmID != u.asm || c.drift == nil || c.unshown(*u) || !isOptimisedC(u.orig) || !isOptimisedC(&u.record) {
		return nil
	}
	path := sourcePath(&u.record)
	source, err := c.patchedSource(path)
	if err != nil {
		return nil
	}
	names, sizes := c.toKeep(source, machine, u)
	if len(names) == 0 {
		return nil
	}
	return &keptUnit{path, source, names, sizes, number}
}

// keeping begins the names of macros that switch tables on.
const keeping = "GOCARE_KEEP_"

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
// variable: which of them holds such a pointer is not known. It returns the sizes of those that both versions keep alike, too.
func (c *comparison) toKeep(source []byte, machine *arch.Target, u *pairedUnit) (list []string, sizes map[string]string) {
	before, after, err := c.parsed(machine, u)
	if err != nil {
		return nil, nil
	}
	declared := privateVariables(source)
	others := diffasm.PrivateVariables(before)
	for _, text := range c.readTexts(u, others) {
		for _, n := range others {
			if declaresPrivate(text, n) {
				declared = append(declared, n)
			}
		}
	}
	was, is := memoryOf(before.Text, declared), memoryOf(after.Text, declared)
	gone := diffasm.PointersGone(before, after)
	if orig, err := c.b.originalSource(u.orig); err == nil {
		gone = gone || slices.ContainsFunc(declared, func(n string) bool { return pointersTo(n, orig) > pointersTo(n, source) })
	}
	for _, n := range declared {
		if o := was[n]; o.writable && (gone || o.size != is[n].size || !is[n].writable) {
			list = append(list, n)
		}
	}
	if gone {
		list = append(list, diffasm.PrivateVariables(after)...)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	sizes = map[string]string{}
	was, is = memoryOf(before.Text, list), memoryOf(after.Text, list)
	for _, n := range list {
		if was[n] == is[n] {
			sizes[n] = is[n].size
		}
	}
	return list, sizes
}

// readTexts returns the patched sources of a unit, of the tree alone, that may declare some variables; none if there are no variables.
func (c *comparison) readTexts(u *pairedUnit, names []string) (texts [][]byte) {
	for _, r := range c.b.Before.units[readerID(u.orig)].files {
		if len(names) > 0 && isolate.Within(r.Path, c.b.Dirs.Tree) {
			if text, err := c.b.patchedText(r.Path); err == nil {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// parsed reads the assembly of both versions of a unit.
func (c *comparison) parsed(machine *arch.Target, u *pairedUnit) (before, after *diffasm.File, err error) {
	if before, err = c.parse(machine, u.orig.AsmID); err == nil {
		after, err = c.parse(machine, u.asm)
	}
	return before, after, err
}

func (c *comparison) parse(machine *arch.Target, id buildtree.Digest) (*diffasm.File, error) {
	text, err := c.b.Store.Blob(id)
	if err != nil {
		return nil, err
	}
	return diffasm.Parse(machine, "", text)
}

// memory is how assembly keeps a variable; the zero value is not at all.
type memory struct {
	size     string // in bytes
	writable bool
}

// memoryOf reads how a text of assembly keeps variables.
func memoryOf(text string, names []string) map[string]memory {
	found, section := map[string]memory{}, ""
	for line := range strings.Lines(text) {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) })
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
