package planner

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/lazyregexp"
)

// unstoredUnit is a unit of which the original keeps nothing of some private variables.
type unstoredUnit struct {
	of    int // index of the unit
	pair  *pairedUnit
	names [][]string // by how many stars their declarations have: what reads a pointer gives away the address of another
	both  []string   // those that the patched version does not keep, either
	kept  []string   // those that it does
}

// compileUnstored compiles units of which the original keeps nothing of some private variables with functions behind the source that read
// these, or write them, and that anybody may call. Which variables still have no storage then tells what the compiler knows of them. What
// does not compile so tells nothing.
func (c sideCompiler) compileUnstored(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	list := c.unstoredUnits(units)
	if len(list) == 0 {
		return nil
	}
	var before, after wanted
	for _, u := range list {
		t := &types[u.of]
		t.OrigRead, t.PatchedRead = make([]buildtree.Digest, len(u.names)), make([]buildtree.Digest, len(u.names))
		for k, names := range u.names {
			readers := diffasm.ReadersOf(names)
			before.add(u.request(u.pair.orig), readers, &t.OrigRead[k])
			after.add(u.request(&u.pair.record), readers, &t.PatchedRead[k])
		}
		if len(u.both) > 0 {
			after.add(u.request(&u.pair.record), diffasm.WritersOf(u.both), &t.PatchedWritten)
		}
		if len(u.kept) > 0 {
			before.add(u.request(u.pair.orig), diffasm.KeeperOf(u.kept, 0), &t.OrigKept)
		}
	}
	if err := before.compile(ctx, c.b.Store.Dir(), c.b.compileHere); err != nil {
		return err
	}
	return after.compile(ctx, c.b.Store.Dir(), c.b.compileInView)
}

// wanted are compiles of texts of C in files of our own, and where their assembly is noted.
type wanted struct {
	requests []request
	texts    []string
	to       []*buildtree.Digest
}

func (w *wanted) add(r request, text string, to *buildtree.Digest) {
	w.requests, w.texts, w.to = append(w.requests, r), append(w.texts, text), append(w.to, to)
}

// compile makes the files below a directory, for as long as it takes.
func (w *wanted) compile(ctx context.Context, below string, compile func(context.Context, []request) ([]compiled, error)) error {
	if len(w.requests) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp(below, "texts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, text := range w.texts {
		w.requests[i].source = filepath.Join(dir, fmt.Sprint(i, ".c"))
		if err := os.WriteFile(w.requests[i].source, []byte(text), 0o644); err != nil {
			return err
		}
	}
	results, err := compile(ctx, w.requests)
	for i, r := range results {
		*w.to[i] = r.asm
	}
	return err
}

// request asks for a version of the unit with a text behind its source.
func (u *unstoredUnit) request(version *buildtree.Unit) request {
	return request{unit: version, flags: slices.Concat(typeFlags(version.Driver), u.pair.sideFlags(), []string{"-w", "-include", sourcePath(version)})}
}

// unstoredUnits lists the units of C, compiled with optimisation, that have such variables.
func (c sideCompiler) unstoredUnits(units []pairedUnit) (list []unstoredUnit) {
	for i := range units {
		u := &units[i]
		if u.late != nil || !isOptimisedC(u.orig) || !isOptimisedC(&u.record) {
			continue
		}
		source, err := c.b.originalSource(u.orig)
		if err != nil {
			continue
		}
		names := c.unstored(privateVariables(source), u.compared())
		if len(names) == 0 {
			continue
		}
		both := c.unstored(slices.Clone(names), u.asm)
		kept := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(both, n) })
		list = append(list, unstoredUnit{i, u, byStars(source, names), both, kept})
	}
	return list
}

func isOptimisedC(u *buildtree.Unit) bool {
	return isOptimised(u) && u.Lang != "c++" && filepath.Ext(u.Source) == ".c"
}

func isOptimised(u *buildtree.Unit) bool {
	return compilable(u) && slices.ContainsFunc(u.Argv, func(a string) bool { return strings.HasPrefix(a, "-O") && a != "-O0" })
}

// unstored returns the names that are no symbols in any of two texts of assembly.
func (c sideCompiler) unstored(names []string, versions ...buildtree.Digest) []string {
	for _, id := range versions {
		text, err := c.b.Store.Blob(id)
		if err != nil {
			return nil
		}
		names = slices.DeleteFunc(names, func(name string) bool { return bytes.Contains(text, []byte("\n"+name+":")) || localCommon(text, name) })
	}
	return names
}

// localCommon reports whether a text of assembly has a private symbol of which it gives no content.
func localCommon(text []byte, name string) bool {
	return bytes.Contains(text, []byte("\t"+name+",")) || bytes.Contains(text, []byte("\t.local\t"+name+"\n"))
}

// byStars groups private variables that a source declares by how many stars their declarations have.
func byStars(source []byte, names []string) [][]string {
	by := map[int][]string{}
	for _, m := range privateVariable.FindAllSubmatch(source, -1) {
		name, n := string(m[2]), bytes.Count(m[1], []byte("*"))
		if slices.Contains(names, name) && !slices.Contains(by[n], name) {
			by[n] = append(by[n], name)
		}
	}
	var list [][]string
	for _, n := range slices.Sorted(maps.Keys(by)) {
		list = append(list, by[n])
	}
	return list
}

// privateVariables names the private variables that a source declares at the beginning of a line, each alone, and that are not const.
func privateVariables(source []byte) []string { return declaredBy(privateVariable, source) }

// declaredBy returns the names in declarations of which an expression tells what stands before the name, and the name.
func declaredBy(declaration *lazyregexp.Regexp, source []byte) (names []string) {
	for _, m := range declaration.FindAllSubmatch(source, -1) {
		head, name := string(m[1]), string(m[2])
		if head = head[strings.LastIndexByte(head, '*')+1:]; !slices.Contains(strings.Fields(head), "const") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var privateVariable = lazyregexp.New(`(?m)^static\b([^;={}()\n#]*?)\b([A-Za-z_]\w*)\s*(?:\[[^\]\n]*\]\s*)*[=;]`)

// declaresPrivate reports whether a source declares a private variable of a name at file level, alone or with others.
func declaresPrivate(source []byte, name string) bool {
	return regexp.MustCompile(`(?m)^static\b[^;(){}#]*[\s,*]` + name + `\s*[\[,;=]`).Match(source)
}
