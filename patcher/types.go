package patcher

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// typeRequest asks for an object with debugging information of one version of a unit.
type typeRequest struct {
	of      int // index of the unit
	unit    *buildtree.Unit
	patched bool
}

// compileTypes finds for every unit two objects with debugging information: the recorded ones where they have it, else ones
// compiled with -g on the side. Units of which that fails are refused, or overridden.
func (c *comparison) compileTypes(ctx context.Context, units []pairedUnit) ([]SideVersions, []*fault.Error, error) {
	types := make([]SideVersions, len(units))
	var before, after []typeRequest // still to be compiled
	for i := range units {
		u := &units[i]
		if u.late != nil || !describable(&u.record) {
			continue
		}
		if types[i].OrigTypes = c.withTypes(u.orig); types[i].OrigTypes == "" {
			before = append(before, typeRequest{of: i, unit: u.orig})
		}
		if u.record.AsmID == u.asm { // else it was compiled from the record: its object is the original's
			types[i].PatchedTypes = c.withTypes(&u.record)
		}
		if types[i].PatchedTypes == "" {
			after = append(after, typeRequest{of: i, unit: &u.record, patched: true})
		}
	}
	failed, err := c.compileTyped(ctx, before, c.b.compileHere, types)
	if err != nil {
		return nil, nil, err
	}
	failedToo, err := c.compileTyped(ctx, after, c.b.compileInView, types)
	return types, append(failed, failedToo...), err
}

// withTypes returns the digest of a recorded unit's object if it describes types, else "". clang leaves enumerations out of which
// only constant expressions make use, such as case labels.
func (c *comparison) withTypes(u *buildtree.Unit) buildtree.Digest {
	if buildtree.IsClang(u.Driver) {
		return ""
	}
	data, err := c.b.Store.Blob(u.ObjectID)
	if err != nil {
		return ""
	}
	if l, err := readLayout(data); err != nil || l.Empty() {
		return ""
	}
	return u.ObjectID
}

// describable reports whether a recorded unit can be compiled with -g: from its source, whatever it was compiled to.
func describable(u *buildtree.Unit) bool {
	source := *u
	if u.Lang == "lto" {
		source.Lang = ""
	}
	return compilable(&source)
}

// typeFlags make a compiler describe types; see withTypes for clang.
func typeFlags(driver string) []string {
	flags := []string{"-g", "-gno-split-dwarf", "-gz=none", "-fno-debug-types-section", "-fno-lto"}
	if buildtree.IsClang(driver) {
		flags = append(flags, "-fno-eliminate-unused-debug-types")
	}
	return flags
}

// compileTyped compiles units with -g, assembles them and fills in what became of them.
func (c *comparison) compileTyped(
	ctx context.Context, wanted []typeRequest, compile func(context.Context, []request) ([]compiled, error), types []SideVersions,
) (overridden []*fault.Error, err error) {
	requests := make([]request, len(wanted))
	for i, w := range wanted {
		requests[i] = request{unit: w.unit, flags: typeFlags(w.unit.Driver)}
	}
	results, err := compile(ctx, requests)
	if err != nil {
		return nil, err
	}
	for i, w := range wanted {
		asm, object, err := c.assembleTyped(ctx, w.unit, results[i])
		if err != nil {
			e := refuseTypes(w.unit.Source, "compiling it with -g, to compare data layouts, failed", err)
			if !c.b.Allow(e.Code) {
				return nil, e
			}
			overridden = append(overridden, e)
		}
		if w.patched {
			types[w.of].PatchedDebug, types[w.of].PatchedTypes = asm, object
		} else {
			types[w.of].OrigDebug, types[w.of].OrigTypes = asm, object
		}
	}
	return overridden, nil
}

// assembleTyped assembles a unit compiled with -g and keeps its object.
func (c *comparison) assembleTyped(ctx context.Context, u *buildtree.Unit, r compiled) (asm, object buildtree.Digest, err error) {
	if r.err != nil {
		return "", "", r.err
	}
	text, err := c.b.Store.Blob(r.asm)
	if err != nil {
		return "", "", err
	}
	data, err := assemble(ctx, c.b.Store, u, text)
	if err != nil {
		return "", "", err
	}
	object, err = c.b.Store.PutBlob(data)
	return r.asm, object, err
}

func refuseTypes(source, what string, cause error) *fault.Error {
	return fault.Refuse(fault.NoTypes, source, "%s", what).WithCause(cause)
}

func readLayout(object []byte) (*layout.Unit, error) {
	f, err := elfobj.Parse(object)
	if err != nil {
		return nil, err
	}
	d, err := f.DWARF()
	if err != nil || d == nil {
		return &layout.Unit{}, err
	}
	return layout.Read(d)
}

// typeChanges compares the types of a unit's two versions: nil where there are none. Members that the source patch only renames are no
// change, nor is a count at the end of an enumeration.
func (m *maker) typeChanges(v *SideVersions) ([]layout.Change, error) {
	if v.OrigTypes == "" || v.PatchedTypes == "" {
		return nil, nil
	}
	before, err := loadLayout(m.store, v.OrigTypes)
	if err != nil {
		return nil, err
	}
	after, err := loadLayout(m.store, v.PatchedTypes)
	if err != nil {
		return nil, err
	}
	if err := withElsewhere(before, m.store, v.OrigElsewhere); err != nil {
		return nil, err
	}
	if err := withElsewhere(after, m.store, v.PatchedElsewhere); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(layout.Compare(before, after), func(c layout.Change) bool {
		return c.Last && isCount(m.store, v, c.Name) || len(c.Renamed) > 0 && !slices.ContainsFunc(c.Renamed, func(r layout.Rename) bool { return !m.sources.renamed(r) })
	}), nil
}

// renamedTypes compares the prototypes of functions, and the types of variables, that a unit has under another name.
func (m *maker) renamedTypes(d *decidedUnit) (changes []layout.Change, err error) {
	names, variables := d.selection.Renamed(), d.delta.RenamedVariables()
	if len(names)+len(variables) == 0 || d.unit.OrigTypes == "" || d.unit.PatchedTypes == "" {
		return nil, nil
	}
	before, err := loadLayout(m.store, d.unit.OrigTypes)
	if err != nil {
		return nil, err
	}
	after, err := loadLayout(m.store, d.unit.PatchedTypes)
	if err != nil {
		return nil, err
	}
	for is, was := range names {
		if c, _ := layout.Renamed(before, after, was, is); c != nil {
			c.Symbol = was
			changes = append(changes, *c)
		}
	}
	for _, v := range variables {
		if c := layout.RenamedVariable(before, after, v[0].Name, v[1].Name); c != nil {
			changes = append(changes, *c)
		}
	}
	return changes, nil
}

func loadLayout(store *buildtree.Store, id buildtree.Digest) (*layout.Unit, error) {
	data, err := store.Blob(id)
	if err != nil {
		return nil, err
	}
	return readLayout(data)
}

func refuseLayout(source string, c layout.Change) *fault.Error {
	switch c.Kind {
	case layout.Enumerator:
		return refuseEnumerator(source, c)
	case layout.Variable:
		return fault.Refuse(fault.VariableType, source, "variable %q has another type: %s", c.Name, howChanged(c))
	}
	return fault.Refuse(fault.StructLayout, source, "%s has another layout: %s", c.Name, howChanged(c))
}

// howChanged tells in a line what a type was and is; what that cannot hold follows, a member on each line.
func howChanged(c layout.Change) string {
	if len(c.Renamed) > 0 {
		r := c.Renamed[0]
		return fmt.Sprintf("its member %q is %q now, and the source patch does not show that they are the same", r.Old, r.New)
	}
	text := fmt.Sprintf("was %s, is %s", c.Before, c.After)
	if len(c.Members) > 0 {
		text += ":\n  " + strings.Join(c.Members, "\n  ")
	}
	return text
}

func refuseEnumerator(source string, c layout.Change) *fault.Error {
	declared, more := "", ""
	if c.Declared != "" {
		declared = ", declared at " + c.Declared + ","
	}
	if c.More > 0 {
		more = fmt.Sprintf("; so have %d more of it", c.More)
	}
	return fault.Refuse(fault.EnumRenumbered, source, "enumerator %q of %s%s has another value: was %s, is %s%s", c.Name, c.Of, declared, c.Before, c.After, more)
}
