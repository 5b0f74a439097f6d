package planner

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/lazyregexp"
)

// compileLocals compiles the patched version of units of which neither version keeps some static locals so that it has to keep them: where no code
// names one then, none depends on what it holds. What does not compile so tells nothing.
func (c sideCompiler) compileLocals(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	var after wanted
	for i := range units {
		u := &units[i]
		if text := c.keepingLocals(u); text != "" {
			flags := slices.Concat(typeFlags(u.record.Driver), u.sideFlags(), []string{"-w", "-iquote", filepath.Dir(sourcePath(&u.record))})
			after.add(request{unit: &u.record, flags: flags}, text, &types[i].PatchedLocals)
		}
	}
	return after.compile(ctx, c.b.Store.Dir(), c.b.compileInView)
}

// keepingLocals returns the patched source of a unit with what keeps static locals that neither version keeps, "" if there are none. Of one that
// looks for files elsewhere first it is not known what it would find.
func (c sideCompiler) keepingLocals(u *pairedUnit) string {
	if u.late != nil || !isOptimisedC(u.orig) || !isOptimisedC(&u.record) || slices.ContainsFunc(u.record.Argv, func(a string) bool { return strings.HasPrefix(a, "-iquote") }) {
		return ""
	}
	source, err := c.b.patchedText(sourcePath(&u.record))
	if err != nil {
		return ""
	}
	var names []string
	for _, m := range staticLocal.FindAllSubmatch(source, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	names = c.unstoredLocals(slices.Compact(names), u)
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("# 1 %q\n", u.record.Source) + keepLocals(string(source), names)
}

// unstoredLocals returns those of some names that are no static locals in the assembly of either version.
func (c sideCompiler) unstoredLocals(names []string, u *pairedUnit) []string {
	if len(names) == 0 {
		return nil
	}
	before, err := c.b.Store.Blob(u.compared())
	if err != nil {
		return nil
	}
	after, err := c.b.Store.Blob(u.asm)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(n string) bool { return storesLocal(before, n) || storesLocal(after, n) })
}

// storesLocal reports whether assembly has a symbol that compilers make of the name of a static local: n.0 or f.n.
func storesLocal(text []byte, name string) bool {
	for _, label := range []string{"\n" + name + ".", "." + name + ":", "." + name + "."} {
		if bytes.Contains(text, []byte(label)) {
			return true
		}
	}
	return bytes.Contains(text, []byte("\t"+name+".")) || bytes.Contains(text, []byte("."+name+","))
}

// keepLocals puts what keeps static locals behind their declarations, on the same lines.
func keepLocals(source string, names []string) string {
	var b strings.Builder
	done := 0
	for number, m := range staticLocal.FindAllStringSubmatchIndex(source, -1) {
		if name := source[m[2]:m[3]]; slices.Contains(names, name) {
			b.WriteString(source[done:m[1]])
			b.WriteString(diffasm.LocalKeeper(name, number))
			done = m[1]
		}
	}
	b.WriteString(source[done:])
	return b.String()
}

// staticLocal is the declaration of one in a line of its own, without literals.
var staticLocal = lazyregexp.New(`(?m)^[ \t]+static\b[^;={}()\n#"']*?\b([A-Za-z_]\w*)[ \t]*(?:\[[^\]\n]*\][ \t]*)*(?:=[^;\n"'#]*)?;`)
