package planner

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/lazyregexp"
)

// unstoredUnit is a unit of which neither version keeps some private variables.
type unstoredUnit struct {
	of    int // index of the unit
	pair  *pairedUnit
	names []string
}

// compileUnstored compiles units of which neither version keeps some private variables with functions behind the source that read all of
// these, or write them, and that anybody may call. Which variables still have no storage then tells what the compiler knows of them. What
// does not compile so tells nothing.
func (c sideCompiler) compileUnstored(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	list := c.unstoredUnits(units)
	if len(list) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp(c.b.Store.Dir(), "unstored-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var before, after []request
	for i, u := range list {
		path := filepath.Join(dir, fmt.Sprint(i))
		readers, writers := path+"r.c", path+"w.c"
		if err := os.WriteFile(readers, []byte(diffasm.ReadersOf(u.names)), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(writers, []byte(diffasm.WritersOf(u.names)), 0o644); err != nil {
			return err
		}
		before = append(before, u.request(u.pair.orig, readers))
		after = append(after, u.request(&u.pair.record, readers), u.request(&u.pair.record, writers))
	}
	orig, err := c.b.compileHere(ctx, before)
	if err != nil {
		return err
	}
	patched, err := c.b.compileInView(ctx, after)
	for i, u := range list {
		if err == nil {
			types[u.of].OrigRead, types[u.of].PatchedRead, types[u.of].PatchedWritten = orig[i].asm, patched[2*i].asm, patched[2*i+1].asm
		}
	}
	return err
}

// request asks for a version of the unit with the text of a file behind its source.
func (u *unstoredUnit) request(version *buildtree.Unit, path string) request {
	flags := slices.Concat(typeFlags(version.Driver), u.pair.sideFlags(), []string{"-w", "-include", sourcePath(version)})
	return request{unit: version, source: path, flags: flags}
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
		if names := c.unstored(privateVariables(source), u.compared(), u.asm); len(names) > 0 {
			list = append(list, unstoredUnit{i, u, names})
		}
	}
	return list
}

func isOptimisedC(u *buildtree.Unit) bool {
	optimised := slices.ContainsFunc(u.Argv, func(a string) bool { return strings.HasPrefix(a, "-O") && a != "-O0" })
	return compilable(u) && u.Lang != "c++" && filepath.Ext(u.Source) == ".c" && optimised
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

// privateVariables names the private variables that a source declares at the beginning of a line, each alone, and that are not const.
func privateVariables(source []byte) (names []string) {
	for _, m := range privateVariable.FindAllSubmatch(source, -1) {
		head, name := string(m[1]), string(m[2])
		if head = head[strings.LastIndexByte(head, '*')+1:]; !slices.Contains(strings.Fields(head), "const") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var privateVariable = lazyregexp.New(`(?m)^static\b([^;={}()\n#]*?)\b([A-Za-z_]\w*)\s*(?:\[[^\]\n]*\]\s*)*[=;]`)
