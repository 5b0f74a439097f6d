package diffasm

import (
	"go/build"
	"slices"
	"strings"
	"testing"
)

// layers are the packages of diffasm, each with those that it may import.
var layers = map[string][]string{
	"asm":       {},
	"machine":   {"asm"},
	"canon":     {"asm", "machine"},
	"flow":      {"asm", "machine"},
	"debuginfo": {"asm", "canon"},
	"correlate": {"asm", "machine", "canon", "debuginfo"},
	".":         {"asm", "machine", "canon", "flow", "debuginfo", "correlate"},
}

// TestLayers keeps the imports between the layers pointing one way.
func TestLayers(t *testing.T) {
	const root = "gocare/diffasm"
	for dir, allowed := range layers {
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports) {
			name, inside := strings.CutPrefix(path, root+"/")
			if path == root || inside && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s, and may import %q", dir, path, allowed)
			}
		}
	}
}
