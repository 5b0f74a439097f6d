package patcher

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/ld"
	"gocare/planner"
)

// libraries reads the shared libraries of the two links, as far as they are still there. One that the original does not need, nor any that it
// loads, is new: the linker leaves out those of its command line that nothing is needed from (--as-needed).
func (m *maker) libraries(t *planner.Target, bin *elfobj.File) ([]ld.Object, error) {
	var list []ld.Object
	for _, path := range t.Shared {
		if f, err := elfobj.Load(path); err == nil {
			list = append(list, ld.Object{Path: path, File: f})
		}
	}
	for _, lib := range t.NewLibs {
		f, err := planner.LoadObject(m.store, lib.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: in the record: %w", lib.Path, err)
		}
		list = append(list, ld.Object{Path: lib.Path, File: f})
	}
	loaded := loadedLibraries(bin.Needed(), t.Shared)
	for i := range list {
		list[i].New = !loaded[libraryName(list[i].Path, list[i].File)] && !m.o.Allow(fault.NewLibrary)
	}
	for _, lib := range t.Later {
		if !slices.ContainsFunc(list, func(o ld.Object) bool { return o.Path == lib.Path }) { // what the original one has is not known
			continue
		}
		f, err := planner.LoadObject(m.store, lib.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: in the record: %w", lib.Path, err)
		}
		list = append(list, ld.Object{Path: lib.Path, File: f, Later: true})
	}
	return list, nil
}

// loadedLibraries names what is loaded with libraries that a binary needs: themselves, what they need, and so on, as far as that is found
// among the given files or beside any of them.
func loadedLibraries(needed, files []string) map[string]bool {
	known := map[string]*elfobj.File{}
	for _, path := range files {
		if f, err := elfobj.Load(path); err == nil {
			known[libraryName(path, f)] = f
		}
	}
	names := map[string]bool{}
	var need func(list []string)
	need = func(list []string) {
		for _, name := range list {
			if name = filepath.Base(name); names[name] {
				continue
			}
			names[name] = true
			for i := 0; known[name] == nil && i < len(files); i++ {
				if f, err := elfobj.Load(filepath.Join(filepath.Dir(files[i]), name)); err == nil {
					known[name] = f
				}
			}
			if f := known[name]; f != nil {
				need(f.Needed())
			}
		}
	}
	need(needed)
	return names
}

// libraryName is what a binary that needs a library calls it, without directories.
func libraryName(path string, f *elfobj.File) string {
	return filepath.Base(cmp.Or(f.Soname(), path))
}
