package planner

import (
	"bytes"
	"regexp"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/lazyregexp"
)

// This file looks for private variables to which a process may have pointers that the patched source makes no more: its compiler takes it that what
// other pointers lead to is another variable. Those at file level are kept where that can be done, see keepVariables; the address of a function's has
// no other place to be taken. One whose address the original's code gives nowhere away has no pointers.

// refusePointed refuses units with such variables that are not kept. It returns the refusals that were overridden.
func (c *comparison) refusePointed(links []pairedLink) (overridden []*fault.Error, err error) {
	if c.drift == nil {
		return nil, nil
	}
	for _, l := range links {
		for _, u := range l.units {
			name := c.pointedVariable(u, archOf(l.machine))
			if name == "" {
				continue
			}
			e := fault.Refuse(fault.StaticLost, c.b.sourceName(u.orig), "the patched source takes the address of the static variable %q nowhere, and its compiler "+
				"does not know of the pointers to it that the process may have", name).
				WithHint("leave the code that takes its address, and what it assigns that to, as it is; --allow static-lost goes on where nothing points to it any more")
			if !c.b.Allow(e.Code) {
				return nil, e
			}
			overridden = append(overridden, e)
		}
	}
	return overridden, nil
}

// pointedVariable returns such a variable of a unit, "" if it has none: the original's source takes its address, and the patched one nowhere.
func (c *comparison) pointedVariable(u pairedUnit, machine *arch.Target) string {
	if !isOptimised(&u.record) {
		return ""
	}
	patched, err := c.patchedSource(sourcePath(&u.record))
	if err != nil {
		return ""
	}
	orig, err := c.b.originalSource(u.orig)
	if err != nil {
		return ""
	}
	names := functionStatics(patched)
	if u.kept == nil {
		names = append(names, privateVariables(patched)...)
	}
	for _, name := range names {
		if pointersTo(name, orig) > 0 && pointersTo(name, patched) == 0 && c.mayBePointedTo(u.orig, machine, name) {
			return name
		}
	}
	return ""
}

// mayBePointedTo reports whether the code of the original may lead pointers to a variable that its source takes the address of.
func (c *comparison) mayBePointedTo(orig *buildtree.Unit, machine *arch.Target, name string) bool {
	if !isOptimisedC(orig) { // other languages call it otherwise
		return true
	}
	f, err := c.parse(machine, orig.AsmID)
	return err != nil || diffasm.MayBePointedTo(f, name)
}

// pointersTo counts the places in a source where a variable's address is taken, and those where an array's may be: it is named without an index. An
// and of bits counts, too.
func pointersTo(name string, source []byte) (n int) {
	array := regexp.MustCompile(`(?m)^[ \t]*static\b[^;={}()\n#]*?\b` + name + `\s*\[`).Match(source)
	for _, at := range regexp.MustCompile(`\b`+name+`\b`).FindAllIndex(source, -1) {
		before, behind := bytes.TrimRight(source[:at[0]], " \t\n("), bytes.TrimLeft(source[at[1]:], " \t\n")
		taken := bytes.HasSuffix(before, []byte("&")) && !bytes.HasSuffix(before, []byte("&&"))
		if taken || array && !bytes.HasPrefix(behind, []byte("[")) {
			n++
		}
	}
	return n
}

// functionStatics names the static variables that a source declares in functions, each alone at the beginning of a line, and that are not const.
func functionStatics(source []byte) []string { return declaredBy(functionStatic, source) }

var functionStatic = lazyregexp.New(`(?m)^[ \t]+static\b([^;={}()\n#]*?)\b([A-Za-z_]\w*)\s*(?:\[[^\]\n]*\]\s*)*[=;]`)
