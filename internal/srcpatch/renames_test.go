package srcpatch

import (
	"slices"
	"strings"
	"testing"
)

// A file that comes in the place of one that goes is told in lines of that one.
func TestSharedLines(t *testing.T) {
	for _, tt := range []struct {
		name, before, after string
		want                []int
	}{
		{"the same", "a b c", "a b c", []int{1, 2, 3}},
		{"a line more at the start", "a b c", "x a b c", []int{0, 1, 2, 3}},
		{"a line more at the end", "a b c", "a b c x", []int{1, 2, 3, 0}},
		{"lines taken out", "a b c d e", "a c e", []int{1, 3, 5}},
		{"edits everywhere", "a b c d e", "x b y d z", []int{0, 2, 0, 4, 0}},
		{"nothing in common", "a b", "x y z", []int{0, 0, 0}},
		{"an empty file", "a b", "", []int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sharedLines(strings.Fields(tt.before), strings.Fields(tt.after)); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
