package fault

import (
	"strings"
	"testing"
)

func TestNear(t *testing.T) {
	for _, tt := range []struct{ name, word, want string }{
		{"letters changed", "dato-sise", "data-size"},
		{"letters left out", "structlayou", "struct-layout"},
		{"letters too many", "llto", "lto"},
		{"a part of several codes", "build-id", "no-build-id same-build-id wrong-build-id"},
		{"a short word is not any other", "ltx", "lto"},
		{"nothing near", "colour", ""},
		{"two letters are a part of too many", "no", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(Near(tt.word), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	long := strings.Repeat("x", 80)
	for _, tt := range []struct{ name, paragraph, want string }{
		{"one line", "a b", "a b"},
		{"just fits", strings.Repeat("x", 76) + " y z", strings.Repeat("x", 76) + " y\nz"},
		{"a word that is too long", "a " + long + " b", "a\n" + long + "\nb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fill(tt.paragraph); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
