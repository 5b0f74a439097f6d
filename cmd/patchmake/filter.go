package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"gocare/internal/cxxname"
	"gocare/internal/fault"
)

// filter says which changed functions go into the patch. New functions are always kept.
type filter struct {
	Source string          // what it came from, for people
	Globs  []string        // doublestar; nil when Names decide
	Names  map[string]bool // whole names; nil when there is no filter at all
}

// loadFilter takes the globs of the command line, else the config file if it is there and lists anything.
func loadFilter(o options) (*filter, error) {
	if len(o.Functions) > 0 {
		for _, g := range o.Functions {
			if !doublestar.ValidatePattern(g) {
				return nil, usage("--functions %q: not a valid glob", g).WithHint("write *, ?, [abc] or {one,two} in names of functions")
			}
		}
		return &filter{Source: "--functions " + strings.Join(o.Functions, " "), Globs: o.Functions}, nil
	}
	data, err := os.ReadFile(o.Config)
	if errors.Is(err, fs.ErrNotExist) && !o.ConfigGiven {
		return &filter{}, nil
	}
	if err != nil {
		return nil, fault.New(fault.Environment, o.Config, "cannot read the function filter").WithCause(err).WithState("tree unchanged").
			WithHint("--config names a file with one function name a line; --functions takes globs instead")
	}
	names := parseFilter(data)
	if len(names) == 0 {
		return &filter{}, nil
	}
	return &filter{Source: o.Config, Names: names}, nil
}

// parseFilter reads one function name a line; # begins a comment.
func parseFilter(data []byte) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, "#")
		if name = strings.TrimSpace(name); name != "" {
			names[name] = true
		}
	}
	return names
}

func (f *filter) active() bool { return f.Source != "" }

// keeps reports whether a changed function goes into the patch.
func (f *filter) keeps(symbol string) bool {
	if f.Names == nil && len(f.Globs) == 0 {
		return true
	}
	return slices.ContainsFunc(cxxname.Spellings(symbol), func(name string) bool {
		return f.Names[name] || slices.ContainsFunc(f.Globs, func(g string) bool { return doublestar.MatchUnvalidated(g, name) })
	})
}
