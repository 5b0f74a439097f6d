package planner

import (
	"path/filepath"
	"slices"
	"strings"

	"gocare/buildtree"
)

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

// makesLibrary reports whether a linker's command line makes a shared library, which processes of other programs load.
func makesLibrary(argv []string) bool {
	return slices.ContainsFunc(argv, func(arg string) bool { return arg == "-shared" || arg == "--shared" || arg == "-Bshareable" })
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
