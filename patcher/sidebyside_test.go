package patcher

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSideBySide(t *testing.T) {
	for _, tt := range []struct{ name, before, after, want string }{
		{"the same", "a b", "a b", "same:a/a same:b/b"},
		{"changed", "a b c", "a x c", "same:a/a changed:b/x same:c/c"},
		{"added", "a c", "a b c", "same:a/a added:/b same:c/c"},
		{"removed at the end", "a b", "a", "same:a/a removed:b/"},
		{"labels alone", "j.L1 a", "j.L2 a", "same:j.L1/j.L2 same:a/a"},
		{"new", "", "a b", "added:/a added:/b"},
		{"gone", "a", "", "removed:a/"},
		{"moved", "a b c d", "b c d a", "removed:a/ same:b/b same:c/c same:d/d added:/a"},
		{"equal lines shared by head and tail", "a a", "a a a", "same:a/a same:a/a added:/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range sideBySide(strings.Fields(tt.before), strings.Fields(tt.after), withoutLabels) {
				got = append(got, string(r.Kind)+":"+r.Old+"/"+r.New)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestExcerpt: three lines stay around a difference, and what is left out shows.
func TestExcerpt(t *testing.T) {
	before := strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20")
	after := append(append([]string{}, before[:9]...), before[10:]...)
	var got []string
	for _, r := range excerpt(sideBySide(before, after, func(s string) string { return s })) {
		got = append(got, string(r.Kind)+" "+r.Old)
	}
	want := []string{"same 7", "same 8", "same 9", "removed 10", "same 11", "same 12", "same 13", "gap "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
