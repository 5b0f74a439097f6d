package asm

import "testing"

func TestSplitNumbered(t *testing.T) {
	for _, tt := range []struct {
		name, symbol string
		base, kinds  string // "" for a name that no compiler numbered
	}{
		{"a static local", "n.3", "n", ".#"},
		{"a clone", "f.isra.0", "f", ".isra.#"},
		{"a clone of a clone", "f.isra.0.constprop.1", "f", ".isra.#.constprop.#"},
		{"a cold part", "f.cold", "", ""},
		{"a static local of clang's", "f.n", "", ""},
		{"the second one", "f.n.1", "f.n", ".#"},
		{"a literal of clang's at file level", ".compoundliteral.4", ".compoundliteral", ".#"},
		{"a local label", ".L12", "", ""},
		{"a plain name", "main", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := SplitNumbered(tt.symbol)
			if want := tt.base != ""; ok != want || want && (got.Base != tt.base || got.Kinds != tt.kinds) {
				t.Errorf("%q: base %q, kinds %q, %v", tt.symbol, got.Base, got.Kinds, ok)
			}
		})
	}
}
