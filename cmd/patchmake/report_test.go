package main

import (
	"bytes"
	"strconv"
	"testing"

	"gocare/internal/ui"
	"gocare/kpatch"
)

// TestSayReplaced: one line, whatever the patch holds.
func TestSayReplaced(t *testing.T) {
	old := kpatch.Location{Section: 1}
	many := &kpatch.Patch{}
	for i := range 15 {
		many.Functions = append(many.Functions, kpatch.Function{Name: "f" + strconv.Itoa(i), Old: old, OldSize: 9})
	}
	for _, tt := range []struct {
		name  string
		patch *kpatch.Patch
		level ui.Level
		want  string
	}{
		{"new ones and a gate", &kpatch.Patch{Functions: []kpatch.Function{
			{Name: "a", Old: old, OldSize: 9},
			{Name: "b"},
			{Name: "short", Old: old, OldSize: 2, Via: old},
			{Name: "short", Old: old, OldSize: 5},
		}}, ui.Normal, "prog: replaces a, short; 1 new\n"},
		{"many", many, ui.Normal, "prog: replaces f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11 and 3 more\n"},
		{"quiet", many, ui.Quiet, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			sayReplaced("prog", tt.patch, ui.New("patchmake", &out, &out, tt.level, false))
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", out.String(), tt.want)
			}
		})
	}
}
