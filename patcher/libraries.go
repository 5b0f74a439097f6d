package patcher

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/ld"
)

// libraries reads the shared libraries of the two links, as far as they are still there. One that only the patched link has
// is new, unless one of the others loads it.
func (m *maker) libraries(t *Target) ([]ld.Object, error) {
	loaded := loadedLibraries(t.Shared)
	var list []ld.Object
	for _, path := range t.Shared {
		if f, err := elfobj.Load(path); err == nil {
			list = append(list, ld.Object{Path: path, File: f})
		}
	}
	for _, lib := range t.NewLibs {
		f, err := loadObject(m.store, lib.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: in the record: %w", lib.Path, err)
		}
		known := loaded[f.Soname()] || m.o.Allow(fault.NewLibrary)
		list = append(list, ld.Object{Path: lib.Path, File: f, New: !known})
	}
	return list, nil
}

// loadedLibraries names what is loaded with libraries: themselves, what they need, and so on, as far as that is found
// beside any of them.
func loadedLibraries(paths []string) map[string]bool {
	names := map[string]bool{}
	paths = slices.Clone(paths)
	for i := 0; i < len(paths); i++ {
		f, err := elfobj.Load(paths[i])
		if err != nil || i > 0 && slices.Contains(paths[:i], paths[i]) {
			continue
		}
		names[f.Soname()] = true
		for _, name := range f.Needed() {
			if names[name] {
				continue
			}
			names[name] = true
			for _, beside := range paths[:i+1] {
				paths = append(paths, filepath.Join(filepath.Dir(beside), name))
			}
		}
	}
	delete(names, "")
	return names
}

// librariesOf returns the absolute paths of the shared libraries of a link.
func librariesOf(l *buildtree.Link) []string {
	var paths []string
	for _, path := range l.Shared {
		if !filepath.IsAbs(path) {
			path = filepath.Join(l.Dir, path)
		}
		paths = append(paths, path)
	}
	return paths
}

// wrapped lists the symbols that a linker's command line redirects.
func wrapped(argv []string) []string {
	var names []string
	for i, arg := range argv {
		name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		switch {
		case name != "wrap" || !strings.HasPrefix(arg, "-"):
		case joined:
			names = append(names, value)
		case i+1 < len(argv):
			names = append(names, argv[i+1])
		}
	}
	return names
}

// bindsOwn returns the option of a linker's command line that binds symbols of a library to itself and leaves no mark in it.
func bindsOwn(argv []string) (option string) {
	for _, arg := range argv {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		switch {
		case !strings.HasPrefix(arg, "-"):
		case name == "Bno-symbolic":
			option = ""
		case strings.HasPrefix(name, "Bsymbolic-"), strings.HasPrefix(name, "dynamic-list"):
			option = name
		}
	}
	return option
}
