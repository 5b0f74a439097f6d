package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// sample is a program of the suite.
type sample struct {
	name    string // path below the suite, without .c
	dir     string // where its source is
	source  []byte
	options []string // that it asks for
	files   []string // further sources
}

// samples lists the programs below a directory whose name matches one of the globs, for a machine as GNU names it.
func samples(dir, machine string, globs []string) ([]sample, error) {
	paths, err := doublestar.FilepathGlob(filepath.Join(dir, "**", "*.c"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var list []sample
	for _, path := range paths {
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(rel, ".c")
		if !slices.ContainsFunc(globs, func(g string) bool { return doublestar.MatchUnvalidated(g, name) }) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if options, program := directives(source, machine); program {
			s := sample{name: name, dir: filepath.Dir(path), source: source, options: options}
			if !strings.HasPrefix(name, "builtins/") || s.builtin() {
				list = append(list, s)
			}
		}
	}
	return list, nil
}

// builtin completes one of the programs that bring library functions of their own along. It reports whether it is one.
func (s *sample) builtin() bool {
	lib, main := filepath.Join(s.dir, filepath.Base(s.name)+"-lib.c"), filepath.Join(s.dir, "lib", "main.c")
	if _, err := os.Stat(lib); err != nil {
		return false
	}
	s.files = []string{lib, main}
	s.options = append(s.options, "-fno-tree-dse", "-fno-tree-loop-distribute-patterns", "-fno-tracer", "-fno-ipa-ra", "-fno-inline-functions")
	return true
}

var directive = regexp.MustCompile(`\{\s*dg-([a-z-]+)\s+(?:\{\s*)?("[^"]*"|[\w-]+)\s*\}?\s*(\{\s*target.*)?\}`)

// here is what tells that options for some machines only are for this one.
func here(machine string) *regexp.Regexp {
	return regexp.MustCompile(regexp.QuoteMeta(machine) + `|\blp64\b`)
}

// directives reads what a source says about how it is tested: the options it is compiled with, and whether it is a program
// that can be run at all.
func directives(source []byte, machine string) (options []string, program bool) {
	program = true
	ours := here(machine)
	for _, m := range directive.FindAllStringSubmatch(string(source), -1) {
		what, value, target := m[1], strings.Trim(m[2], `"`), m[3]
		switch {
		case what == "do":
			program = program && value == "run"
		case what != "options" && what != "additional-options":
		case target == "" || ours.MatchString(target):
			options = append(options, strings.Fields(value)...)
		}
	}
	return options, program
}
