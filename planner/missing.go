package planner

import (
	"bytes"
	"debug/elf"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// refuseMissing refuses a binary with changed inputs of which no compile is recorded, by what these are.
func (c *comparison) refuseMissing(f installed, orig *buildtree.Link, missing []buildtree.Input) error {
	names := make([]string, len(missing))
	for i, in := range missing {
		names[i] = in.String()
		if in.Member != "" && !linked(orig, in) {
			return fault.Refuse(fault.NewInput, f.path, "%s is linked in only by the patched build", in).
				WithState("no patch written")
		}
	}
	first := missing[0]
	path := first.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(orig.Dir, path)
	}
	e := func(code fault.Code, format string, args ...any) *fault.Error {
		return fault.Refuse(code, f.path, format, args...).WithState("no patch written")
	}
	data, _ := c.b.Store.Blob(first.ObjectID)
	switch unit := c.inventory().unitInside(data); {
	case c.orig.UnitFor(orig, first) != nil && !slices.ContainsFunc(c.patched.Units, func(u buildtree.Unit) bool { return u.Object == path }):
		return e(fault.NoRecord, "%s changed, and the patched build compiled it unrecorded", first).WithHint(hintHidden)
	case slices.ContainsFunc(c.orig.Units, func(u buildtree.Unit) bool { return u.Object == path }):
		return e(fault.NoRecord, "%s changed, and a tool rewrote it after its compile", first).
			WithHint("which function is which in it is not known: link what the compiler wrote, without objcopy or the like")
	case unit != nil:
		return e(fault.PartialLink, "%s changed: the object of %s went into it, by ld -r or the like", first, c.b.sourceName(unit))
	case data != nil && !hasCode(data):
		return e(fault.NoRecord, "%s changed, and no compile made it: it is data", first).
			WithHint("running processes keep the data: put what has to change into a C source, under a new name")
	case madeByClang(data):
		return e(fault.NoRecord, "%s changed; clang compiled it, and that was not recorded", first).
			WithHint("the build calls clang by a path, which carecc --env does not see: let it find clang in PATH (CC=clang in debian/rules or the spec file), or build with CC=carecc and KPCCREAL=clang")
	}
	if c.b.Store.Remade(path, first.ObjectID) == buildtree.MadeUnrecorded {
		return e(fault.NoRecord, "changed, but not recorded when it was compiled: %s", strings.Join(names, ", ")).WithHint(hintHidden)
	}
	return e(fault.NoRecord, "changed, but not recorded when it was compiled: %s", strings.Join(names, ", ")).
		WithHint("remove %s and run patchmake again: the build compiles it anew, and that is recorded if carecc or gcc does it", first.Path)
}

// unitInside finds a recorded unit of whose code an object has a part, nil if there is none.
func (v inventory) unitInside(object []byte) *buildtree.Unit {
	if object == nil {
		return nil
	}
	for i := range v.orig.Units {
		u := &v.orig.Units[i]
		if data, err := v.objectAsIs(u); err == nil && holdsCode(object, data) {
			return u
		}
	}
	return nil
}

func hasCode(object []byte) bool {
	f, err := elfobj.Parse(object)
	return err != nil || slices.ContainsFunc(f.Sections, func(s elfobj.Section) bool { return s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 0 })
}

// madeByClang goes by the note that compilers leave in their objects.
func madeByClang(object []byte) bool {
	f, err := elfobj.Parse(object)
	return err == nil && slices.ContainsFunc(f.Sections, func(s elfobj.Section) bool {
		return s.Name == ".comment" && bytes.Contains(s.Data, []byte("clang version"))
	})
}
