package planner

import (
	"context"
	"debug/elf"

	"gocare/buildtree"
	"gocare/diffasm"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/layout"
)

// typeRequest asks for an object with debugging information of one version of a unit.
type typeRequest struct {
	of      int // index of the unit
	unit    *buildtree.Unit
	patched bool
	flags   []string // see sideFlags
}

// compileTypes finds for every unit two objects with debugging information: the recorded ones where they have it, else ones
// compiled with -g on the side. Units of which that fails are refused, or overridden.
func (c sideCompiler) compileTypes(ctx context.Context, units []pairedUnit) ([]SideVersions, []*fault.Error, error) {
	types := make([]SideVersions, len(units))
	var before, after []typeRequest // still to be compiled
	for i := range units {
		u := &units[i]
		if u.late != nil || !describable(&u.record) {
			continue
		}
		if types[i].OrigTypes = c.withTypes(u.orig); types[i].OrigTypes == "" {
			before = append(before, typeRequest{of: i, unit: u.orig, flags: u.sideFlags()})
		}
		if u.record.AsmID == u.asm { // else it was compiled from the record: its object is the original's
			types[i].PatchedTypes = c.withTypes(&u.record)
		}
		if types[i].PatchedTypes == "" {
			after = append(after, typeRequest{of: i, unit: &u.record, patched: true, flags: u.sideFlags()})
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
func (c sideCompiler) withTypes(u *buildtree.Unit) buildtree.Digest {
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
func (c sideCompiler) compileTyped(
	ctx context.Context, wanted []typeRequest, compile func(context.Context, []request) ([]compiled, error), types []SideVersions,
) (overridden []*fault.Error, err error) {
	requests := make([]request, len(wanted))
	for i, w := range wanted {
		requests[i] = request{unit: w.unit, flags: append(typeFlags(w.unit.Driver), w.flags...)}
	}
	results, err := compile(ctx, requests)
	if err != nil {
		return nil, err
	}
	for i, w := range wanted {
		text, object, err := c.assembleTyped(ctx, w.unit, results[i])
		if err != nil {
			e := RefuseTypes(w.unit.Source, "compiling it with -g, to compare data layouts, failed", err)
			if !c.b.Allow(e.Code) {
				return nil, e
			}
			overridden = append(overridden, e)
		}
		if w.patched {
			types[w.of].PatchedDebug, types[w.of].PatchedTypes = text, object
		} else {
			types[w.of].OrigDebug, types[w.of].OrigTypes = text, object
		}
	}
	return overridden, nil
}

// assembleTyped assembles a unit compiled with -g and keeps its object.
func (c sideCompiler) assembleTyped(ctx context.Context, u *buildtree.Unit, r compiled) (text, object buildtree.Digest, err error) {
	if r.err != nil {
		return "", "", r.err
	}
	source, err := c.b.Store.Blob(r.asm)
	if err != nil {
		return "", "", err
	}
	data, err := Assemble(ctx, c.b.Store, u, source)
	if err != nil {
		return "", "", err
	}
	object, err = c.b.Store.PutBlob(data)
	return r.asm, object, err
}

// RefuseTypes refuses a unit of which types are not known.
func RefuseTypes(source, what string, cause error) *fault.Error {
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
	return layout.Read(d, threadLocal(f)...)
}

// threadLocal returns the names that thread-local variables of an object have in its source.
func threadLocal(f *elfobj.File) (names []string) {
	for _, s := range f.Symbols {
		if s.Type == elf.STT_TLS && s.Section != int(elf.SHN_UNDEF) {
			names = append(names, diffasm.SourceName(s.Name))
		}
	}
	return names
}

// Types reads the types of both versions, with those of variables that other units define.
func (v *SideVersions) Types(store *buildtree.Store) (before, after *layout.Unit, err error) {
	if before, err = LoadLayout(store, v.OrigTypes); err != nil {
		return nil, nil, err
	}
	if after, err = LoadLayout(store, v.PatchedTypes); err != nil {
		return nil, nil, err
	}
	if err := withElsewhere(before, store, v.OrigElsewhere); err != nil {
		return nil, nil, err
	}
	return before, after, withElsewhere(after, store, v.PatchedElsewhere)
}

// LoadLayout reads the types that an object of the record describes.
func LoadLayout(store *buildtree.Store, id buildtree.Digest) (*layout.Unit, error) {
	data, err := store.Blob(id)
	if err != nil {
		return nil, err
	}
	return readLayout(data)
}

// compileAdded finds objects with debugging information of new sources, which what they took along from others is compared by. One that does
// not compile so is left without.
func (c sideCompiler) compileAdded(ctx context.Context, links []pairedLink) ([]SideVersions, error) {
	var added []SideVersions
	var requests []request
	var of []int
	for _, l := range links {
		for _, a := range l.added {
			if u := a.Patched; u != nil && describable(u) {
				added = append(added, SideVersions{PatchedTypes: c.withTypes(u)})
				if added[len(added)-1].PatchedTypes == "" {
					requests, of = append(requests, request{unit: u, flags: typeFlags(u.Driver)}), append(of, len(added)-1)
				}
				continue
			}
			added = append(added, SideVersions{})
		}
	}
	results, err := c.b.compileInView(ctx, requests)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		if text, object, err := c.assembleTyped(ctx, requests[i].unit, r); err == nil {
			added[of[i]].PatchedDebug, added[of[i]].PatchedTypes = text, object
		}
	}
	return added, nil
}
