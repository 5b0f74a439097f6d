package planner

import (
	"testing"

	"gocare/buildtree"
	"gocare/internal/jobs"
)

// TestNewer: a file that was written when the compile began may be another one since, unless its content tells.
func TestNewer(t *testing.T) {
	const path = "/t/b.s"
	for _, tt := range []struct {
		name    string
		read    string // content, as far as it was recorded
		asm     string // that was kept
		now     string
		changed int64
		want    string
	}{
		{"older", "", "other", "text", 9, ""},
		{"of that time", "", "other", "text", 10, path},
		{"of that time, nothing kept", "", "", "", 10, path},
		{"of that time, the assembly that was kept", "", "text", "text", 10, ""},
		{"the content of that time", "text", "other", "text", 11, ""},
		{"another content", "text", "text", "other", 9, path},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := unitReads{unit: &buildtree.Unit{AsmID: buildtree.Digest(tt.asm), Time: 10}, files: []buildtree.Read{{Path: path, ID: tt.read}}}
			seen := &jobs.Survey{Digests: map[string]string{path: tt.now}, Changed: map[string]int64{path: tt.changed}}
			if got := u.newer(seen); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
