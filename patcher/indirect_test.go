package patcher

import (
	"testing"

	"gocare/diffasm"
)

// TestStandsFor: a recompiled unit may leave a function to the original only if the source patch does not change it.
func TestStandsFor(t *testing.T) {
	functions := []diffasm.Function{
		{Name: "same", Status: diffasm.Same}, {Name: "lines", Status: diffasm.LineOnly}, {Name: "changed", Status: diffasm.Changed}, {Name: "gone", Status: diffasm.Gone},
	}
	for name, want := range map[string]bool{"same": true, "lines": true, "changed": false, "gone": false, "inlined everywhere": false} {
		if got := standsFor(functions, []string{name}); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
