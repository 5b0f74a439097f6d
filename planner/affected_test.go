package planner

import (
	"testing"

	"gocare/buildtree"
	"gocare/internal/srcpatch"
)

func TestAffected(t *testing.T) {
	reads := func(paths ...string) unitReads {
		u := unitReads{unit: &buildtree.Unit{}}
		for _, p := range paths {
			u.files = append(u.files, buildtree.Read{Path: p})
		}
		return u
	}
	r := &Reads{units: map[string]unitReads{
		"a": reads("/t/a.c", "/t/x.h"), "b": reads("/t/b.c", "/t/sub/../x.h"), "c": reads("/t/c.c"), "d": reads("/other/x.h"),
	}}
	for _, tt := range []struct {
		name string
		old  []string
		want int
	}{
		{"a source", []string{"c.c"}, 1},
		{"a header, by two ways", []string{"x.h"}, 2},
		{"a header and one of its users", []string{"x.h", "a.c"}, 2},
		{"a new file", []string{""}, 0},
		{"a file that no unit reads", []string{"README"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := &srcpatch.Change{}
			for _, old := range tt.old {
				change.Files = append(change.Files, srcpatch.FileChange{Old: old})
			}
			if got := r.Affected(change, "/t"); got != tt.want {
				t.Errorf("%d units, want %d", got, tt.want)
			}
		})
	}
}
